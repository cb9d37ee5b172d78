"""What a user declares: checked as it is declared, and as a whole once all is there."""

from __future__ import annotations

import msgspec
import polars as pl
import pytest

from kreis import (
    BusinessMetric,
    Canary,
    ClusterSeparation,
    DecisionValue,
    Drift,
    Goal,
    GradientBoosting,
    Guardrail,
    Integer,
    Logistic,
    Project,
    RankingValue,
    Risk,
    Rule,
    TimeSplit,
    Window,
)
from kreis.collection.declare import Sources
from kreis.declarations import Named, at, users_line
from kreis.errors import ContractError, KreisError, ProjectError

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - {name: order, logicalType: string, primaryKey: true}
      - {name: customer, logicalType: string, required: true}
      - {name: at, logicalType: timestamp, required: true}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    made = Project(
        "returns",
        goal=Goal(
            question="Will it come back?",
            decision="Ask.",
            metric=DecisionValue("EUR", true_positive=6.0, false_positive=-1.5),
            risk=Risk.minimal(because="asks a question"),
        ),
    )
    made._folder = tmp_path
    (tmp_path / "orders.yaml").write_text(CONTRACT)
    return made


def with_source(project):
    @project.source(contract="orders.yaml", known_at="at")
    def orders(window: Window) -> pl.LazyFrame:
        return pl.LazyFrame()

    return orders


def with_tables(project):
    with_source(project)

    @project.table(layer="silver")
    def past(orders: pl.LazyFrame) -> pl.LazyFrame:
        return orders

    @project.spine(id="order", time="at", keys=["customer"], outcome="returned", outcome_known_at="settled")
    def questions(orders: pl.LazyFrame) -> pl.LazyFrame:
        return orders

    return past


def complete(project):
    past = with_tables(project)
    project.feature_view(
        "customer",
        entity="customer",
        table=past,
        event_time="at",
        known_at="settled",
        features={"rate": pl.col("returned").mean()},
        windows=["7d", "30d"],
    )
    project.request_view("order", fields={"amount": "number"}, features={"amount": pl.col("amount")})
    project.candidate("rule", Rule(pl.col("customer__rate_7d") > 0.4), baseline=True)
    project.candidate("logistic", Logistic())
    return project


def test_gathers_what_was_declared(project):
    complete(project)
    project.split(TimeSplit(test="14d"))
    project.release(Canary(steps=[0.5, 1.0]), fallback="rule", approval="owner")
    project.monitor(Drift(), BusinessMetric(falls_by=0.2), sends_back_to="training")
    project.check()
    assert list(project.sources) == ["orders"]
    assert [table.name for table in project.ordered_tables()] == ["past", "questions"]
    assert project.spine_declaration.keys == ("customer",)
    assert project.feature_names == ("customer__rate_7d", "customer__rate_30d", "order__amount")
    assert [(each.name, each.baseline) for each in project.candidates.values()] == [("rule", True), ("logistic", False)]
    assert project.release_declaration.fallback == "rule"
    assert project.release_declaration.approval.roles == ("owner",)
    assert [(each.monitor.name, each.sends_back_to) for each in project.monitors] == [
        ("drift", "training"),
        ("business_metric", "training"),
    ]
    assert project.split_declaration.test == "14d"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "a_b", "../x"])
def test_a_name_is_letters_digits_and_hyphens(project, name):
    with pytest.raises(ProjectError, match="cannot name a project") as caught:
        Project(name, goal=project.goal)
    assert caught.value.where.startswith(f"{__file__}:")


def test_a_source_needs_its_contract(project):
    with pytest.raises(ProjectError, match=r"source 'lost' has no contract at lost\.yaml") as caught:

        @project.source(contract="lost.yaml", known_at="at")
        def lost(window: Window) -> pl.LazyFrame:
            return pl.LazyFrame()

    assert caught.value.where.startswith(f"{__file__}:")


def test_a_source_is_known_at_a_column_of_its_contract(project):
    with pytest.raises(KreisError, match="known"):

        @project.source(contract="orders.yaml", known_at="knwon")
        def orders(window: Window) -> pl.LazyFrame:
            return pl.LazyFrame()


