"""Places: files that hold a value."""

from pathlib import Path

import pytest

from kreis import places

TOKEN = "q7-needle-42"


@pytest.mark.parametrize("size", [len(TOKEN), len(TOKEN) + 1, 1000])
def test_finds_a_value_wherever_a_file_is_cut_into_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(places, "_PIECE", size)
    for before in range(2 * size if size < 100 else 3):
        (tmp_path / "file").write_bytes(b"-" * before + TOKEN.encode() + b"-")
        assert places.files_holding(tmp_path, TOKEN) == [tmp_path / "file"], before
