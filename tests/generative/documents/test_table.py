"""documents_frame and documents_of: documents as rows, through a contract and bronze, and back."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kreis.clock import SimulatedClock
from kreis.collection.collecting import collect, read_bronze
from kreis.collection.contracts.contract import Contract
from kreis.collection.contracts.rules import UNREADABLE
from kreis.collection.sources import Source
from kreis.errors import ProjectError
from kreis.generative.documents.document import Document, Unreadable
from kreis.generative.documents.table import COLUMNS, contract_of_documents, documents_frame, documents_of
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

DAY = datetime(2026, 5, 1, tzinfo=UTC)
FULL = Document(
    id="hr/leave.md",
    text="# Leave\n\n30 days a year.",
    known_at=DAY,
    title="Leave",
    owner="hr",
    licence="internal",
    language="en",
    groups=("staff", "board"),
    tenant="north",
    source="hr/leave.md",
    expires=DAY + timedelta(days=365 * 40),
    pages=(0, 9),
)
PLAIN = Document(id="plain.md", text="A text.", known_at=DAY)
CONTRACT = Contract.of(contract_of_documents("handbook"), "handbook")

moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
documents = st.builds(
    Document,
    id=st.text(min_size=1),
    text=st.text(),
    known_at=moments,
    title=st.text(),
    language=st.sampled_from(["", "de"]),
    groups=st.lists(st.text()).map(tuple),
    expires=st.none() | moments,
    pages=st.lists(st.integers(0, 10**9)).map(tuple),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(documents, max_size=5))
def test_what_goes_in_comes_out(given):
    assert list(documents_of(documents_frame(given).collect())) == given


def test_many_documents_keep_their_order():
    many = [Document(id=str(i), text=f"page {i}", known_at=DAY) for i in range(1_000)]
    assert list(documents_of(documents_frame(many))) == many


def test_only_the_columns_and_rows_that_are_asked_for_are_given():
    frame = documents_frame([FULL, PLAIN])
    assert frame.filter(pl.col("language") == "en").select("id").collect().rows() == [("hr/leave.md",)]
    assert frame.head(1).collect().height == 1
    assert frame.collect_schema().names() == [*COLUMNS, UNREADABLE]


def test_an_empty_text_of_a_field_is_null_so_that_a_contract_can_require_it():
    row = documents_frame([PLAIN]).collect().row(0, named=True)
    assert (row["owner"], row["licence"], row["groups"], row["text"]) == (None, None, [], "A text.")


def test_moments_are_told_in_utc():
    east = datetime(2026, 5, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    naive = Document(id="a", text="x", known_at=datetime(2026, 5, 1), expires=east)  # noqa: DTZ001
    (row,) = documents_of(documents_frame([naive]))
    assert (row.known_at, row.expires) == (DAY, DAY)


def test_an_iterator_is_not_read_twice_in_silence():
    frame = documents_frame(iter([PLAIN]))
    assert frame.collect().height == 1
    with pytest.raises(ProjectError, match="read to its end"):
        frame.collect()


def test_what_is_no_document_is_refused():
    with pytest.raises(ProjectError, match="gave a str, not a document"):
        documents_frame(["a text"]).collect()


def test_a_table_of_something_else_is_refused():
    with pytest.raises(ProjectError, match=r"lacks the columns known_at, title"):
        list(documents_of(pl.DataFrame({"id": ["a"], "text": ["b"]})))


def test_an_unreadable_file_is_set_aside_and_told_of():
    told = []
    scan = Unreadable(id="scan.pdf", reason="page images without text", known_at=DAY, source="/x/scan.pdf")
    result = CONTRACT.check(documents_frame([scan, PLAIN], told=told.append), at=DAY, known_at="known_at")
    assert result.good["id"].to_list() == ["plain.md"]
    assert result.quarantined.select("id", "source", "reasons").rows() == [
        ("scan.pdf", "/x/scan.pdf", ["file: could not be read: page images without text"])
    ]
    assert result.report.by_rule == {"file: could not be read": 1}
    assert not result.report.warnings
    assert told == ["scan.pdf could not be read and was set aside: page images without text"]


def test_a_row_without_a_text_is_bad_by_the_contract_that_comes_without_one():
    rows = documents_frame([PLAIN]).collect().with_columns(pl.lit(None, pl.String).alias("text"))
    assert CONTRACT.check(rows.lazy(), at=DAY).quarantined["reasons"].to_list() == [["text: missing"]]


@pytest.fixture
def lake(tmp_path):
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(DAY)) as ledger:
        yield Lake(tmp_path / "lake", ledger)


def test_documents_are_collected_and_corrected_like_every_row(lake):
    held = [FULL, PLAIN]
    source = Source(name="handbook", contract=CONTRACT, known_at="known_at", read=lambda window: documents_frame(held))

    def collected(until, step):
        return collect(source, until=until, lake=lake, actor="ada", step=step)

    assert collected(DAY, "1").report.good == 2
    assert sorted(documents_of(read_bronze(lake, source, DAY)), key=lambda each: each.id) == [FULL, PLAIN]
    later = DAY + timedelta(days=1)
    changed = Document(id="hr/leave.md", text="# Leave\n\n31 days.", known_at=later, groups=("staff",))
    held[:] = [changed, PLAIN]
    report = collected(later, "2").report
    assert (report.good, report.corrected, report.held) == (1, 1, 1)
    texts = {each.id: each for each in documents_of(read_bronze(lake, source, later))}
    assert texts == {"hr/leave.md": changed, "plain.md": PLAIN}
    assert {each.id: each for each in documents_of(read_bronze(lake, source, DAY))} == {
        "hr/leave.md": FULL,
        "plain.md": PLAIN,
    }


@pytest.mark.slow
def test_a_frame_holds_each_text_once_and_reading_it_back_holds_few(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MEASURED)

    def megabytes(*words):
        done = subprocess.run(
            [sys.executable, script, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    nothing = megabytes("write", "1")
    assert megabytes("write", "20000") < nothing + 1.5 * 400  # of texts
    assert megabytes("read") < nothing + 300


MEASURED = """
import resource, sys
from datetime import UTC, datetime
import polars as pl
from kreis.generative.documents.document import Document, Unreadable
from kreis.generative.documents.table import documents_frame, documents_of

