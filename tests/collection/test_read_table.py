"""Tables of every kind: what is found out, what is done to values, what is said of it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from kreis.collection.connectors.files import notes
from kreis.collection.connectors.table import read_table
from kreis.errors import ProjectError


def read(path: Path, text: str | bytes, **options: object) -> tuple[pl.DataFrame, list[str]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with notes() as noted:
        frame = read_table(path, **options).collect()  # type: ignore[arg-type]
    return frame, list(noted)


FORMS = [
    ("a,b\n1,x\n2,y\n", []),
    ("a;b\n1;x\n2;y\n", ["fields are separated by semicolons"]),
    ("a\tb\n1\tx\n2\ty\n", ["fields are separated by tabs"]),
    ("a|b\n1|x\n2|y\n", ["fields are separated by bars"]),
    ('a,b\n1,"x"\n2,"y"\n', []),
    ("\ufeffa,b\n1,x\n2,y\n", []),
    ("a , b\n1, x\n2, y\n", ["blanks around the values of b are removed"]),
]


@pytest.mark.parametrize(("text", "told"), FORMS)
def test_the_form_of_a_csv_file_is_found_out(tmp_path: Path, text: str, told: list[str]) -> None:
    frame, noted = read(tmp_path / "t.csv", text)
    assert frame.to_dict(as_series=False) == {"a": [1, 2], "b": ["x", "y"]}
    assert noted == told


def test_a_comma_in_sentences_is_no_separator(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "t.csv", "kind\ttext\nham\tgo, now\nspam\twin, win\nham\tno, no\n")
    assert frame.columns == ["kind", "text"]


def test_quotes_without_a_counterpart_belong_to_the_text(tmp_path: Path) -> None:
    frame, noted = read(tmp_path / "t.csv", 'ham\tsay "hi\nspam\t"win" now\nham\tno\n')
    assert frame.rows() == [("ham", 'say "hi'), ("spam", '"win" now'), ("ham", "no")]
    assert "quotes belong to the texts: some have no counterpart" in noted
    assert "the first line is a row, not a header: the columns are called column_1, column_2, …" in noted
    assert frame.columns == ["column_1", "column_2"]


def test_quotes_that_hold_line_ends_and_separators_are_quotes(tmp_path: Path) -> None:
    frame, noted = read(tmp_path / "t.csv", 'a,b\n1,"x, ""y""\nz"\n2,w\n')
    assert frame.rows() == [(1, 'x, "y"\nz'), (2, "w")]
    assert noted == []


HEADERS = [
    ("age,job\n39,cook\n50,cook\n", True),
    ("39,cook\n50,nurse\n", False),
    ("cook,ham\nnurse,ham\ncook,spam\n", False),
    ("text,category\nwhere is it,arrival\nwhy so,refund\n", True),
    ("country,v2019\nde,1\nfr,3\n", True),
    ("a,b\n", True),
]


@pytest.mark.parametrize(("text", "header"), HEADERS)
def test_a_header_is_told_from_a_row(tmp_path: Path, text: str, header: bool) -> None:
    frame, _ = read(tmp_path / "t.csv", text)
    assert frame.height == len(text.splitlines()) - header


def test_what_is_said_beforehand_is_not_guessed(tmp_path: Path) -> None:
    frame, noted = read(tmp_path / "t.csv", "a;b\nc;d\n", separator="|", header=False)
    assert frame.rows() == [("a;b",), ("c;d",)]
    assert noted == []


def test_each_column_is_what_all_of_its_values_are(tmp_path: Path) -> None:
    values = {
        "whole": ["1", "-2", "3"],
        "broken": ["1", "2.5", "1e3"],
        "postcode": ["01067", "80331", "10115"],
        "card": ["1234567890123456789", "2234567890123456789", "3234567890123456789"],
        "flag": ["true", "False", "true"],
        "day": ["2024-01-31", "2024-02-29", "2024-03-01"],
        "german": ["31.01.2024", "01.02.2024", "02.03.2024"],
        "us": ["01/31/2024", "02/01/2024", "03/02/2024"],
        "either": ["01/02/2024", "02/01/2024", "03/02/2024"],
        "at": ["2024-01-31 10:00:00", "2024-01-31 10:00:01.5", "2024-02-01 00:00:00"],
        "zoned": ["2024-01-31T10:00:00Z", "2024-01-31T10:00:01+01:00", "2024-02-01T00:00:00Z"],
    }
    rows = "\n".join(",".join(row) for row in zip(*values.values(), strict=True))
    frame, noted = read(tmp_path / "t.csv", ",".join(values) + "\n" + rows + "\n")
    moment = pl.Datetime("us")
    assert frame.schema == {
        "whole": pl.Int64, "broken": pl.Float64, "postcode": pl.String, "card": pl.String, "flag": pl.Boolean,
        "day": pl.Date, "german": pl.Date, "us": pl.Date, "either": pl.String, "at": moment,
        "zoned": pl.Datetime("us", "UTC"),
    }  # fmt: skip
    assert frame["german"][0] == frame["us"][0] == date(2024, 1, 31)
    assert frame["zoned"][1] == datetime(2024, 1, 31, 9, 0, 1, tzinfo=UTC)
    assert "postcode: digits with leading zeros are texts, not numbers" in noted
    assert "card: digits with more digits than a number holds exactly are texts, not numbers" in noted
    assert "german: dates are read as day.month.year" in noted


def test_what_stands_for_missing_depends_on_the_column(tmp_path: Path) -> None:
    """TotalCharges of the churn table has blanks, workclass of Adult question marks, air quality "NA"."""
    frame, noted = read(tmp_path / "t.csv", "charge,air,job,country\n1.5,NA,?,NA\n ,7,cook,DE\n2.5,8,,unknown\n")
    assert frame["charge"].to_list() == [1.5, None, 2.5]
    assert frame["air"].to_list() == [None, 7, 8]
    assert frame["job"].to_list() == [None, "cook", None]
    assert frame["country"].to_list() == ["NA", "DE", "unknown"]
    assert noted == [
        "charge: 1 blank values are missing values",
        "air: 1 values such as 'NA' are missing values",
        "job: 1 values '?' are missing values",
        "country: 2 values such as 'NA' are kept as a text of their own",
    ]


def test_the_same_of_many_columns_is_said_once(tmp_path: Path) -> None:
    """Six columns of the bank's calls have "unknown"."""
    _, noted = read(tmp_path / "t.csv", "a,b,c,d,e\nunknown,unknown,x,unknown,unknown\nx,unknown,y,z,w\nx,v,y,z,w\n")
    assert noted == ["a and 3 more columns: 5 values such as 'unknown' are kept as a text of their own"]


