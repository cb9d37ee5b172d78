"""`kreis reproduce`: a run again, in a clean state, and what of it came out otherwise."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from kreis.digests import digest_of
from kreis.disciplines import DISCIPLINES, up_to
from kreis.durable import storing
from kreis.errors import KreisError, ProjectError, ServiceError, StoreError
from kreis.ledger import runs, steps
from kreis.ledger.records import Run, Step
from kreis.tracking.git import git_state, run_git
from kreis.ways.results import Trained
from kreis.ways.tabular.reproduction import Predicted, StepAgain, predicted_again, steps_again
from kreis.workspace import Workspace

__all__ = ["Reproduction", "reproduce"]

_LEFT_OUT = shutil.ignore_patterns(".kreis", ".git", ".venv", "venv", "__pycache__", "node_modules")
_LINKED = 16 * 1024 * 1024
"""Files from so many bytes on are linked, not copied."""
_CLEAN = {
    "KREIS__LEDGER__URL": "",
    "KREIS__LAKE__URL": "file:.kreis/lake",
    "KREIS__ARTIFACTS__URL": "file:.kreis/artifacts",
    "KREIS__TRACKING__URL": "file:.kreis/tracking",
    "KREIS__TRACKING__MLFLOW": "",
    "KREIS__ONLINE__URL": "lmdb:.kreis/online",
    "KREIS__SERVICE__URL": "file:.kreis/service",
    "KREIS__KEYS__URL": "file:.kreis/keys",
}
"""Settings of the repetition: all that it writes lies in its own folder."""


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run when it was walked again."""

    run: str
    project: str
    as_of: datetime
    until: str
    """The last discipline that was repeated: nothing is released again."""
    code: str
    """Which code was run, in words."""
    folder: str
    """Where; empty where it was cleared away."""
    same: bool
    """Whether every step left the same."""
    first: StepAgain | None
    """The first one that did not."""
    causes: list[str]
    """Why, as far as the record says."""
    steps: list[StepAgain]
    predictions: list[Predicted]
    """Of candidates whose bytes are others."""
    notes: list[str]
    """What a person should know of how it was repeated."""


def reproduce(workspace: Workspace, name: str, *, folder: Path | None = None) -> Reproduction:
    """Walk a run again: in a folder with an empty ledger and lake, as of the same moment, with the same code.

    The code is that of the commit on record, with what differed from it; without one, that of the folder as it is.
    Every step is computed. Sources are read again. Nothing is released, and nothing of the project's state is touched.

    Args:
        workspace: Where the run ran.
        name: The run's identifier, or the beginning of it.
        folder: Where to walk it: a new folder, which stays. A temporary one beside the project's, which does not, if
            not given.

    Raises:
        ProjectError: no such run, or it left nothing to repeat.
        StoreError: the folder is there already, or cannot be written.
        ServiceError: the repetition ended without a result.
    """
    with workspace.ledger.read() as connection:
        run = runs.get_run(connection, name)
        concluded = {each.discipline for each in runs.verdicts_of(connection, run.id)}
        used = [step for _, step in steps.steps_of(connection, run.id)]
    walked = [each for each in up_to("evaluation") if each in concluded]
    if not used or not walked:
        raise ProjectError(f"run {run.id} left nothing to repeat", where=workspace.ledger.where)
    until = max(walked, key=DISCIPLINES.index)
    with _scratch(workspace.folder, folder) as place:
        _copy(workspace.folder, place)
        code, notes = _same_code(workspace, run, place)
        failed = _walk(place, run, until)
        again = Workspace(place, settings=_settings(workspace, place))
        try:
            return _compared(workspace, run, used, again, failed, until=until, code=code, notes=notes, kept=folder)
        finally:
            again.ledger.close()


@contextmanager
def _scratch(project: Path, folder: Path | None) -> Iterator[Path]:
    """A new folder; a temporary one, beside the project's, whose sources may read what lies there, is cleared away."""
    with storing("the folder of the repetition"):
        if folder is not None:
            if folder.exists():
                raise StoreError("it is there already", where=str(folder), hint="name a new folder")
            folder.mkdir(parents=True)
            yield folder.resolve()
            return
        beside = project.parent if os.access(project.parent, os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix=".kreis-reproduce-", dir=beside) as place:
            yield Path(place).resolve()


def _copy(source: Path, place: Path) -> None:
    def copy(name: str, to: str) -> str:
        if os.path.getsize(name) >= _LINKED:
            os.symlink(os.path.realpath(name), to)
            return to
        return str(shutil.copy2(name, to))

    with storing(f"a copy of {source}"):
        shutil.copytree(source, place, ignore=_LEFT_OUT, copy_function=copy, dirs_exist_ok=True)


