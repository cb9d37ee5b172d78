"""What a run logs lies in lines that outlive a crash: what is cut off or unknown is counted, and hides nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from kreis.errors import StoreError
from kreis.tracking.points import FORMAT, Params, Point, Started, Used, header, read_run

WRITTEN = b"""{"format":"kreis.points/1","run":"r1"}
["step",1,"0abc","training","gbdt"]
["point",1,"fit",1.0,0.25,{"loss":0.7}]
["point",1,"fit",null,0.5,{"loss":null}]
["params",1,{"depth":3}]
["used",1,2.5,1.25,300.0]
"""
"""As the first version wrote it."""


def folder(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "run.jsonl").write_bytes(data)
    return tmp_path


def test_what_the_first_version_wrote_is_read(tmp_path: Path) -> None:
    (found,) = read_run(folder(tmp_path, WRITTEN))
    assert found.steps == {1: Started(1, "0abc", "training", "gbdt")}
    assert found.records == [
        Point(1, "fit", 1.0, 0.25, {"loss": 0.7}),
        Point(1, "fit", None, 0.5, {"loss": None}),
        Params(1, {"depth": 3}),
        Used(1, 2.5, 1.25, 300.0),
    ]
    assert (found.unreadable, found.lost) == (0, 0)
    assert WRITTEN.startswith(header("r1"))


def test_wherever_a_crash_cuts_a_file_off_the_whole_lines_before_it_are_read(tmp_path: Path) -> None:
    (whole,) = read_run(folder(tmp_path, WRITTEN))
    for end in range(len(WRITTEN)):
        (found,) = read_run(folder(tmp_path, WRITTEN[:end]))
        lines = WRITTEN[:end].count(b"\n")
        assert found.records == whole.records[: max(0, lines - 2)] or found.records == whole.records[: lines - 1]
        assert found.unreadable <= 1


def test_a_damaged_or_unknown_line_is_counted_and_the_others_are_read(tmp_path: Path) -> None:
    lines = WRITTEN.splitlines()
    lines[2] = b'["point",1,"fit",1.0,0.2\x005,{"loss":0.7}]'
    lines.append(b'["hologram",1,"x"]')
    (found,) = read_run(folder(tmp_path, b"\n".join(lines) + b"\n"))
    assert found.unreadable == 2
    assert len(found.records) == 3


def test_a_later_format_is_refused_in_a_sentence(tmp_path: Path) -> None:
    later = WRITTEN.replace(FORMAT.encode(), b"kreis.points/2")
    with pytest.raises(StoreError, match=r"kreis.points/2; this kreis reads kreis.points/1"):
        list(read_run(folder(tmp_path, later)))


def test_a_run_that_logged_nothing_has_nothing(tmp_path: Path) -> None:
    assert list(read_run(tmp_path / "absent")) == []