def test_a_column_with_a_few_odd_values_is_a_text_and_they_are_named(tmp_path: Path) -> None:
    rows = "".join(f"{number}\n" for number in range(40))
    frame, noted = read(tmp_path / "t.csv", f"price\n{rows}free\n")
    assert frame.schema == {"price": pl.String}
    assert noted == ["price: 1 of 41 values are no numbers, such as 'free': it is a text"]


def test_a_comma_before_decimals_is_told_from_thousands(tmp_path: Path) -> None:
    frame, noted = read(tmp_path / "t.csv", "price;count\n1,5;1,000\n20;2,000\n3,25;30,000\n")
    assert frame["price"].to_list() == [1.5, 20.0, 3.25]
    assert frame["count"].to_list() == ["1,000", "2,000", "30,000"]
    assert "price: a comma stands before the decimals" in noted


def test_columns_without_a_name_or_with_that_of_another_get_one(tmp_path: Path) -> None:
    frame, noted = read(tmp_path / "t.csv", "m,,n,n\n1,2,3,4\n")
    assert frame.columns == ["m", "column_2", "n", "n_4"]
    assert noted == [
        "column 2 has no name; it is called 'column_2'",
        "column 4 has the name of another; it is called 'n_4'",
    ]


def test_text_that_is_not_utf8_is_read_as_western(tmp_path: Path) -> None:
    frame, noted = read(tmp_path / "t.csv", "city,n\nKöln,1\nZürich,2\n".encode("windows-1252"))
    assert frame["city"].to_list() == ["Köln", "Zürich"]
    assert noted == ["the text is not UTF-8; it is read as windows-1252"]


def test_a_known_type_is_not_guessed_and_nothing_is_lost(tmp_path: Path) -> None:
    """A contract judges: what is no number stays as it came."""
    known = {"n": pl.Int64(), "code": pl.String()}
    frame, _ = read(tmp_path / "t.csv", "n,code\n1,7\nNA,NA\nfree, 8\n", columns=known)
    assert frame.rows() == [("1", "7"), (None, "NA"), ("free", "8")]


