"""One call stands for source, spine, view and split, and says what it chose."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kreis import (
    ClusterSeparation,
    DecisionValue,
    GivenTest,
    Goal,
    GroupSplit,
    KMeans,
    Mean,
    Project,
    RandomSplit,
    RankingValue,
    Rule,
    TimeSplit,
)
from kreis.collection.connectors.files import notes
from kreis.collection.sources import Window
from kreis.errors import ProjectError

ALL = Window(None, datetime(2030, 1, 1, tzinfo=UTC))
VALUE = DecisionValue("EUR per loan", per=1, true_positive=1.0, false_positive=-1.0)
LOANS = pl.DataFrame(
    {
        "loan-id": [f"L{each}" for each in range(40)],
        "credit amount": [1_000 + each % 9 for each in range(40)],
        "sex": [("m", "f")[each % 2] for each in range(40)],
        "branch": [f"b{each % 5}" for each in range(40)],
        "weight": [1.0 + each % 3 for each in range(40)],
        "class": [1 + (each % 3 == 0) for each in range(40)],
    }
)


def project():
    return Project("credit", goal=Goal(question="Bad?", decision="Refuse.", metric=VALUE))


def read(made):
    return made.sources["rows"].rows(ALL).collect()


def test_columns_are_features_but_for_those_with_another_use():
    made = project()
    spine = made.rows(
        LOANS, id="loan-id", outcome="class", positive=2, judge_by=["sex"], group="branch", weight="weight"
    )
    assert made.feature_names == ("row__credit_amount",)
    assert (spine.id, spine.judge_by, spine.group, spine.weight) == ("loan_id", ("sex",), "branch", "weight")
    assert spine.timeless
    assert made.split_declaration == GroupSplit(by="branch")
    assert made.request_views["row"].fields == {"branch": "string", "credit_amount": "integer"}


def test_rows_of_a_group_are_ranked_and_never_parted():
    value = RankingValue("EUR per offer", per=1, gains={1: 2.0}, group="branch")
    made = Project("offers", goal=Goal(question="Which?", decision="Show.", metric=value))
    made.rows(LOANS, outcome="class", group="branch")
    made.candidate("mean", Mean(), baseline=True)
    made.candidate("rule", Rule(pl.col("row__credit_amount")))
    made.check()
    assert made.split_declaration == GroupSplit(by="branch")


def test_rows_without_an_outcome_are_clustered():
    made = Project("kinds", goal=Goal(question="Alike?", decision="Write.", metric=ClusterSeparation()))
    spine = made.rows(LOANS.drop("class"), id="loan-id")
    assert (spine.outcome, spine.outcome_within) == ("no_outcome", "1m")
    made.candidate("one", KMeans(clusters=1), baseline=True)
    made.check()
    unnamed = Project("kinds", goal=Goal(question="Alike?", decision="Write.", metric=ClusterSeparation()))
    unnamed.rows(LOANS.drop("class"))
    assert read(unnamed)["row_id"].n_unique() == 40
    missing = project()
    missing.rows(LOANS, id="loan-id")
    missing.candidate("mean", Mean(), baseline=True)
    with pytest.raises(ProjectError, match="the spine names no outcome"):
        missing.check()


def test_rows_that_are_ranked_name_their_group_in_a_request():
    value = RankingValue("EUR per loan", gains={1: 1.0, 2: 2.0}, group="branch")
    made = Project("order", goal=Goal(question="Which first?", decision="Call.", metric=value))
    spine = made.rows(LOANS, id="loan-id", outcome="class", leave_out=["weight"])
    assert spine.group == "branch"
    assert made.split_declaration == GroupSplit(by="branch")
    assert made.request_views["row"].fields["branch"] == "string"
    assert "row__branch" not in made.feature_names
    made.candidate("mean", Mean(), baseline=True)
    made.candidate("amount", Rule(pl.col("row__credit_amount") * 1.0))
    made.check()


def test_features_may_be_named_or_written():
    named, written = project(), project()
    named.rows(LOANS, outcome="class", positive=2, features=["sex", "credit amount"])
    assert named.feature_names == ("row__credit_amount", "row__sex")
    written.rows(LOANS, outcome="class", positive=2, features={"large": pl.col("credit_amount") > 1_004})
    assert written.feature_names == ("row__large",)
    with pytest.raises(ProjectError, match="unknown column 'credit_amont'"):
        project().rows(LOANS, outcome="class", features=["credit_amont"])


def test_a_row_is_named_by_its_content_and_place_and_not_by_its_outcome():
    frame = pl.DataFrame({"a": [1, 1, 2], "b": [0.5, 0.5, None], "y": [0, 1, None]})
    made = project()
    made.rows(frame, outcome="y")
    with notes() as told:
        names = read(made)["row_id"].to_list()
    assert list(told) == ["1 row holds the same as another; they are kept together when rows are drawn by chance"]
    assert names[1] == f"{names[0]}-2"
    later = project()
    later.rows(frame.with_columns(y=pl.Series([1, 1, 1])), outcome="y")
    assert read(later)["row_id"].to_list() == names


def test_other_content_is_another_source_and_the_same_content_the_same():
    probes = []
    for frame in (LOANS, LOANS.clone(), LOANS.with_columns(sex=pl.lit("m"))):
        made = project()
        made.rows(frame, outcome="class", positive=2)
        probes.append(made.sources["rows"].version())
    assert probes[0] == probes[1] != probes[2]


def test_a_function_gives_the_rows():
    made = project()
    made.rows(lambda: LOANS.lazy(), outcome="class", positive=2)
    assert read(made).height == 40
    with pytest.raises(ProjectError, match=r"the rows are a builtins\.list, not a Polars frame"):
        project().rows(lambda: [1], outcome="class")


def test_a_test_file_judges(tmp_path: Path):
    LOANS.head(30).write_csv(tmp_path / "train.csv")
    LOANS.tail(10).write_parquet(tmp_path / "test.parquet")
    made = project()
    made.rows(tmp_path / "train.csv", id="loan-id", outcome="class", positive=2, test=tmp_path / "test.parquet")
    assert made.split_declaration == GivenTest()
    rows = made.sources["rows"].contract.check(made.sources["rows"].rows(ALL), known_at="fixed_moment").good
    assert rows["given_part"].value_counts().sort("count")["count"].to_list() == [10, 30]
    assert rows.filter(pl.col("given_part") == "test")["loan_id"][0] == "test/L30"


def test_rows_of_the_test_table_that_the_model_has_seen_are_told():
    made = project()
    made.rows(LOANS.head(30), outcome="class", positive=2, test=LOANS.tail(12))
    with notes() as told:
        read(made)
    assert list(told) == ["2 rows of the test table hold the same as a row that teaches"]


def test_rows_may_have_no_outcome():
    made = Project("kinds", goal=Goal(question="Alike?", decision="Write.", metric=ClusterSeparation()))
    spine = made.rows(LOANS, leave_out=["class"])
    made.candidate("one", KMeans(clusters=1), baseline=True)
    made.candidate("kinds", KMeans(clusters=2))
    made.check()
    assert spine.outcome == "no_outcome"
    unnamed = project()
    unnamed.rows(LOANS)
    with pytest.raises(ProjectError, match="the spine names no outcome"):
        unnamed.check()


def test_with_a_time_it_is_an_ordinary_spine(tmp_path: Path):
    made = project()
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 9), eager=True)
    LOANS.with_columns(day=days).write_csv(tmp_path / "loans.csv")
    spine = made.rows(tmp_path / "loans.csv", outcome="class", positive=2, time="day")
    assert (spine.timeless, spine.time) == (False, "day")
    assert made.split_declaration == TimeSplit(test="30d")
    window = Window(datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 1, 20, tzinfo=UTC))
    source = made.sources["rows"]
    assert source.contract.check(source.rows(window), known_at="day").good.height == 10


def test_rows_without_times_are_not_split_in_time():
    made = project()
    made.rows(LOANS, outcome="class", positive=2)
    assert made.split_declaration == RandomSplit()
    made.candidate("mean", Mean(), baseline=True)
    made.candidate("rule", Rule(pl.col("row__credit_amount") > 0))
    made.check()
    made.split(TimeSplit(test="9d"))
    with pytest.raises(ProjectError, match="these rows have no times to split by"):
        made.check()


def test_names_that_are_not_there_or_taken_are_refused_at_the_users_line():
    with pytest.raises(ProjectError, match="unknown column 'clas'") as caught:
        project().rows(LOANS, outcome="clas")
    assert "test_declare.py" in str(caught.value)
    made = project()
    made.rows(LOANS, outcome="class")
    with pytest.raises(ProjectError, match="a project has one spine"):
        made.rows(LOANS, outcome="class")
    with pytest.raises(ProjectError, match="kreis itself adds a column 'row_id'"):
        project().rows(LOANS.rename({"loan-id": "row_id"}), outcome="class")
    assert GroupSplit(by="branch").reads(made.spine_declaration) == "branch"


def test_a_contract_of_the_user_is_completed(tmp_path: Path):
    contract = tmp_path / "loans.yaml"
    contract.write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: loans\nversion: 1.0.0\nschema:\n  - name: loans\n    properties:\n"
        "      - {name: amount, physicalName: credit amount, logicalType: integer, required: true}\n"
        "      - {name: class, logicalType: integer}\n"
    )
    made = project()
    made.rows(LOANS, outcome="class", positive=2, contract=str(contract))
    assert made.feature_names == ("row__amount",)
    promised = made.sources["rows"].contract
    assert promised.primary_key == ("row_id",)
    assert promised.plan.changes_at_most == 1.0
    good = promised.check(made.sources["rows"].rows(ALL), known_at="fixed_moment").good
    assert good.columns == ["amount", "class", "row_id", "fixed_moment"]


def test_other_formats_and_a_delta_table_are_read_alike(tmp_path: Path):
    LOANS.write_ndjson(tmp_path / "loans.jsonl")
    LOANS.write_delta(tmp_path / "loans")
    for place in ("loans.jsonl", "loans"):
        made = project()
        made.rows(tmp_path / place, id="loan-id", outcome="class", positive=2)
        assert read(made).sort("loan-id")["credit amount"].to_list() == LOANS.sort("loan-id")["credit amount"].to_list()
    before = made.sources["rows"].version()
    LOANS.head(5).write_delta(tmp_path / "loans", mode="overwrite")
    assert made.sources["rows"].version() != before
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match="the folder holds no Delta table"):
        project().rows(tmp_path / "empty", outcome="class")


def test_what_a_function_gives_is_another_source_when_it_changes():
    given = [LOANS]
    made = project()
    made.rows(lambda: given[0], outcome="class", positive=2)
    before = made.sources["rows"].version()
    given[0] = LOANS.with_columns(sex=pl.lit("x"))
    assert made.sources["rows"].version() != before


def test_requests_are_held_to_the_policy_that_is_written():
    made, strict = project(), project()
    made.rows(LOANS, outcome="class", positive=2)
    strict.rows(LOANS, outcome="class", positive=2, missing="refuse", unexpected="refuse")
    assert [(each.missing, each.unexpected) for each in (made.request_views["row"], strict.request_views["row"])] == [
        ("flag", "flag"),
        ("refuse", "refuse"),
    ]


def test_nothing_is_looked_up_by_time_for_rows_without_one():
    made = project()
    made.rows(LOANS, outcome="class", positive=2)
    made.candidate("mean", Mean(), baseline=True)
    made.candidate("rule", Rule(pl.col("row__credit_amount") > 0))
    made.feature_view(
        "branch",
        entity="branch",
        table="rows_to_predict",
        event_time="fixed_moment",
        known_at="fixed_moment",
        features={"n": pl.len()},
        windows=["7d"],
    )
    with pytest.raises(ProjectError, match="looks up what was known at a row's moment, and these rows have none"):
        made.check()
