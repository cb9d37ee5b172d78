"""A project's folder: found, loaded, locked; what is wrong is said with file and line."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock
from kreis.errors import CorruptionError, ProjectError, StoreError
from kreis.ledger import models
from kreis.settings import PeopleSettings, Settings
from kreis.workspace import Workspace

T0 = datetime(2025, 8, 15, tzinfo=UTC)


def workspace_with(folder: Path, text: str, **sections: object) -> Workspace:
    (folder / "project.py").write_text(text)
    return Workspace(folder, settings=Settings(**sections), clock=SimulatedClock(T0))


def test_is_found_from_a_folder_below(shop):
    below = shop.folder / "data"
    assert Workspace.find(below).folder == shop.folder
    with pytest.raises(ProjectError, match=r"no kreis\.toml here or above"):
        Workspace.find(shop.folder.parent)


def test_loads_the_project_and_finds_its_contracts(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Workspace(shop.folder).load_project()
    assert project.name == "returns"
    assert project.folder == shop.folder
    assert list(project.sources) == ["orders", "settlements"]


@pytest.mark.parametrize("edited", ["project.py", "beside.py", "below/inside.py"])
def test_runs_what_stands_there_now(tmp_path, monkeypatch, edited):
    """Also after an edit that Python's cache of bytecode does not see: of the same size, in the same second."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    texts = {
        "below/__init__.py": "",
        "below/inside.py": "SAID = 'a'\n",
        "beside.py": "SAID = 'a'\n",
        "project.py": "import beside\nfrom below import inside\nSAID = 'a'\n"
        "raise ValueError(SAID + beside.SAID + inside.SAID)\n",
    }
    (tmp_path / "below").mkdir()
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    def asked() -> str:
        for name in ("beside", "below", "below.inside"):
            sys.modules.pop(name, None)
        with pytest.raises(ProjectError) as caught:
            Workspace(tmp_path, settings=Settings()).load_project()
        return caught.value.message.removeprefix("ValueError: ")

    assert asked() == "aaa"
    before = (tmp_path / edited).stat()
    (tmp_path / edited).write_text(texts[edited].replace("SAID = 'a'", "SAID = 'b'"))
    os.utime(tmp_path / edited, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert sorted(asked()) == ["a", "a", "b"]
    for name in ("beside", "below", "below.inside"):
        del sys.modules[name]


def test_libraries_below_the_folder_keep_their_bytecode(tmp_path, monkeypatch):
    library = tmp_path / ".venv" / "lib"
    library.mkdir(parents=True)
    (library / "of_a_library.py").write_text("SAID = 'a'\n")
    monkeypatch.syspath_prepend(str(library))
    workspace = workspace_with(
        tmp_path, "import of_a_library\nraise ValueError(type(of_a_library.__loader__).__name__)\n"
    )
    with pytest.raises(ProjectError, match="SourceFileLoader"):
        workspace.load_project()
    del sys.modules["of_a_library"]


def test_registered_model_is_opened_once_and_verified(released):
    workspace = Workspace(released.folder)
    with workspace.ledger.read() as connection:
        digest = models.list_models(connection, "returns")[0].digest
    package = workspace.open_model(digest)
    assert package.digest == digest
    assert workspace.open_model(digest) is package
    with pytest.raises(ProjectError, match="unknown model"):
        workspace.open_model("0" * 64)
    path = Path(workspace.artifacts.where(package.manifest.model.sha256))
    path.chmod(0o600)
    path.write_bytes(b"!" + path.read_bytes()[1:])
    with pytest.raises(CorruptionError):
        Workspace(released.folder).open_model(digest)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "declares 0 projects"),
        ("x = 1\nraise ValueError('no')\n", 2, "ValueError: no"),
        ("def f(:\n", 1, "SyntaxError"),
        ("from kreis import TimeSplit\n\nTimeSplit(\n    test='30 days')\n", 3, "not a valid duration"),
        ("def g():\n    return 1 / 0\n\n\ng()\n", 2, "ZeroDivisionError"),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError"),
    ],
)
def test_says_in_which_line_the_file_stops(tmp_path, text, line, message):
    workspace = workspace_with(tmp_path, text)
    with pytest.raises(ProjectError) as caught:
        workspace.load_project()
    assert message in caught.value.message
    assert (caught.value.where or "").startswith(str(tmp_path / "project.py") + (f":{line}" if line else ""))


def test_says_so_where_the_file_is_missing(tmp_path):
    with pytest.raises(ProjectError, match=r"there is no project\.py") as caught:
        Workspace(tmp_path, settings=Settings()).load_project()
    assert "kreis init" in (caught.value.hint or "")


def test_the_actor_is_the_one_of_the_settings_or_of_the_system(tmp_path, monkeypatch):
    assert workspace_with(tmp_path, "", people=PeopleSettings(actor="bea")).actor == "bea"
    monkeypatch.setenv("LOGNAME", "carl")  # anybody can set it: the system's own answer counts
    assert workspace_with(tmp_path, "").actor == pwd.getpwuid(os.getuid()).pw_name


HOLDER = """
import sys, time
from pathlib import Path
from kreis.workspace import Workspace
with Workspace(Path(sys.argv[1])).only_run():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_circle_at_a_time(shop):
    workspace = Workspace(shop.folder, clock=SimulatedClock(T0))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(shop.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another kreis run is at work"):
            run_circle(workspace.load_project(), workspace, as_of=T0, until="requirements")
        assert "another kreis run is at work" in shop.kreis("run", code=4)
        holder.stdin.close()
    assert shop.document("run", "--until", "requirements")["status"] == "advanced"


def test_holding_the_lock_does_not_outlive_a_killed_process(shop):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(shop.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    with Workspace(shop.folder).only_run():
        pass