def test_a_wrong_contract_is_refused_where_it_is_wrong(project, tmp_path):
    (tmp_path / "orders.yaml").write_text(CONTRACT.replace("logicalType: timestamp", "logicalType: moment"))
    with pytest.raises(KreisError) as caught:
        with_source(project)
    assert isinstance(caught.value, (ProjectError, ContractError))
    assert "orders.yaml" in str(caught.value)


def test_sources_and_tables_share_their_names(project):
    with_source(project)
    with pytest.raises(ProjectError, match="already a source or table called 'orders'"):
        with_source(project)
    with pytest.raises(ProjectError, match="already a source or table called 'orders'") as caught:

        @project.table(layer="silver")
        def orders(past: pl.LazyFrame) -> pl.LazyFrame:
            return past

    assert caught.value.where.startswith(f"{__file__}:")


def test_there_is_one_spine(project):
    with_tables(project)
    with pytest.raises(ProjectError, match="one spine") as caught:

        @project.spine(id="order", time="at", keys=["customer"], outcome="returned", outcome_known_at="settled")
        def others(orders: pl.LazyFrame) -> pl.LazyFrame:
            return orders

    assert "'questions'" in caught.value.hint


def test_there_is_one_split_and_one_release(project):
    project.split(TimeSplit(test="7d"))
    project.release(Canary())
    for again in (lambda: project.split(TimeSplit(test="9d")), lambda: project.release(Canary())):
        with pytest.raises(ProjectError, match=r"a project has one (split|release)") as caught:
            again()
        assert f"another one is at {__file__}:" in caught.value.hint
    assert project.split_declaration.test == "7d"


def test_views_and_candidates_have_names_of_their_own(project):
    complete(project)
    with pytest.raises(ProjectError, match="two views called 'customer'"):
        project.request_view("customer", fields={"amount": "number"}, features={"amount": pl.col("amount")})
    with pytest.raises(ProjectError, match="two candidates called 'rule'") as caught:
        project.candidate("rule", Logistic())
    assert caught.value.where.startswith(f"{__file__}:")


def test_the_whole_needs_a_source_a_spine_and_a_baseline(project):
    with pytest.raises(ProjectError, match="no source is declared"):
        project.check()
    with_source(project)
    with pytest.raises(ProjectError, match="no spine is declared"):
        project.check()


def test_a_model_needs_something_to_beat(project):
    with_tables(project)
    project.candidate("logistic", Logistic())
    with pytest.raises(ProjectError, match=r'(?s)no candidate is a baseline.*"mean", Mean\(\), baseline=True'):
        project.check()


UNKNOWN = {
    "table": (lambda p: view(p, table="passt"), "unknown table 'passt'", "did you mean 'past'?"),
    "entity": (lambda p: view(p, entity="costumer"), "unknown key of the spine 'costumer'", "did you mean 'customer'?"),
    "feature": (
        lambda p: p.candidate("other", Logistic(), features=["customer__rate_3d"]),
        "unknown feature 'customer__rate_3d'",
        "did you mean 'customer__rate_7d' or 'customer__rate_30d'?",
    ),
    "feature of a rule": (
        lambda p: p.candidate("other", Rule(pl.col("order__amuont") > 1)),
        "unknown feature 'order__amuont'",
        "did you mean 'order__amount'?",
    ),
    "fallback": (
        lambda p: p.release(Canary(steps=[1.0]), fallback="rules"),
        "unknown candidate 'rules'",
        "did you mean 'rule'?",
    ),
}


def view(project, **changes):
    given = {"entity": "customer", "table": "past", "event_time": "at", "known_at": "settled", **changes}
    project.feature_view("more", features={"n": pl.len()}, windows=["7d"], **given)


UNKNOWN |= {
    "feature of a monitor": (
        lambda p: p.monitor(Drift(features=("customer__rate_3d",))),
        "unknown feature 'customer__rate_3d'",
        "did you mean 'customer__rate_7d' or 'customer__rate_30d'?",
    ),
    "perfect feature": (
        lambda p: p.allow_perfect_feature("order__amuont", because="it is"),
        "unknown feature 'order__amuont'",
        "did you mean 'order__amount'?",
    ),
}