def _same_code(workspace: Workspace, run: Run, place: Path) -> tuple[str, list[str]]:
    """Bring the code on record into the copy; says which code it is, and what a person should know of it."""
    commit, as_it_is = run.pins.get("git_commit"), "the folder as it is now"
    if commit is None:
        return f"{as_it_is}: no commit is on record", []
    said = f"commit {commit[:12]}"
    present = git_state(workspace.folder)
    wanted = run.pins.get("git_diff")
    if present is not None and present.commit == commit and _digest(present.diff) == wanted:
        return f"{said}{', and what differed from it' if wanted else ''}, as in the folder", []
    archive = run_git(workspace.folder, "archive", "--format=tar", commit, "--", ".")
    if archive is None:
        return as_it_is, [f"{said} is not in this repository: whether the code is the same is told by its digests"]
    tracked = run_git(workspace.folder, "ls-files", "-z", "--", ".") or b""
    for name in tracked.split(b"\0"):
        if name:
            (place / name.decode()).unlink(missing_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(place, filter="data")
    if not run.pins.get("git_dirty"):
        return said, []
    if wanted is None:
        return said, [f"what differed from {said} was too large to be kept"]
    try:
        _apply(workspace.artifacts.get(wanted), place)
    except KreisError as error:
        return said, [f"what differed from {said} is not here: {error.message}"]
    return f"{said}, and what differed from it", []


def _digest(diff: bytes | None) -> str | None:
    return digest_of(diff) if diff else None


def _apply(patch: bytes, place: Path) -> None:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(place.parent)}
    command = ["git", "apply", "--whitespace=nowarn", "-"]
    done = subprocess.run(command, cwd=place, env=environment, input=patch, capture_output=True, check=False)
    if done.returncode:
        raise StoreError(done.stderr.decode(errors="replace").strip() or "git apply failed", where=str(place))


def _walk(place: Path, run: Run, until: str) -> str:
    """Run it in a process of its own; why it failed, if it did.

    Raises:
        ServiceError: the process ended without saying how.
    """
    command = [sys.executable, "-m", "kreis", "run", "--as-of", run.as_of.isoformat(), "--until", until, "--json"]
    done = subprocess.run(command, cwd=place, env={**os.environ, **_CLEAN}, capture_output=True, text=True, check=False)
    try:
        document: dict[str, Any] = msgspec.json.decode(done.stdout)
    except msgspec.DecodeError as error:
        hint = done.stderr.strip()[-2000:] or f"exit code {done.returncode}"
        raise ServiceError("the repetition ended without a result", where=str(place), hint=hint) from error
    error_said = document.get("error")
    return f"{error_said['where'] or ''} {error_said['message']}".strip() if error_said else ""


def _settings(workspace: Workspace, place: Path) -> Any:
    from kreis.settings import load_settings

    return load_settings(place, {**os.environ, **_CLEAN})


def _compared(
    workspace: Workspace,
    run: Run,
    used: Sequence[Step],
    again: Workspace,
    failed: str,
    *,
    until: str,
    code: str,
    notes: list[str],
    kept: Path | None,
) -> Reproduction:
    with again.ledger.read() as connection:
        (repeated, *_) = runs.list_runs(connection, limit=1) or (None,)
        theirs = [step for _, step in steps.steps_of(connection, repeated.id)] if repeated is not None else []
    if repeated is None:
        raise ServiceError("the repetition did not begin", where=str(again.folder), hint=failed or None)
    found = steps_again((workspace, run, used), (again, repeated, theirs))
    first = next((each for each in found if not each.same), None)
    causes = [] if first is None else _causes(first, failed, run, repeated)
    predictions, more = _predictions(workspace, run, used, again, theirs)
    changed = [f"{each.discipline}/{each.name}: {why}" for each in found if each.same for why in each.why]
    return Reproduction(
        run=run.id,
        project=run.project,
        as_of=run.as_of,
        until=until,
        code=code,
        folder="" if kept is None else str(kept),
        same=first is None,
        first=first,
        causes=causes,
        steps=found,
        predictions=predictions,
        notes=[*notes, *more, *(["the repetition failed: " + failed] if failed else []), *_once(changed)],
    )


def _once(changed: Sequence[str]) -> list[str]:
    """What is another and changed nothing, each cause once."""
    causes: dict[str, str] = {}
    for each in changed:
        place, _, why = each.partition(": ")
        causes.setdefault(why, place)
    return [f"{why}; it changed nothing in {place}" for why, place in causes.items()]


def _causes(first: StepAgain, failed: str, run: Run, repeated: Run) -> list[str]:
    if first.why:
        return first.why
    if failed:
        return [failed]
    pins = [
        f"{name.replace('_', ' ')} {_said(run.pins[name])}, now {_said(repeated.pins.get(name))}"
        for name in ("machine", "python", "dependency_lock")
        if name in run.pins and run.pins[name] != repeated.pins.get(name)
    ]
    if pins:
        return pins
    if first.discipline == "collection":
        return ["data: the source gives others by now"]
    return ["nothing that is on record: it does not come out the same twice (chance without a seed, the time, the net)"]


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {str(each)[:12]}" for name, each in value.items())
    return str(value)


def _predictions(
    workspace: Workspace, run: Run, used: Sequence[Step], again: Workspace, theirs: Sequence[Step]
) -> tuple[list[Predicted], list[str]]:
    """What candidates of other bytes predict; why that cannot be said, if not."""
    now = {step.name: step for step in theirs if step.discipline == "training"}
    pairs = {}
    try:
        for step in used:
            if step.discipline == "training" and step.name in now:
                then, repeated = Trained.from_document(step.outputs), Trained.from_document(now[step.name].outputs)
                if then.candidate.form != repeated.candidate.form:
                    pairs[step.name] = (then.opened(workspace.artifacts), repeated.opened(again.artifacts))
        return (predicted_again(workspace.load_project(), workspace, run, pairs) if pairs else []), []
    except KreisError as error:
        return [], [f"what they predict was not compared: {error.message}"]
