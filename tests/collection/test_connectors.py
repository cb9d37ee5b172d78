"""Connectors: what they read and what they refuse."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import polars as pl
import pytest

from kreis.collection.connectors.csv import read_csv
from kreis.collection.connectors.files import notes
from kreis.collection.connectors.parquet import read_parquet
from kreis.errors import ProjectError

TEXT = "id,name,price\n1,a,2.5\n2,NA,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text(TEXT)
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    with zipfile.ZipFile(tmp_path / "rows.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.csv", TEXT)
        archive.writestr("__MACOSX/._rows.csv", "junk")
    pl.DataFrame({"id": [1], "name": ["a"]}).write_parquet(tmp_path / "rows.parquet")
    return tmp_path


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.csv.zip"])
def test_read_csv_gives_text_or_the_types_asked_for(folder: Path, name: str) -> None:
    assert read_csv(folder / name).collect().row(0) == ("1", "a", "2.5")
    typed = read_csv(folder / name, columns={"price": pl.Float64, "name": pl.String}, missing=("NA", "")).collect()
    assert typed.rows() == [(2.5, "a"), (None, None)]
    with pytest.raises(ProjectError, match="did you mean 'price'"):
        read_csv(folder / name, columns={"prise": pl.Float64})


def test_a_bracket_in_a_path_is_a_bracket(folder: Path) -> None:
    odd = folder / "a[1] *"
    odd.mkdir()
    for name in ("rows.csv", "rows.parquet"):
        (odd / name).write_bytes((folder / name).read_bytes())
    assert read_csv(odd / "rows.csv").collect().height == 2
    assert read_parquet(odd / "rows.parquet").collect().height == 1


MALFORMED = [
    ("id,name,price\n1,a,2.5\n2,b\n3,c,1,9\n4,d,4.5\n", [(3, "2,b"), (4, "3,c,1,9")], ["1", "4"]),
    ('id,name,price\n1,"a, b",2.5\n2,b,3.5\n', [], ["1", "2"]),
    ('id,name,price\n1,"a, b",2.5\n2,"b, c",3.5,7\n', [(3, '2,"b, c",3.5,7')], ["1"]),
    ('id,name,price\n1,"two\nlines, here",2.5\n2,b\n3,c,1\n', [(4, "2,b")], ["1", "3"]),
    ("id,name,price\r\n1,a,2.5\r\n2,b\r\n", [(3, "2,b")], ["1"]),
]


@pytest.mark.parametrize(("text", "malformed", "good"), MALFORMED)
def test_a_malformed_line_is_noted_with_its_number_and_costs_no_other(
    folder: Path, text: str, malformed: list[tuple[int, str]], good: list[str]
) -> None:
    (folder / "odd.csv").write_bytes(text.encode())
    with notes() as noted:
        frame = read_csv(folder / "odd.csv").collect()
        typed = read_csv(folder / "odd.csv", columns={"price": pl.Float64}).collect()
    told = [f"odd.csv, line {number} is malformed and was set aside: {line!r}" for number, line in malformed]
    assert list(noted) == told
    assert frame["id"].to_list() == [*good, *(line for _, line in malformed)]
    assert frame["price"].null_count() == typed["price"].null_count() == len(malformed)


def test_what_comes_later_in_a_file_changes_no_type(folder: Path) -> None:
    rows = "".join(f"{number:03},1\n" for number in range(200))
    (folder / "late.csv").write_text(f"id,amount\n{rows}200,1.5\n")
    frame = read_csv(folder / "late.csv").collect()
    assert frame.row(42) == ("042", "1")
    assert frame.row(-1) == ("200", "1.5")


def test_read_parquet_gives_the_columns_asked_for(folder: Path) -> None:
    assert read_parquet(folder / "rows.parquet", columns=["name"]).collect().rows() == [("a",)]
    with pytest.raises(ProjectError, match="did you mean 'name'"):
        read_parquet(folder / "rows.parquet", columns=["nam"])
    with pytest.raises(ProjectError, match="not a readable Parquet"):
        read_parquet(folder / "rows.csv")


def test_a_path_is_checked(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "link.csv").symlink_to(folder / "rows.csv")
    with pytest.raises(ProjectError, match=r"did you mean 'rows\.csv'"):
        read_csv(folder / "row.csv")
    with pytest.raises(ProjectError, match="is a folder"):
        read_csv(folder / "in")
    with pytest.raises(ProjectError, match="outside"):
        read_csv(folder / "in" / ".." / "rows.csv", within=folder / "in")
    with pytest.raises(ProjectError, match="outside"):
        read_csv(folder / "in" / "link.csv", within=folder / "in")
    assert read_csv(folder / "rows.csv", within=folder).collect().height == 2


def test_archives_that_are_broken_crowded_or_bombs_are_refused(folder: Path) -> None:
    (folder / "broken.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ProjectError, match="not a readable ZIP"):
        read_csv(folder / "broken.zip")
    with zipfile.ZipFile(folder / "two.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    with pytest.raises(ProjectError, match="holds 2 files"):
        read_csv(folder / "two.zip")
    assert read_csv(folder / "two.zip", member="b.csv").collect().height == 2
    with pytest.raises(ProjectError, match="unknown member"):
        read_csv(folder / "two.zip", member="c.csv")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 20_000_000)
    with pytest.raises(ProjectError, match="unfolds"):
        read_csv(folder / "bomb.zip")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_named(tmp_path, separator):
    path = tmp_path / "a.csv"
    path.write_text(f"id{separator}amount\n1{separator}2\n")
    with pytest.raises(ProjectError, match="its header is one column") as caught:
        read_csv(path)
    assert caught.value.hint == f"read_csv(…, separator={separator!r})"
    assert read_csv(path, separator=separator).collect().columns == ["id", "amount"]
