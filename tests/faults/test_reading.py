"""Reading needs neither write access, nor space, nor the database that the record is kept in."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from kreis.actions.serve import free_port

READS = [
    ("status",),
    ("show", "run"),
    ("show", "model"),
    ("show", "table", "silver/settled"),
    ("show", "release"),
    ("audit", "verify", "--deep"),
    ("audit", "log"),
    ("doctor",),
]


RECORD = """
import os, time
from kreis.workspace import Workspace
workspace = Workspace.find()
with workspace.ledger.record(event="e", subject="s", actor="a", reason="r"):
    pass
"""


def may(*command: str) -> bool:
    return shutil.which(command[0]) is not None and not subprocess.run(command, capture_output=True).returncode


STARTS_ANOTHER = "import subprocess, sys; raise SystemExit(subprocess.call([sys.executable, '-c', '']))"
READS_ONLY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
"""Root without the right to pass over permissions."""


def run_as(shop: Any, prefix: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**shop.environment(), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    return subprocess.run(
        [*prefix, *shop.command(*arguments)],
        cwd=shop.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def elsewhere(new_shop: Any, released_once: Path) -> Any:
    """A released project in a folder that every user may reach."""
    folder = Path("/tmp") / f"kreis-reading-{os.getpid()}"
    shop = new_shop(folder, like=released_once)
    yield shop
    shutil.rmtree(folder)


@pytest.mark.faults
@pytest.mark.skipif(
    os.geteuid() != 0 or not may("setpriv", "--reuid=65534", sys.executable, "-c", STARTS_ANOTHER),
    reason="cannot be somebody else who may run this Python",
)
@pytest.mark.parametrize("log", ["closed", "left behind", "in use"])
def test_colleague_who_may_only_read_reads_all(elsewhere: Any, log: str) -> None:
    shop, database = elsewhere, elsewhere.state / "ledger.db"
    held = None
    if log != "closed":
        command = [shop.command()[0], "-c", RECORD + "print('now', flush=True); time.sleep(60)"]
        held = subprocess.Popen(command, cwd=shop.folder, env=shop.environment(), stdout=subprocess.PIPE, text=True)
        assert held.stdout is not None
        assert held.stdout.readline() == "now\n"
        if log == "left behind":
            held.send_signal(signal.SIGKILL)
            held.wait()
        assert database.with_name("ledger.db-wal").stat().st_size > 0
    for path in (shop.state, *shop.state.rglob("*")):
        if "keys" not in path.parts or path.suffix == ".pub" or path.is_dir():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    try:
        for arguments in READS:
            done = run_as(shop, other, *arguments)
            assert done.returncode == 0, (log, arguments, done.stdout, done.stderr)
        for arguments in (("rollback", "--to", "1", "--reason", "x"), ("run",)):
            done = run_as(shop, other, *arguments)
            assert done.returncode == 4, done.stderr
            assert "write access" in done.stderr
            assert "a fault in kreis" not in done.stderr
    finally:
        if held is not None:
            held.kill()
            held.wait()
            assert held.stdout is not None
            held.stdout.close()


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0 or not may(*READS_ONLY, "true"), reason="cannot lay rights down")
def test_who_may_not_write_reads_all_and_is_told_so(released: Any) -> None:
    for path in (released.state, *released.state.rglob("*")):
        path.chmod(path.stat().st_mode & 0o555)
    for arguments in READS:
        done = run_as(released, READS_ONLY, *arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        assert "LMDB" not in done.stdout
    done = run_as(released, READS_ONLY, "run")
    assert done.returncode == 4, done.stderr
    assert "write access" in done.stderr


DISK = """
mount -t tmpfs -o size=24m tmpfs "$1" && cp -a "$2/." "$1" && cd "$1" || exit 99
dd if=/dev/zero of=ballast bs=4k 2>/dev/null
[ "$3" = full ] || mount -o remount,ro,bind "$1" || mount -o remount,ro "$1" || exit 98
shift 3
"$@"
"""


@pytest.mark.faults
@pytest.mark.skipif(not may("unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"), reason="may not mount")
@pytest.mark.parametrize("disk", ["full", "read-only"])
@pytest.mark.parametrize("log", ["closed", "left behind"])
def test_full_or_read_only_disk_is_read(released: Any, tmp_path: Path, disk: str, log: str) -> None:
    if log == "left behind":
        command = [released.command()[0], "-c", RECORD + "os._exit(0)"]
        subprocess.run(command, cwd=released.folder, env=released.environment(), check=True)
        assert (released.state / "ledger.db-wal").stat().st_size > 0
    there = tmp_path / "disk"
    there.mkdir()
    prefix = ["unshare", "-rm", "sh", "-c", DISK, "sh", str(there), str(released.folder), disk]
    for arguments in READS:
        done = run_as(released, prefix, *arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    done = run_as(released, prefix, "rollback", "--to", "1", "--reason", "x")
    assert done.returncode == 4, done.stderr
    assert f"is {disk}" in done.stderr, done.stderr
    assert "a fault in kreis" not in done.stderr


@pytest.mark.faults
def test_service_starts_from_the_pointer_while_the_database_is_down(released: Any) -> None:
    (released.folder / "kreis.toml").write_text('[ledger]\nurl = "postgresql://nobody@127.0.0.1:1/none"\n')
    port = free_port()
    command = released.command("serve", "--port", str(port))
    with subprocess.Popen(
        command, cwd=released.folder, env=released.environment(), stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            deadline = time.monotonic() + 60
            while True:
                assert service.poll() is None, service.stderr.read()
                assert time.monotonic() < deadline
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                        assert answer.status == 200
                        break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.1)
        finally:
            service.terminate()
            told = service.stderr.read()
    assert "Release 1 was published last: it answers" in told
