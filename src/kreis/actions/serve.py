"""Starts the service: a process of its own that reads data and never the project's code."""

from __future__ import annotations

import http
import http.client
import os
import socket
import sys
from pathlib import Path

import msgspec

from kreis.deployment.pointer import read_pointer
from kreis.deployment.server.config import Limits, ServerConfig
from kreis.deployment.server.questions.messages import Asker
from kreis.deployment.server.reviews.messages import Reviewer
from kreis.deployment.signing import load_trusted
from kreis.durable import make_directory, read_regular, storing, write_durably
from kreis.errors import CorruptionError, ProjectError, ServiceError, StoreError
from kreis.ledger import runs
from kreis.places import absolute
from kreis.workspace import Workspace

__all__ = ["close_segment", "exec_server", "free_port", "write_config"]

_PATIENCE = 5.0


def write_config(
    workspace: Workspace, project: str, *, host: str = "", port: int = 0, workers: int = 0, simulated: bool = False
) -> Path:
    """Publish the current release and write down what the service is started with.

    Returns:
        The configuration's path, for `python -m kreis.deployment.server`.

    Raises:
        ProjectError: nothing is released yet.
        PolicyError: the service would be open to others without a token.
    """
    if workspace.releases(project).publish() is None:
        raise ProjectError(
            "nothing is released yet",
            where=str(workspace.folder),
            hint="kreis run; what the last one lacked: kreis status",
        )
    return _write(workspace, project, host, port, workers, simulated)


def _write(workspace: Workspace, project: str, host: str, port: int, workers: int, simulated: bool) -> Path:
    settings = workspace.settings.service
    config = ServerConfig(
        project=project,
        service=absolute(workspace.settings.service.url, workspace.folder),
        artifacts=absolute(workspace.settings.artifacts.url, workspace.folder),
        trusted=workspace.trusted_keys,
        log=workspace.journal_folder,
        online=absolute(workspace.settings.online.url, workspace.folder),
        host=host or settings.host,
        port=port or settings.port,
        workers=workers or settings.workers,
        durability=settings.durability,
        simulated=simulated,
        token=settings.token or None,
        askers=[Asker(name=name, **msgspec.structs.asdict(each)) for name, each in settings.askers.items()],
        reviewers=[Reviewer(name=name, **msgspec.structs.asdict(each)) for name, each in settings.reviewers.items()],
        reviews=workspace.reviews_file,
        tools=_tools_url(workspace),
        tools_key=workspace.folder / workspace.settings.tools.key,
        limits=Limits(answers=settings.answers, answer_ms=settings.answer_ms),
    )
    config.check()
    path = workspace.service_folder / "server.json"
    # The token reaches the service through its environment; a file is the wrong place for it.
    document = msgspec.structs.replace(config, token=None).to_json()
    with storing(f"service in {workspace.service_folder}"):
        make_directory(workspace.journal_folder)
        if not (path.is_file() and path.read_bytes() == document):  # a full disk need not keep it from starting
            write_durably(path, document)
    return path


def _tools_url(workspace: Workspace) -> str:
    scheme, _, rest = workspace.settings.tools.url.partition(":")
    return f"unix:{workspace.folder / rest}" if scheme == "unix" else workspace.settings.tools.url


def exec_server(workspace: Workspace, *, host: str, port: int, workers: int, simulated: bool) -> None:
    """Replace this process by the service; so nothing of the command line stays in its memory.

    The service needs only the pointer: where the ledger does not answer, it starts with the release that was
    published last, and says so.
    """
    try:
        with workspace.ledger.read() as connection:
            last = runs.list_runs(connection, limit=1)
        if not last:
            raise ProjectError("nothing has run yet", where=str(workspace.folder), hint="kreis run")
        config = write_config(workspace, last[0].project, host=host, port=port, workers=workers, simulated=simulated)
        workspace.ledger.close()
    except CorruptionError:
        raise
    except StoreError as error:
        pointer = read_pointer(workspace.pointer, load_trusted(workspace.trusted_keys))
        if pointer is None:
            raise
        release = pointer.release
        told = (
            f"The record cannot be asked ({error.message}). Release {release.number} was published last: it answers.\n"
        )
        sys.stderr.write(told)
        config = _write(workspace, release.project, host, port, workers, simulated)
    if workspace.settings.service.token:
        os.environ["KREIS__SERVICE__TOKEN"] = workspace.settings.service.token
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "kreis.deployment.server", str(config)])


def close_segment(workspace: Workspace) -> None:
    """Ask the service to close the log's segment in use, so that it can be moved into the lake. Where none is in use,
    no service runs, or nobody has asked it anything, and nobody is asked.

    Raises:
        ServiceError: nobody listens where the service was started, something refuses, or does not answer in time.
    """
    if not workspace.prediction_log.in_use():
        return
    host, port = _address(workspace)
    link = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    token = workspace.settings.service.token
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    where = f"service at {host}:{port}"
    try:
        link.request("POST", "/v1/flush", body="{}", headers=headers)
        answer = link.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        if not workspace.prediction_log.in_use():  # it has stopped meanwhile
            return
        raise ServiceError(
            f"a process writes to the log, and its segment cannot be closed: {error}",
            where=where,
            hint="was the service started with another host or port? `kreis serve` writes down the last one",
        ) from error
    finally:
        link.close()
    if answer.status != http.HTTPStatus.OK:
        raise ServiceError(
            f"the log's segment is not closed: {answer.status} {answer.reason}",
            where=where,
            hint="is another program listening there? Does [service] token fit?",
        )


def _address(workspace: Workspace) -> tuple[str, int]:
    """Where the service was last started, or would be."""
    settings = workspace.settings.service
    try:
        config = msgspec.json.decode(read_regular(workspace.service_folder / "server.json", 65_536))
        host, port = str(config["host"]), int(config["port"])
    except (OSError, CorruptionError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        host, port = settings.host, settings.port
    return ("127.0.0.1" if host in ("0.0.0.0", "::", "") else host), port


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
