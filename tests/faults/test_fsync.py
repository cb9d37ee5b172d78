"""What strace sees: every byte and every name is on disk before it is acknowledged."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kreis.digests import digest_of

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

CHILD = Path(__file__).with_name("process_that_acknowledges.py")
CALLS = "fsync,fdatasync,write,pwrite64,pwritev,writev,rename,renameat,renameat2,link,linkat,mkdir,mkdirat"
LINE = re.compile(r"\d+ +(?:<\.\.\. )?(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")


class Call(msgspec.Struct, frozen=True):
    """One system call that succeeded."""

    name: str
    arguments: str

    @property
    def path(self) -> str:
        """The file behind the descriptor that comes first, without the mark of a deleted name."""
        found = re.match(r"\d+<([^>]*)>", self.arguments)
        return found[1] if found else ""

    @property
    def names(self) -> list[str]:
        """The paths given as texts."""
        return re.findall(r'"([^"]*)"', self.arguments)

    @property
    def target(self) -> str:
        """The new name that a link, rename or mkdir gives."""
        return self.names[-1] if self.name.startswith(("rename", "link", "mkdir")) else ""


def traced(folder: Path) -> dict[str, list[Call]]:
    """The system calls up to each acknowledgement, by its text."""
    output = folder / "trace"
    arguments = ["strace", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-o", str(output)]
    run = subprocess.run([*arguments, sys.executable, str(CHILD), str(folder)], capture_output=True, text=True)
    if run.returncode and "ptrace" in run.stderr.lower():
        pytest.skip("strace may not trace here")
    assert run.returncode == 0, run.stderr
    parts: dict[str, list[Call]] = {}
    part: list[Call] = []
    for call in calls(output.read_text()):
        if call.name == "write" and call.path and '"acknowledged ' in call.arguments:
            parts[call.arguments.split('"')[1].removeprefix("acknowledged ").removesuffix("\\n")] = part
            part = []
        else:
            part.append(call)
    return parts


def calls(trace: str) -> Iterator[Call]:
    """The calls that succeeded; one that another thread interrupted is put together, at its end."""
    unfinished: dict[str, str] = {}
    for line in trace.splitlines():
        thread = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            unfinished[thread] = line.removesuffix("<unfinished ...>")
            continue
        if "resumed>" in line:
            line = unfinished.pop(thread).rstrip() + line.split("resumed>", 1)[1]
        if (found := LINE.match(line)) and int(found["result"]) >= 0:
            yield Call(found["call"], found["arguments"])


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Call]]]:
    folder = tmp_path_factory.mktemp("traced")
    return folder, traced(folder)


def positions(part: list[Call], path: Path, *names: str) -> list[int]:
    return [at for at, call in enumerate(part) if call.name in names and call.path == str(path)]


def synced(part: list[Call], path: Path) -> int:
    """Where the file or directory was last forced to disk; fails if it was not, or was written to after."""
    forced = positions(part, path, "fsync", "fdatasync")
    assert forced, f"{path} was never forced to disk"
    written = positions(part, path, "write", "pwrite64", "writev", "pwritev")
    assert not written or written[-1] < forced[-1], f"{path} was written after it was forced to disk"
    return forced[-1]


def named(part: list[Call], path: Path) -> int:
    """Where a file got its name."""
    return next(at for at, call in enumerate(part) if call.target == str(path))


def synced_as(part: list[Call], path: Path) -> int:
    """Where a file was forced to disk under the name that it had before it got its own."""
    return synced(part, Path(part[named(part, path)].names[0]))


def test_an_append_is_on_disk_before_it_is_acknowledged(parts: tuple[Path, dict[str, list[Call]]]) -> None:
    folder, said = parts
    table = folder / "lake/bronze/x"
    for version, part in enumerate((said["first append"], said["append"])):
        (data,) = table.glob(f"{version:08}-*.parquet")
        commit = table / "_delta_log" / f"{version:020}.json"
        data_at, commit_at = synced_as(part, data), synced_as(part, commit)
        name_at, log_at = named(part, commit), synced(part, commit.parent)
        wal = positions(part, folder / "ledger.db-wal", "pwrite64", "write")
        assert data_at < named(part, data) < synced(part, table) < commit_at < name_at < log_at < wal[-1]
        assert synced(part, folder / "ledger.db-wal") > log_at


def test_a_new_tables_folders_are_on_disk(parts: tuple[Path, dict[str, list[Call]]]) -> None:
    folder, said = parts
    part = said["first append"]
    for new in ("lake", "lake/bronze", "lake/bronze/x", "lake/bronze/x/_delta_log"):
        made = named(part, folder / new)
        assert any(at > made for at in positions(part, (folder / new).parent, "fsync")), new


def test_an_artifact_is_on_disk_before_it_is_acknowledged(parts: tuple[Path, dict[str, list[Call]]]) -> None:
    folder, said = parts
    part = said["artifact"]
    digest = digest_of(b"model")
    path = folder / "artifacts" / digest[:2] / digest[2:]
    name_at = named(part, path)
    temporary = Path(part[name_at].names[0])
    assert synced(part, temporary) < name_at < synced(part, path.parent) < synced(part, folder / "artifacts")


def test_a_record_is_on_disk_before_it_is_acknowledged(parts: tuple[Path, dict[str, list[Call]]]) -> None:
    folder, said = parts
    assert synced(said["record"], folder / "ledger.db-wal") >= 0


def test_a_durable_segment_is_on_disk_before_it_is_closed(parts: tuple[Path, dict[str, list[Call]]]) -> None:
    folder, said = parts
    part = said["rotation"]
    closed = sorted((folder / "log").glob("*.log"))[0]
    hidden = closed.with_name(f".{closed.stem}.new")
    wrote = positions(part, hidden, "write") + positions(part, closed, "write")
    assert len(wrote) >= 3, "the beginning, the record and the closing frame"
    assert synced(part, closed) > max(wrote)