if sys.argv[1] == "write":
    at = datetime(2026, 5, 1, tzinfo=UTC)
    many = (Document(id=str(i), text=f"page {i} " * 2_000, known_at=at) for i in range(int(sys.argv[2])))
    documents_frame(many).collect().write_parquet("documents.parquet", row_group_size=1_000)
else:
    assert sum(1 for each in documents_of(pl.scan_parquet("documents.parquet"))) == 20_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_several_files_that_cannot_be_read_are_set_aside_behind_others():
    scans = [Unreadable(id=f"{n}.pdf", reason=f"page {n} holds no text", known_at=DAY) for n in range(2)]
    plain = [msgspec.structs.replace(PLAIN, id=f"{n}.md", text=f"{n} days of leave a year") for n in range(2)]
    result = CONTRACT.check(documents_frame([*plain, *scans]).collect().lazy(), at=DAY, known_at="known_at")
    assert result.good["id"].to_list() == ["0.md", "1.md"]
    reasons = [[f"file: could not be read: page {n} holds no text"] for n in range(2)]
    assert result.quarantined["reasons"].to_list() == reasons


def test_of_very_many_files_that_cannot_be_read_the_first_are_told_of_by_name():
    told = []
    scans = [Unreadable(id=f"{n}.pdf", reason="a scan", known_at=DAY) for n in range(1010)]
    documents_frame(scans, told=told.append).collect()
    assert told[0] == "0.pdf could not be read and was set aside: a scan"
    assert told[10:] == ["1,000 more could not be read and were set aside: quarantine has their reasons"]
