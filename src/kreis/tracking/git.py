"""Which code lies in a folder, as git knows it: the commit, and what differs from it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LARGEST_DIFF", "GitState", "git_state", "run_git"]

LARGEST_DIFF = 1024 * 1024
"""Bytes of a difference that are kept; a larger one is only known to be there."""
_CODE = (".py", ".pyi", ".toml", ".yaml", ".yml", ".sql", ".cfg", ".ini")
"""New files of these kinds stand in the difference; others may be data."""
_HERE = (".", ":(exclude).kreis")


@dataclass(frozen=True, kw_only=True)
class GitState:
    """The code of a folder that git keeps."""

    commit: str
    dirty: bool
    """Whether files of the folder differ from it, or are new."""
    diff: bytes | None
    """What differs, as a patch of the folder's files, new code among it; None where it is too large."""


def git_state(folder: Path) -> GitState | None:
    """The state of a folder's code; None where git does not keep it, or does not answer within seconds."""
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return None
    commit = run_git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    patch = run_git(folder, "diff", "--no-ext-diff", "--no-color", "--binary", "--relative", "HEAD", "--", *_HERE)
    new = run_git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", *_HERE)
    names = [each.decode() for each in (new or b"").split(b"\0") if each]
    dirty = bool(patch) or bool(names)
    return GitState(commit=commit.decode().strip(), dirty=dirty, diff=_whole(folder, patch, names) if dirty else b"")


def run_git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes | None:
    """What a git command prints; None where it fails.

    Args:
        folder: Where.
        *arguments: Of git.
        given: On its standard input.
    """
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=5, check=False, input=given)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _whole(folder: Path, patch: bytes | None, names: list[str]) -> bytes | None:
    if patch is None or len(patch) > LARGEST_DIFF:
        return None
    for name in names:
        path = folder / name
        if path.suffix in _CODE and path.is_file() and not path.is_symlink():
            patch += _as_new(name, path.read_bytes())
        if len(patch) > LARGEST_DIFF:
            return None
    return patch


def _as_new(name: str, content: bytes) -> bytes:
    """A new text file as git would show it."""
    lines = content.split(b"\n")
    ends = lines[-1] == b""
    lines = lines[:-1] if ends else lines
    head = f"diff --git a/{name} b/{name}\nnew file mode 100644\n".encode()
    if not lines:
        return head
    head += f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n".encode()
    body = b"".join(b"+" + line + b"\n" for line in lines)
    return head + body + (b"" if ends else b"\\ No newline at end of file\n")