def test_the_plan_names_the_file(tmp_path: Path) -> None:
    """So a source that reads it notices when the file changes."""
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,x\n")
    assert str(path) in read_table(path).explain()


def test_other_kinds_of_files(tmp_path: Path) -> None:
    rows = {"n": [1, 2], "t": ["x", None]}
    pl.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    lines = "".join(json.dumps({"n": n, **({"t": t} if t else {})}) + "\n" for n, t in zip(*rows.values(), strict=True))
    (tmp_path / "t.jsonl").write_text(lines)
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"n,t\n1,x\n2,\n"))
    (tmp_path / "t.json").write_text('\n[{"n": 1, "t": "x"}, {"n": 2}]')
    for name in ("t.parquet", "t.json", "t.jsonl", "t.jsonl.gz", "t.csv.gz"):
        assert read_table(tmp_path / name).collect().to_dict(as_series=False) == rows, name


def test_a_workbook_is_read_by_its_first_sheet_or_the_one_named(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel", reason="kreis[excel] is not installed")
    book = Path(__file__).parent / "two_sheets.xlsx"
    with notes() as noted:
        assert read_table(book).collect().rows() == [("a", 1.5), ("b", None)]
    assert list(noted) == ["the workbook has 2 sheets; 'prices' is read"]
    assert read_table(book, sheet="days").collect().columns == ["day"]
    with pytest.raises(ProjectError, match="unknown sheet") as caught:
        read_table(book, sheet="pricse")
    assert "prices" in str(caught.value.hint)


def test_types_that_no_contract_names_become_ones_that_it_does(tmp_path: Path) -> None:
    frame = pl.DataFrame({"c": pl.Series(["x"], dtype=pl.Categorical), "u": pl.Series([1], dtype=pl.UInt8)})
    frame = frame.with_columns(
        d=pl.lit(datetime(2024, 1, 1, tzinfo=UTC)).dt.replace_time_zone(None).cast(pl.Datetime("ns")),
        b=pl.lit(b"x"),
        f=pl.lit(1.5, pl.Float32),
    )
    frame.write_parquet(tmp_path / "t.parquet")
    with notes() as noted:
        read = read_table(tmp_path / "t.parquet").collect()
    assert read.schema == {"c": pl.String, "u": pl.Int64, "d": pl.Datetime("us"), "f": pl.Float64}
    assert list(noted) == ["column 'b' is left out: kreis reads no values of type Binary"]


def test_lists_of_texts_become_texts_with_a_separator(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"tags": [["new", "express"], ["old"], None]}).write_parquet(path)
    with notes() as noted:
        assert read_table(path).collect()["tags"].to_list() == ["new|express", "old", None]
    assert "tags: lists are read as texts, with | between their items" in noted


REFUSED = [
    ("t.csv", b"", "empty"),
    ("t.png", b"\x89PNG\x81\x8d\n\x00\xff", "it is not a text"),
    ("t.csv", b"\n\n", "empty"),
    ("t.parquet", b"PAR", "not a readable Parquet"),
]


@pytest.mark.parametrize(("name", "content", "message"), [*REFUSED, ("t.jsonl", b"[1,", "not readable as JSON Lines")])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ProjectError, match=message):
        read_table(tmp_path / name)
    with pytest.raises(ProjectError, match="no such file"):
        read_table(tmp_path / "other.csv")


def test_texts_named_as_missing_take_the_place_of_the_usual_ones(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "t.csv", "n,job\n1,?\n-1,cook\nnone,none\n", missing=["-1", "none"])
    assert frame.rows() == [(1, "?"), (None, "cook"), (None, None)]


def test_a_beginning_alone_decides_what_is_found_out(tmp_path: Path) -> None:
    frame, _ = read(tmp_path / "t.csv", "n,job\n1,cook\n2,nurse\nfree\n3,a,b\n", rows=2)
    assert frame.rows() == [(1, "cook"), (2, "nurse")]


def test_a_beginning_is_read_although_the_file_ends_in_the_middle_of_a_record(tmp_path: Path) -> None:
    frame, noted = read(tmp_path / "t.csv", 'subject,body\n"a","b\nc"\n"d","Cher\n', rows=50)
    assert frame.row(0) == ("a", "b\nc")
    assert "line 4 is malformed" in noted[0]
