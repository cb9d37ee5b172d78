"""A full disk and a read-only one: nothing is acknowledged, reads go on, and no repair by hand is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

CHILD = Path(__file__).with_name("process_on_a_full_disk.py")


def may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    try_it = "mount -t tmpfs tmpfs /mnt && mount --bind /mnt /mnt"
    return subprocess.run(["unshare", "-rm", "sh", "-c", try_it], capture_output=True).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="no mount namespaces here")
def test_writes_are_refused_and_reads_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    run = subprocess.run(
        ["unshare", "-rm", sys.executable, str(CHILD), str(folder)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found = re.fullmatch(r"refused (\d+) of (\d+)\n", run.stdout)
    assert found, run.stdout
    assert 5 <= int(found[1]) < int(found[2])
