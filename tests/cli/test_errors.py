"""How commands fail: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.forked_kreis import forked_kreis

from kreis.errors import KreisError, ProjectError, RefusalError

EXIT_CODES = Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md"
KREIS = [sys.executable, "-m", "kreis"]


def kreis(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KREIS_")} | more
    if "PYTHONPATH" not in more:
        return forked_kreis().run(list(arguments), folder, environment, 120)
    return subprocess.run(
        [*KREIS, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def kinds(root: type[KreisError] = KreisError) -> Iterator[type[KreisError]]:
    yield root
    for each in root.__subclasses__():
        yield from kinds(each)


def documented() -> dict[int, str]:
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", EXIT_CODES.read_text(), flags=re.MULTILINE)
    return {int(code): meaning for code, meaning in rows}


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_each_error_has_a_documented_exit_code(kind: type[KreisError]) -> None:
    assert kind.exit_code in documented()
    if kind not in (KreisError, RefusalError):
        assert any(each.__name__ in documented()[kind.exit_code] for each in kind.__mro__)


def test_exit_codes_of_ends_that_are_no_errors_are_documented() -> None:
    from kreis.cli import main
    from kreis.cli.commands import audit, parity, run

    others = {0, run.EXIT_SENT_BACK, run.EXIT_HELD, audit.EXIT_BROKEN, parity.EXIT_DIFFERS, main.EXIT_INTERRUPTED}
    assert documented().keys() == others | {kind.exit_code for kind in kinds()}


def test_an_error_says_what_where_and_what_next(tmp_path: Path) -> None:
    done = kreis("status", folder=tmp_path)
    assert done.returncode == ProjectError.exit_code
    assert done.stdout == ""
    what, where, hint = done.stderr.splitlines()
    assert what == "Error: no kreis.toml here or above"
    assert where == f"Where: {tmp_path.resolve()}"
    assert hint.startswith("Next:  run `kreis init`")


def test_an_error_as_json_has_the_documented_shape(tmp_path: Path) -> None:
    done = kreis("status", "--json", folder=tmp_path)
    assert done.returncode == ProjectError.exit_code
    assert done.stderr == ""
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"kind", "message", "where", "hint", "exit_code"}
    assert (error["kind"], error["exit_code"]) == ("ProjectError", ProjectError.exit_code)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("show", "modle"), "did you mean 'model'?"),
        (("show", "table", "bronze/order"), "did you mean 'bronze/orders'"),
        (("run", "--until", "traning"), "did you mean 'training'?"),
        (("run", "--start-at", "deploy"), "did you mean 'deployment'?"),
        (("show", "release", "7"), "1"),
        (("show", "model", "99"), "the newest version is 2"),
        (("show", "run", "zzz"), ""),
        (("show", "card", "1"), "a model gets one when it is evaluated"),
        (("run", "--as-of", "yesterday"), "write 2013-05-01"),
        (("init", "--example", "minimum", "elsewhere"), "did you mean 'minimal'?"),
        (("why", "nonsense"), "the service answered with"),
        (("rollback", "--reason", "x", "--to", "7"), ""),
        (("approve", "1", "--role", "owner", "--reason", "x"), "nothing of that kind is declared yet"),
        (("watch", "--once", "--every", "soon"), ""),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_wrong_name_comes_with_the_nearest_ones(arguments: tuple[str, ...], hint: str, released_once: Path) -> None:
    done = kreis(*arguments, folder=released_once)
    assert (done.returncode, done.stdout) == (ProjectError.exit_code, ""), done.stderr
    assert done.stderr.startswith("Error: ")
    assert hint in done.stderr


def test_wrong_usage_is_told_by_the_command(tmp_path: Path) -> None:
    done = kreis("run", "--untill", "training", folder=tmp_path)
    assert done.returncode == 2
    assert "No such option: --untill" in done.stderr
    assert kreis("approve", "3", folder=tmp_path).returncode == 2


@pytest.fixture
def broken(shop: Any) -> Path:
    """A project whose file raises what nobody meant to raise, where kreis does not expect it."""
    shop.edit("@project.table", "raise SystemError\n\n\n@project.table")
    folder: Path = shop.folder
    (folder / "sitecustomize.py").write_text(
        "from kreis.workspace import Workspace\n"
        "def load(self):\n    raise RuntimeError('the wheel fell off\\nand rolled away')\n"
        "Workspace.load_project = load\n"
    )
    return folder


def test_an_unforeseen_error_is_one_line_and_how_to_see_more(broken: Path) -> None:
    done = kreis("run", folder=broken, PYTHONPATH=str(broken))
    assert (done.returncode, done.stdout) == (1, "")
    what, hint = done.stderr.splitlines()
    assert what == "Error: RuntimeError: the wheel fell off"
    assert "KREIS_TRACEBACK=1" in hint
    document = json.loads(kreis("run", "--json", folder=broken, PYTHONPATH=str(broken)).stdout)
    assert (document["error"]["kind"], document["error"]["exit_code"]) == ("RuntimeError", 1)


def test_the_traceback_is_there_for_the_asking(broken: Path) -> None:
    done = kreis("run", folder=broken, PYTHONPATH=str(broken), KREIS_TRACEBACK="1")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "rolled away" in done.stderr


def test_a_fault_in_the_project_names_its_line(shop: Any) -> None:
    shop.edit("@project.table", "nonsense()\n\n\n@project.table")
    done = kreis("run", folder=shop.folder)
    assert done.returncode == ProjectError.exit_code
    line = 1 + (shop.folder / "project.py").read_text().splitlines().index("nonsense()")
    assert "Error: NameError: name 'nonsense' is not defined" in done.stderr
    assert f"project.py:{line}" in done.stderr


def test_ctrl_c_ends_a_run_without_a_traceback_and_on_the_record(shop: Any) -> None:
    shop.edit('"""Orders, as they are placed."""', "__import__('time').sleep(60)")
    process = subprocess.Popen([*KREIS, "run"], cwd=shop.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    while b"requirements" not in process.stdout.readline():
        pass
    time.sleep(0.5)  # until it sleeps within the source
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.decode().splitlines() == [
        "Interrupted. What is finished is remembered: kreis run goes on from there."
    ]
    run = json.loads(kreis("show", "run", "--json", folder=shop.folder).stdout)
    assert run["status"] == "failed"


def test_ctrl_c_ends_a_watch_quietly(released: Any) -> None:
    process = subprocess.Popen([*KREIS, "watch"], cwd=released.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert b"predictions moved" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors in (b"", b"looking again in 1h; stop it with Ctrl-C\n"), "it says that it waits, and no more"


@pytest.mark.parametrize("arguments", ["status", "show run", "show model --json", "audit log --last 100", "--help"])
def test_a_reader_that_leaves_early_is_no_trouble(arguments: str, released_once: Path) -> None:
    command = f"{sys.executable} -m kreis {arguments} | head -c 1"
    done = subprocess.run(["bash", "-c", f"{command}; sleep 0.2"], cwd=released_once, capture_output=True, check=False)
    assert done.stderr == b""


@pytest.mark.parametrize(
    "arguments",
    ["", "run", "status", "show run", "show model", "show card", "show table", "show table gold/questions",
     "show table quarantine/orders", "show release", "show alert", "audit verify", "audit log",
     "run --from evaluation"],
)  # fmt: skip
def test_what_goes_into_a_pipe_is_plain_text(arguments: str, released: Any) -> None:
    done = kreis(*arguments.split(), folder=released.folder)
    text = done.stdout + done.stderr
    assert all(each.isprintable() or each == "\n" for each in text), ascii(text)
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_what_comes_from_data_cannot_steer_the_terminal(released: Any) -> None:
    """A reason that would clear the screen, in a terminal."""
    kreis("rollback", "--reason", "evil \x1b[2J\x1b]0;title\x07 reason", folder=released.folder)
    kreis("approve", "2", "--role", "owner", "--reason", "x", folder=released.folder)
    seen = in_terminal("audit", "log", folder=released.folder)
    assert "reason" in seen
    assert "\x1b[2J" not in seen
    assert "\x07" not in seen


def in_terminal(*arguments: str, folder: Path) -> str:
    """All that a command writes to a terminal of 110 columns."""
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [*KREIS, *arguments], cwd=folder, stdout=writer, stderr=writer, env={**os.environ, "COLUMNS": "110"}
    )
    os.close(writer)
    parts = []
    while True:
        try:
            part = os.read(reader, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(reader)
    process.wait(timeout=20)
    return b"".join(parts).decode()
