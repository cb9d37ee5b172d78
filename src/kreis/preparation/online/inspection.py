"""Looking at every byte of an online store. Damaged pages can end the process that reads them, so another one does."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import lmdb

from kreis.errors import StoreError
from kreis.preparation.online.layout import RESIDUE
from kreis.preparation.online.lmdb_store import MARKER, LmdbStore

__all__ = ["problems_of"]

_ENDED_BADLY = 3


def problems_of(folder: Path) -> list[str]:
    """What is damaged in the store of a folder, in sentences; nothing where there is no store.

    Checked are the checksums of all records, and that every record which the store counts can be reached. Records of
    format 1 have no checksums.
    """
    data = folder / "data.mdb"
    if not data.exists():
        return ["the online store is gone"] if (folder / MARKER).exists() else []
    if not data.is_file():
        return ["it is not a regular file"]
    command = [sys.executable, "-m", "kreis.preparation.online.inspection", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode in (0, _ENDED_BADLY):
        return done.stdout.splitlines()
    return ["its pages are damaged: the process that read them was ended"]


def _scan(folder: Path) -> list[str]:
    """What is wrong with the records, by view: the ninth and earlier bytes of a key name the view."""
    store = LmdbStore(folder, readonly=True)
    good: Counter[bytes] = Counter()
    bad: Counter[bytes] = Counter()
    with store._env.begin(buffers=True) as transaction:
        counted = transaction.stat()["entries"]
        for key, value in transaction.cursor():
            right = zlib.crc32(value, zlib.crc32(key)) == RESIDUE
            (good if right else bad)[bytes(key[1:9])] += 1
    store.close()
    found = [
        f"{count:,} of its records are not what was written (view {view.hex()})"
        for view, count in sorted(bad.items())
        if good[view]  # else they are of format 1
    ]
    reached = good.total() + bad.total()
    return found if reached == counted else [*found, f"it counts {counted:,} records, {reached:,} of which can be read"]


def main(folder: Path) -> int:
    """Print what is damaged, a line each."""
    try:
        found = _scan(folder)
    except StoreError as error:
        found = [error.message]
    except lmdb.Error as error:
        found = [f"LMDB cannot read it: {error}"]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return _ENDED_BADLY if found else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
