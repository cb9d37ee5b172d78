"""What git knows of a project's code: the commit, and a patch that makes the same files of it again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kreis.tracking import git as git_module
from kreis.tracking.git import git_state


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of a repository."""
    folder = tmp_path / "repository" / "shop"
    folder.mkdir(parents=True)
    (folder / "project.py").write_text("a = 1\n")
    (folder.parent / "elsewhere.py").write_text("b = 1\n")
    git(folder, "init", "-q", "..")
    git(folder, "add", "-A", "..")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_folder_is_its_commit(project: Path) -> None:
    (project.parent / "elsewhere.py").write_text("b = 2\n")  # outside the project
    (project / ".kreis").mkdir()
    (project / ".kreis" / "ledger.db").write_text("x")
    state = git_state(project)
    assert state is not None
    assert (state.commit, state.dirty) == (git(project, "rev-parse", "HEAD"), False)


def test_what_differs_makes_the_same_files_again(project: Path, tmp_path: Path) -> None:
    (project / "project.py").write_text("a = 2")
    (project / "helper.py").write_text("c = 3\n\nd = 4")
    (project / "empty.py").write_text("")
    (project / "data.csv").write_text("1,2\n")
    state = git_state(project)
    assert state is not None
    assert state.dirty
    assert state.diff is not None
    again = tmp_path / "again"
    git(tmp_path, "clone", "-q", str(project.parent), str(again))
    patch = tmp_path / "patch"
    patch.write_bytes(state.diff)
    git(again, "apply", "--directory=shop", str(patch))
    for name in ("project.py", "helper.py", "empty.py"):
        assert (again / "shop" / name).read_text() == (project / name).read_text()
    assert not (again / "shop" / "data.csv").exists()  # may be data


def test_a_large_difference_is_only_known_to_be_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_module, "LARGEST_DIFF", 100)
    (project / "project.py").write_text("a = 2\n" * 100)
    state = git_state(project)
    assert state is not None
    assert state.dirty
    assert state.diff is None


def test_where_git_keeps_nothing_there_is_nothing(tmp_path: Path, project: Path) -> None:
    assert git_state(tmp_path) is None
    empty = tmp_path / "new"
    empty.mkdir()
    git(empty, "init", "-q")
    assert git_state(empty) is None  # no commit yet
