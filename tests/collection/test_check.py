"""Contract.check: reading values, judging rows, keys and batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kreis.collection.contracts.contract import Contract
from kreis.collection.contracts.keys import Held
from kreis.collection.contracts.report import CheckResult, ContractBrokenError, ContractReport
from kreis.collection.contracts.rules import UNREADABLE as WHY

Write = Callable[[str], Path]
NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(tzinfo=None, hour=0)
HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\nschema:\n  - name: t\n    properties:\n"


def one_column(write: Write, rest: str) -> Contract:
    return Contract.load(write(HEAD + f"      - {{name: x, {rest}}}\n"))


def checked(contract: Contract, values: list[Any] | pl.Series) -> CheckResult:
    return contract.check(pl.LazyFrame({"x": values}, strict=False))


READ = [
    ("integer", ["1", "-7", "12.0", "+3.000", "9223372036854775807.0"], [1, -7, 12, 3, 9223372036854775807]),
    ("integer", [1.0, 2.0], [1, 2]),
    ("number", ["1", "2.5e3"], [1.0, 2500.0]),
    ("number", [1, None], [1.0, None]),
    ("string", [1545, None], ["1545", None]),
    ("string", pl.Series(["a"], dtype=pl.Categorical), ["a"]),
    ("boolean", ["true", "False"], [True, False]),
    ("date", ["2013-07-01"], [date(2013, 7, 1)]),
    ("date", [MIDNIGHT], [date(2013, 7, 1)]),
    ("time", ["12:30:00"], [time(12, 30)]),
    ("timestamp", ["2013-07-01T12:00:00Z"], [NOON]),
    ("timestamp", ["2013-07-01 14:00:00.000+02:00"], [NOON]),
    ("timestamp", ["2013-07-01T12:00:00"], [NOON]),
    ("timestamp", [NOON.replace(tzinfo=None)], [NOON]),
    ("timestamp", pl.Series([NOON]).dt.convert_time_zone("Asia/Tokyo").dt.cast_time_unit("ns"), [NOON]),
]


@pytest.mark.parametrize(("kind", "came", "expected"), READ)
def test_check_reads_what_loses_nothing(kind: str, came: Any, expected: list[Any], write_contract: Write) -> None:
    contract = one_column(write_contract, f"logicalType: {kind}")
    result = checked(contract, came)
    assert result.good["x"].to_list() == expected
    assert result.good.schema == contract.schema


LISTS = [
    ("string", [["a", "b"], [], None], [["a", "b"], [], None]),
    ("string", [[], []], [[], []]),
    ("integer", pl.Series([[1], [2, 3]], dtype=pl.List(pl.UInt8)), [[1], [2, 3]]),
]


@pytest.mark.parametrize(("items", "came", "expected"), LISTS)
def test_check_reads_lists(items: str, came: Any, expected: list[Any], write_contract: Write) -> None:
    result = checked(one_column(write_contract, f"logicalType: array, items: {{logicalType: {items}}}"), came)
    assert result.good["x"].to_list() == expected
    assert result.good.schema["x"] == pl.List({"string": pl.String(), "integer": pl.Int64()}[items])


BAD_LISTS = [
    ("string", "", [["a"], ["a", None]], "an item of the list is missing"),
    ("string", "", [[1], [2]], "not a list of that type"),
    ("string", "", ["a", "b"], "not a list of that type"),
    ("string", "minItems: 1", [["a"], []], "fewer than 1 item"),
    ("string", "maxItems: 1", [["a"], ["a", "b"]], "more than 1 item"),
    ("string", "uniqueItems: true", [["a", "b"], ["a", "a"]], "an item comes twice"),
]


@pytest.mark.parametrize(("items", "option", "came", "reason"), BAD_LISTS)
def test_check_sets_lists_aside(items: str, option: str, came: list[Any], reason: str, write_contract: Write) -> None:
    declared = f"logicalType: array, items: {{logicalType: {items}}}, logicalTypeOptions: {{{option}}}"
    result = checked(one_column(write_contract, declared), came)
    assert result.quarantined["reasons"].to_list()[-1] == [f"x: {reason}"]
    assert result.good["x"].to_list() == ([] if "type" in reason else came[:1])


MOMENTS = [
    (None, "2013-07-01T12:00:00Z"),
    (None, "2013-07-01T13:00:00+01"),
    (None, "2013-07-01T10:30:00-0130"),
    (None, "2013-07-01T12:00Z"),
    (None, "2013-07-01 12:00"),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2013-07-01T12:00:00Z"),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2013-07-01T13:00:00+01:00"),
    ("yyyy-MM-dd'T'HH:mm:ssX", "2013-07-01T13:00:00+01"),
    ("yyyy-MM-dd'T'HH:mm:ssZ", "2013-07-01T13:00:00+0100"),
    ("yyyy-MM-dd'T'HH:mm:ss'Z'", "2013-07-01T12:00:00Z"),
    ("yyyy-MM-ddTHH:mm:ss.SSS'Z'", "2013-07-01T12:00:00.000Z"),
    ("dd.MM.yyyy HH:mm x", "01.07.2013 14:00 +02"),
]


@pytest.mark.parametrize(("form", "came"), MOMENTS)
def test_check_reads_moments_as_the_standard_says(form: str | None, came: str, write_contract: Write) -> None:
    zone = "timezone: true" if came[-2:] != "00" or "+" in came or "-0130" in came else "timezone: false"
    options = zone if form is None else f'{zone}, format: "{form}"'
    contract = one_column(write_contract, f"logicalType: timestamp, logicalTypeOptions: {{{options}}}")
    assert checked(contract, [came]).good["x"].to_list() == [NOON]


@pytest.mark.parametrize("came", ["2013-07-01", "2013-07-01T12", "2013-07-01T12:00:00+1", "2013-07-01T12:00:00 Z!"])
def test_check_reads_no_moment_into_what_is_none(came: str, write_contract: Write) -> None:
    assert checked(one_column(write_contract, "logicalType: timestamp"), [came]).report.quarantined == 1


ASCII = [
    (r"^\\d{3}$", "042", True),
    (r"^\\d{3}$", "٠٤٢", False),
    (r"^\\d{3}$", "０４２", False),
    (r"^[\\d-]+$", "04-2", True),
    (r"^[\\D]+$", "٠٤٢", True),
    (r"^\\w+$", "a_1", True),
    (r"^\\w+$", "ä", False),
    (r"^\\W$", "ä", True),
    (r"^\\\\d$", "\\d", True),
    (r"^\\p{L}+$", "ä", True),
]


@pytest.mark.parametrize(("pattern", "came", "matches"), ASCII)
def test_check_takes_digits_of_a_pattern_for_ascii(
    pattern: str, came: str, matches: bool, write_contract: Write
) -> None:
    contract = one_column(write_contract, f'logicalType: string, logicalTypeOptions: {{pattern: "{pattern}"}}')
    assert (checked(contract, [came]).good.height == 1) is matches


UNREADABLE = [
    ("integer", ["1.5", "x", "", " 1", "99999999999999999999", "9223372036854775808.0", "1e3", "1,0"]),
    ("integer", [1.5, float("nan"), float("inf"), 1e300]),
    ("integer", [True]),
    ("number", ["1,5", "abc"]),
    ("number", [True]),
    ("string", [1.5]),
    ("string", [[1, 2]]),
    ("boolean", ["yes", "1"]),
    ("boolean", [1]),
    ("date", ["2013-02-30", "01.07.2013", "2013-07-01T00:00:00"]),
    ("date", [NOON.replace(tzinfo=None)]),
    ("time", ["25:00:00"]),
    ("timestamp", ["2013-07-01", "noon", "2013-13-01T00:00:00Z"]),
    ("timestamp", [1372680000]),
]


@pytest.mark.parametrize(("kind", "came"), UNREADABLE)
def test_check_quarantines_what_cannot_be_read(kind: str, came: list[Any], write_contract: Write) -> None:
    result = checked(one_column(write_contract, f"logicalType: {kind}"), came)
    assert result.good.height == 0
    assert result.quarantined.height == len(came)
    assert all("not " in reasons[0] for reasons in result.quarantined["reasons"])
    if isinstance(came[0], str):
        assert result.quarantined["x"].to_list() == came


def test_a_first_value_in_another_form_does_not_spoil_the_rest(write_contract: Write) -> None:
    contract = one_column(write_contract, "logicalType: timestamp")
    result = checked(contract, ["garbage", "2013-07-01T12:00:00Z", "2013-07-01 12:00:00"])
    assert result.good["x"].to_list() == [NOON, NOON]


def test_moments_without_a_zone_are_in_the_default_zone_unless_clocks_skip_them(write_contract: Write) -> None:
    options = "logicalTypeOptions: {defaultTimezone: America/New_York, format: 'yyyy-MM-dd HH:mm'}"
    contract = one_column(write_contract, f"logicalType: timestamp, {options}")
    result = checked(contract, ["2013-07-01 08:00", "2013-03-10 02:30", "2013-11-03 01:30"])
    assert result.good["x"].to_list() == [NOON]
    assert result.quarantined["x"].to_list() == ["2013-03-10 02:30", "2013-11-03 01:30"]


RULES = [
    ("integer", "logicalTypeOptions: {minimum: 0, maximum: 5}", [0, 5, None], [-1, 6]),
    ("number", "logicalTypeOptions: {exclusiveMinimum: 0, exclusiveMaximum: 5}", [0.1, 4.9], [0.0, 5.0]),
    ("integer", "logicalTypeOptions: {multipleOf: 5}", [0, -10, 5], [1, -3]),
    ("number", "logicalTypeOptions: {multipleOf: 0.1}", [0.3, 1e6, -0.7], [0.35]),
    ("string", "logicalTypeOptions: {minLength: 2, maxLength: 3}", ["äö", "abc"], ["ä", "abcd", ""]),
    ("string", "logicalTypeOptions: {format: uuid}", ["019253d4-5f6a-7000-8000-000000000000"], ["019253d4"]),
    ("string", "logicalTypeOptions: {format: ipv4}", ["10.0.0.255"], ["10.0.0.256", "1.2.3"]),
    ("string", "logicalTypeOptions: {format: hostname}", ["a-b.example.org"], ["-a.org", "a_b.org"]),
    ("string", "logicalTypeOptions: {format: uri}", ["https://x.org/a?b"], ["//x.org", "https://x org"]),
    ("date", "logicalTypeOptions: {minimum: 2013-01-01}", [date(2013, 1, 1)], [date(2012, 12, 31)]),
    ("time", "logicalTypeOptions: {maximum: '12:00:00'}", [time(12)], [time(12, 1)]),
    ("integer", "enum: [{value: 1}, {value: 3}]", [1, 3, None], [2]),
    ("string", "quality: [{metric: invalidValues, mustBe: 0, arguments: {pattern: '^a'}}]", ["ab", None], ["b"]),
    (
        "string",
        "quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: [null, NA]}}]",
        ["a"],
        [None, "NA"],
    ),
    ("string", "quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: [null]}}]", ["NA"], [None]),
    ("string", "quality: [{metric: missingValues, mustBe: 0, arguments: {missingValues: ['']}}]", ["a", None], [""]),
    ("string", "quality: [{metric: nullValues, mustBeLessThan: 1}]", ["a"], [None]),
    ("string", "quality: [{metric: nullValues, mustBe: 0, unit: percent}]", ["a"], [None]),
    ("integer", "unique: true", [1, 2, None, None], []),
    ("number", "required: true", [1.0], [None, float("nan"), float("-inf")]),
]


@pytest.mark.parametrize(("kind", "rule", "good", "bad"), RULES)
def test_check_judges_rows(kind: str, rule: str, good: list[Any], bad: list[Any], write_contract: Write) -> None:
    contract = one_column(write_contract, f"logicalType: {kind}, {rule}")
    result = checked(contract, good + bad)
    assert result.good["x"].to_list() == good
    assert result.quarantined.height == len(bad)
    assert sum(result.report.by_rule.values()) >= len(bad)
    assert all(len(reasons) == 1 for reasons in result.quarantined["reasons"]), "one cause, one reason"


def test_nan_may_be_declared_to_mean_missing(write_contract: Write) -> None:
    setting = "customProperties: [{property: kreis.nan.means_null, value: true}]"
    contract = one_column(write_contract, f"logicalType: number, {setting}")
    assert checked(contract, [1.0, float("nan")]).good["x"].to_list() == [1.0, None]
    whole = one_column(write_contract, f"logicalType: integer, {setting}")
    assert checked(whole, [1.0, float("nan")]).good["x"].to_list() == [1, None]
    required = one_column(write_contract, f"logicalType: integer, required: true, {setting}")
    assert checked(required, [1.0, float("nan")]).report.by_rule == {"x: missing": 1}


TABLE_RULES = [
    ("{metric: nullValues, mustBeLessOrEqualTo: 50, unit: percent}", [1, None], [1, None, None]),
    ("{metric: nullValues, mustBeLessThan: 2}", [1, None], [None, None]),
    ("{metric: duplicateValues, mustBeLessThan: 2}", [1, 1, 2, None, None], [1, 1, 1]),
    ("{metric: duplicateValues, mustBeBetween: [0, 50], unit: percent}", [1, 1], [1, 1, 1]),
    ("{metric: invalidValues, arguments: {validValues: [1]}, mustNotBeBetween: [1, 5]}", [1, 1], [1, 2]),
    ("{metric: nullValues, mustBeGreaterThan: 0}", [None], [1]),
    ("{metric: nullValues, mustBeGreaterOrEqualTo: 1}", [None], [1]),
    ("{metric: nullValues, mustBe: 1}", [None], [1]),
    ("{metric: nullValues, mustNotBe: 1}", [1], [None]),
]


@pytest.mark.parametrize(("rule", "held", "broken"), TABLE_RULES)
def test_check_judges_the_batch_where_some_are_tolerated(
    rule: str, held: list[Any], broken: list[Any], write_contract: Write
) -> None:
    contract = one_column(write_contract, f"logicalType: integer, quality: [{rule}]")
    assert checked(contract, held).report.passed
    result = checked(contract, broken)
    assert not result.report.passed
    assert "mustBe" in result.report.table_failures[0] or "mustNotBe" in result.report.table_failures[0]
    assert result.quarantined.height == 0
    warns = one_column(write_contract, f"logicalType: integer, quality: [{rule[:-1]}, severity: warning}}]")
    assert checked(warns, broken).report.passed
    assert checked(warns, broken).report.warnings


def test_keys_of_several_columns_and_several_rules(write_contract: Write) -> None:
    text = HEAD + (
        "      - {name: a, logicalType: integer, primaryKey: true}\n"
        "      - {name: b, logicalType: string, primaryKey: true}\n"
        "      - {name: c, logicalType: integer}\n"
        "      - {name: d, logicalType: integer}\n"
        "    quality:\n"
        "      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [c, d]}}\n"
    )
    frame = pl.DataFrame({"a": [1, 1, 1, 2], "b": ["x", "y", "x", "x"], "c": [1, 1, 2, None], "d": [1, 1, 3, 1]})
    report = Contract.load(write_contract(text)).check(frame.lazy()).report
    assert report.by_rule == {"a, b: primary key came before": 1, "c, d: value came before": 1}


KEYED = (
    HEAD
    + "      - {name: k, logicalType: integer, primaryKey: true}\n"
    + "      - {name: v, logicalType: integer, logicalTypeOptions: {minimum: 0}}\n"
)
VERSIONED = KEYED + "      - {name: at, logicalType: timestamp, required: true}\n"
KEYS = st.one_of(st.none(), st.integers(0, 4))
ROWS = st.lists(st.tuples(KEYS, st.integers(-1, 3)), max_size=30)
VERSIONS = st.lists(st.tuples(KEYS, st.integers(-1, 2), st.integers(0, 3)), max_size=30)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_the_first_sound_row_of_each_key_is_kept(rows: list[tuple[int | None, int]], write_contract: Write) -> None:
    """Against an oracle that walks the rows one by one."""
    seen: set[int] = set()
    expected = []
    for key, value in rows:
        if key is not None and value >= 0 and key not in seen:
            seen.add(key)
            expected.append((key, value))
    frame = pl.DataFrame(rows, schema={"k": pl.Int64, "v": pl.Int64}, orient="row")
    result = Contract.load(write_contract(KEYED)).check(frame.lazy())
    assert result.good.rows() == expected
    assert result.good.height + result.quarantined.height == frame.height
    assert all(len(reasons) for reasons in result.quarantined["reasons"])


def moment(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


def versions_frame(rows: list[tuple[int | None, int, int]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"k": pl.Int64, "v": pl.Int64, "at": pl.Int64}, orient="row")
    return frame.with_columns(at=NOON + pl.duration(hours="at"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(earlier=VERSIONS, rows=VERSIONS, replace=st.booleans())
def test_every_version_of_a_key_is_kept_once(
    earlier: list[tuple[int | None, int, int]],
    rows: list[tuple[int | None, int, int]],
    replace: bool,
    write_contract: Write,
) -> None:
    """Against an oracle that looks at each key by itself."""
    contract = Contract.load(write_contract(VERSIONED))
    bronze = contract.check(versions_frame(earlier).lazy(), known_at="at").good
    before = {(k, at): v for k, v, at in bronze.rows()}
    held = Held(rows=bronze.lazy(), since=None, until=moment(9), known_at="at", replace=replace)
    result = contract.check(versions_frame(rows).lazy(), known_at="at", held=held)
    after, counts = oracle(before, [(k, v, moment(at)) for k, v, at in rows], replace=replace)
    kept = {(k, at): v for k, v, at in result.good.rows()}
    report = result.report
    assert kept == {place: value for place, value in after.items() if before.get(place) != value}
    assert counts == (report.held, report.repeated, report.quarantined, report.replaced)
    assert report.corrected == sum(
        any(key == other and at < when for other, at in after) for key, when in kept.keys() - before.keys()
    )


def oracle(
    before: dict[tuple[int, datetime], int], rows: list[tuple[int | None, int, datetime]], *, replace: bool
) -> tuple[dict[tuple[int, datetime], int], tuple[int, int, int, int]]:
    """What stands afterwards by key and moment, and how many rows were held, copies, bad and replacing."""
    first: dict[tuple[int, datetime], int] = {}
    is_held, copies, bad, replaced = 0, 0, 0, 0
    for key, value, at in rows:
        place = (key, at)
        if key is None or value < 0:
            bad += 1
        elif place in before and before[place] == value:
            is_held += 1
        elif place in before and replace and place not in first:
            first[place] = value
            replaced += 1
        elif place in before:
            bad += 1
        elif place not in first:
            first[place] = value
        elif first[place] == value:
            copies += 1
        else:
            bad += 1
    after = before | first
    for key, at in sorted(first.keys() - before.keys()):
        older = [when for other, when in before.keys() | first.keys() if other == key and when < at]
        place = (key, max(older, default=at))
        if older and (before | first)[place] == first[key, at]:  # known again, with nothing new: no version
            del after[key, at]
            from_before = place in before and place not in first
            is_held, copies = is_held + from_before, copies + (not from_before)
    return after, (is_held, copies, bad, replaced)


def test_columns_that_are_missing_extra_or_renamed(orders: Contract, make_orders: Callable[..., pl.DataFrame]) -> None:
    batch = make_orders()
    lacking = orders.check(batch.drop("price").lazy())
    assert lacking.good.height == 0
    assert lacking.report.table_failures == ["the required column 'price' is missing"]
    assert lacking.report.by_rule == {"price: the column is missing": 10}
    optional = orders.check(batch.drop("weight").lazy())
    assert optional.report.passed
    assert optional.good["weight"].null_count() == 10
    assert optional.report.warnings == ["the column 'weight' is missing and was filled with nulls"]
    extra = orders.check(batch.with_columns(note=pl.lit("x")).lazy())
    assert extra.good.equals(batch)
    assert extra.report.warnings == ["columns that the contract does not name were dropped: note"]
    nothing = orders.check(pl.LazyFrame({"other": [1, 2, 3]}))
    assert nothing.report.rows == nothing.report.quarantined == 3


def test_extra_columns_are_kept_where_the_contract_says_so(write_contract: Write) -> None:
    text = HEAD + "      - {name: x, logicalType: integer, physicalName: THE_X}\n"
    contract = Contract.load(
        write_contract(text + "customProperties: [{property: kreis.columns.extra, value: keep}]\n")
    )
    result = contract.check(pl.LazyFrame({"THE_X": ["1"], "y": ["a"]}))
    assert result.good.to_dicts() == [{"x": 1, "y": "a"}]


def test_latency_is_judged_at_a_moment(write_contract: Write) -> None:
    text = HEAD + "      - {name: x, logicalType: timestamp}\n"
    contract = Contract.load(
        write_contract(text + "slaProperties: [{property: latency, value: 1, unit: h, element: t.x}]\n")
    )
    frame = pl.LazyFrame({"x": [NOON]})
    assert contract.check(frame, at=NOON + timedelta(hours=1)).report.passed
    late = contract.check(frame, at=NOON + timedelta(days=3, hours=2)).report
    assert not late.passed
    assert "the newest x is 3 days 2:00:00 old, but at most 1:00:00 is promised" in late.verdict
    assert contract.check(frame).report.passed


def test_latency_of_the_default_element_is_judged(write_contract: Write) -> None:
    text = HEAD + "      - {name: x, logicalType: timestamp}\n"
    more = "slaDefaultElement: t.x\nslaProperties: [{property: latency, value: 1, unit: h}]\n"
    frame = pl.LazyFrame({"x": [NOON]})
    contract = Contract.load(write_contract(text + more))
    assert contract.check(frame, at=NOON + timedelta(minutes=59)).report.passed
    assert not contract.check(frame, at=NOON + timedelta(minutes=61)).report.passed


def test_moments_too_far_ahead_can_be_allowed(write_contract: Write) -> None:
    far = pl.LazyFrame({"x": [NOON + timedelta(days=40)]})
    for days, bad in ((39, 1), (41, 0), ("any", 0)):
        rest = f"logicalType: timestamp, customProperties: [{{property: kreis.ahead.at_most_days, value: {days}}}]"
        assert one_column(write_contract, rest).check(far, at=NOON).report.quarantined == bad


def test_the_share_of_bad_rows_decides_and_strict_raises(
    orders: Contract, make_orders: Callable[..., pl.DataFrame]
) -> None:
    batch = make_orders(10).with_columns(quantity=pl.when(pl.int_range(pl.len()) < 2).then(0).otherwise("quantity"))
    result = orders.check(batch.lazy())
    assert result.report.passed
    assert "8 good rows, 2 quarantined" in result.report.verdict
    with pytest.raises(ContractBrokenError, match="2 rows are bad") as raised:
        orders.check(batch.lazy(), strict=True)
    assert raised.value.result.quarantined.height == 2
    worse = orders.check(batch.head(9).lazy())
    assert not worse.report.passed
    assert "22.2% of the rows are bad, 20.0% are tolerated: quantity: below 1 (2)" in worse.report.verdict


def test_an_empty_batch_is_judged_by_its_row_count(orders: Contract, make_orders: Callable[..., pl.DataFrame]) -> None:
    result = orders.check(make_orders().clear().lazy())
    assert result.report.table_failures == ["row count is 0, but mustBeGreaterThan 0 rows"]
    assert result.good.schema == orders.schema
    assert result.quarantined.schema["reasons"] == pl.List(pl.String)


def test_a_report_survives_json(orders: Contract, make_orders: Callable[..., pl.DataFrame]) -> None:
    import msgspec

    report = orders.check(make_orders().lazy()).report
    assert msgspec.json.decode(msgspec.json.encode(report), type=ContractReport) == report


def test_a_row_that_its_source_could_not_read_is_bad_for_that_reason_alone(write_contract: Write) -> None:
    contract = one_column(write_contract, "logicalType: string, required: true, enum: [{value: a}]")
    frame = pl.LazyFrame({"x": ["a", None, "b", None], WHY: [None, "a scan", None, None]})
    result = contract.check(frame)
    assert result.good["x"].to_list() == ["a"]
    assert result.good.columns == ["x"]
    assert result.quarantined["reasons"].to_list() == [
        ["file: could not be read: a scan"],
        ["x: not among the allowed values"],
        ["x: missing"],
    ]
    assert not result.report.warnings
    without = contract.check(pl.LazyFrame({WHY: [None, "a scan"]}))
    assert without.quarantined["reasons"].to_list() == [
        ["x: the column is missing"],
        ["file: could not be read: a scan"],
    ]
    assert without.report.by_rule == {"file: could not be read": 1, "x: the column is missing": 1}