@pytest.mark.parametrize(("declare", "message", "hint"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_name_is_refused_with_line_and_nearest_name(project, declare, message, hint):
    complete(project)
    declare(project)
    with pytest.raises(ProjectError) as caught:
        project.check()
    assert message in caught.value.message
    assert set(caught.value.hint.split("'")[1::2]) == set(hint.split("'")[1::2])
    assert caught.value.where.startswith(f"{__file__}:")


def test_an_expression_that_cannot_be_served_is_refused_at_its_line(project):
    with pytest.raises(ProjectError, match="allow-list") as caught:
        project.request_view(
            "order", fields={"amount": "number"}, features={"amount": pl.col("amount").rank()}
        )  # fmt: skip
    assert caught.value.where.startswith(f"{__file__}:")
    assert "'amount'" in caught.value.where


def test_a_monitor_sends_back_to_a_discipline(project):
    with pytest.raises(ProjectError, match="unknown discipline 'collect'"):
        project.monitor(Drift(), sends_back_to="collect")


def test_what_is_to_be_predicted_is_no_field(project):
    complete(project)
    project.request_view("known", fields={"returned": "number"}, features={"x": pl.col("returned")})
    with pytest.raises(ProjectError, match="'returned' is what is to be predicted") as caught:
        project.check()
    assert caught.value.where.startswith(f"{__file__}:")
    assert "request view 'known'" in caught.value.where


def test_a_row_s_own_outcome_is_no_feature(project):
    complete(project)
    view(project, table="questions", known_at="at", entity="customer")
    project.check()  # it counts rows, and reads no outcome
    project.feature_view(
        "own",
        entity="customer",
        table="questions",
        event_time="at",
        known_at="at",
        features={"rate": pl.col("returned").mean()},
        windows=["7d"],
    )
    with pytest.raises(ProjectError, match="known at 'at', but it is known at 'settled'") as caught:
        project.check()
    assert caught.value.where.startswith(f"{__file__}:")


def test_a_spine_without_an_outcome_fits_where_none_is_needed(project):
    with_source(project)
    with pytest.raises(ProjectError, match="outcome_known_at is missing"):
        project.spine(id="order", time="at", keys=["customer"], outcome="back")(lambda orders: orders)

    @project.spine(id="order", time="at", keys=["customer"])
    def questions(orders: pl.LazyFrame) -> pl.LazyFrame:
        return orders

    project.request_view("order", fields={"size": "number"}, features={"size": pl.col("size")})
    project.candidate("rule", Rule(pl.col("order__size") > 1), baseline=True)
    with pytest.raises(ProjectError, match="names no outcome, and binary classification learns from outcomes"):
        project.check()
    project.goal = msgspec.structs.replace(project.goal, metric=ClusterSeparation())
    project.check()


def test_rows_that_are_ranked_together_are_named_by_what_a_request_holds(project):
    with_tables(project)
    ranked = RankingValue("EUR", gains={1: 1.0}, group="custmer")
    project.goal = msgspec.structs.replace(project.goal, metric=ranked)
    project.candidate("rule", Rule(pl.col("order__size") > 1), baseline=True)
    project.request_view("order", fields={"size": "number"}, features={"size": pl.col("size")})
    with pytest.raises(ProjectError, match="key or field of a request that names a group 'custmer'") as caught:
        project.check()
    assert "'customer'" in str(caught.value.hint)
    project.goal = msgspec.structs.replace(project.goal, metric=RankingValue("EUR", gains={1: 1.0}, group="customer"))
    project.check()


def test_a_perfect_feature_needs_a_reason(project):
    with pytest.raises(ProjectError, match="no reason"):
        project.allow_perfect_feature("order__amount", because=" ")


@pytest.mark.parametrize("wrong", [float("nan"), [1], pl.lit(1)])
def test_the_positive_value_is_a_value(project, wrong):
    with_source(project)
    with pytest.raises(ProjectError, match="positive="):

        @project.spine(
            id="order", time="at", keys=["customer"], outcome="returned", outcome_known_at="settled", positive=wrong
        )
        def questions(orders: pl.LazyFrame) -> pl.LazyFrame:
            return orders


def test_a_search_is_checked_where_it_is_declared(project):
    with pytest.raises(ProjectError, match="unknown parameter 'leafs'") as caught:
        project.candidate("gbdt", GradientBoosting(), search={"leafs": Integer(2, 31)})
    assert caught.value.where.startswith(f"{__file__}:")


def test_a_classifier_may_stand_as_it_is(project):
    from sklearn.linear_model import LogisticRegression

    project.candidate("plain", LogisticRegression())
    assert project.candidates["plain"].candidate.parameters()["class"].endswith("LogisticRegression")
    with pytest.raises(ProjectError, match="it has no") as caught:
        project.candidate("nothing", "logistic")
    assert caught.value.where.startswith(f"{__file__}:")


def test_a_rule_reads_only_the_features_that_it_may_use(project):
    complete(project)
    project.candidate("narrow", Rule(pl.col("order__amount") > 1), features=["customer__rate_7d"])
    with pytest.raises(ProjectError, match="reads 'order__amount', which is not among its features"):
        project.check()


def test_a_constant_rule_may_be_a_baseline_and_nothing_that_is_released(project):
    complete(project)
    project.candidate("never", Rule(pl.lit(False)), baseline=True)
    project.check()
    project.release(Canary(steps=[1.0]), fallback="never")
    with pytest.raises(ProjectError, match="answer when the model cannot, and reads no feature") as caught:
        project.check()
    assert caught.value.where.startswith(f"{__file__}:")
    assert "customer__rate_7d" in caught.value.hint


def test_a_candidate_that_may_be_released_reads_a_feature_and_each_once(project):
    complete(project)
    project.candidate("nothing", Logistic(), features=[])
    with pytest.raises(ProjectError, match="may be released, and reads no feature"):
        project.check()
    project._candidates._declared.pop("nothing")
    project.candidate("twice", Logistic(), features=["order__amount", "order__amount"])
    with pytest.raises(ProjectError, match="name 'order__amount' twice"):
        project.check()


def test_a_guardrail_names_a_metric_before_anything_is_trained(project):
    complete(project)
    project.goal = msgspec.structs.replace(project.goal, guardrails=[Guardrail("recal", at_least=0.4)])
    with pytest.raises(ProjectError, match="unknown metric 'recal'") as caught:
        project.check()
    assert caught.value.where.startswith(f"{__file__}, ")
    assert "recall" in caught.value.hint


class Slogans(Sources):
    """What another discipline lets a user declare: written here, nothing in kreis knows of it."""

    def __init__(self, name, *, goal):
        super().__init__(name, goal=goal)
        self.slogans = Named("slogans")

    def slogan(self, name, text, *, about):
        """Declare a slogan about a source."""
        self.slogans.add(name, (text, about), users_line())

    def check(self):
        super().check()
        for name, (_, about) in self.slogans.items():
            with at(self.slogans.place(name)):
                if about not in self.sources:
                    raise ProjectError.unknown_name("source", about, self.sources, where=f"slogan {name!r}")


class WithSlogans(Slogans, Project):
    """A project that has them too."""


def test_a_part_of_another_discipline_is_declared_placed_and_checked_like_the_others(project, tmp_path):
    made = WithSlogans("returns", goal=project.goal)
    made._folder = tmp_path
    complete(made).slogan("polite", "Be polite.", about="orders")
    made.check()
    with pytest.raises(ProjectError, match="two slogans called 'polite'") as caught:
        made.slogan("polite", "Be rude.", about="orders")
    assert caught.value.where.startswith(f"{__file__}:")
    made.slogan("rude", "Be rude.", about="odrers")
    with pytest.raises(ProjectError, match="unknown source 'odrers'") as caught:
        made.check()
    assert caught.value.where.startswith(f"{__file__}:")
    assert caught.value.where.endswith("slogan 'rude'")
    assert "orders" in caught.value.hint


def test_parts_are_checked_after_those_that_they_rest_on(project):
    made = WithSlogans("returns", goal=project.goal)
    made.slogan("polite", "Be polite.", about="nothing")
    with pytest.raises(ProjectError, match="no source is declared"):
        made.check()
