"""The whole circle through the real command line: what is computed, remembered, sent back, held and released."""

from __future__ import annotations

import re
import sqlite3

import pytest

from kreis.ledger.people import login

RETURN_RATE = 'pl.col("returned").mean()'
SMALL = 'project.candidate("small", Logistic(), features=["order__shirts"])\n'


def test_goes_from_nothing_to_a_release(shop):
    document = shop.document("run", afresh=True)
    assert document["status"] == "advanced"
    assert [each["kind"] for each in document["verdicts"]] == ["Advance"] * 6
    assert document["steps"] == {"computed": 13, "remembered": 0}
    release = shop.document("status")["release"]
    assert (release["number"], release["kind"]) == (1, "release")
    assert [(each["share"], each["candidate"]) for each in release["routes"]] == [(1.0, "logistic")]
    assert shop.document("audit", "verify")["problems"] == []
    assert (shop.state / "service" / "current.json").exists()


def test_sets_bad_rows_aside(released):
    shown = released.document("show", "table", "quarantine/orders")
    assert [float(row["amount"]) for row in shown["first_rows"]] == [-1.0, -1.0]


def test_computes_nothing_when_nothing_has_changed(released):
    document = released.document("run", afresh=True)
    assert document["steps"] == {"computed": 0, "remembered": 13}
    assert document["status"] == "advanced"
    assert len(released.document("status")["runs"]) == 3
    assert released.document("status")["release"]["number"] == 1


def test_a_comment_or_a_docstring_computes_nothing(released):
    released.edit("    return settlements.with_columns", '    """Once settled."""\n    return settlements.with_columns')
    released.edit("def at(column", "# The shop's moments.\ndef at(column")
    released.edit("    return frame.filter(", "    # in this window alone\n\n    return   frame.filter(")
    assert released.document("run")["computed"] == []


def test_a_changed_feature_computes_what_follows_from_it_and_nothing_else(evaluated):
    shop = evaluated
    shop.edit('project.candidate("gbdt", GradientBoosting(trees=60, learning_rate=0.05, leaves=7))\n', SMALL)
    shop.document("run", "--until", "evaluation")
    shop.edit(RETURN_RATE, f"{RETURN_RATE} * 2.0 - 1.0")
    shop.edit('return_rate_180d") > 0.4', 'return_rate_180d") > -0.2')
    document = shop.document("run")
    assert document["computed"] == [
        "preparation/features customer",
        "preparation/looked for leaks",
        "training/rule",
        "training/logistic",
        "evaluation/logistic",
        "deployment/package rule",
        "deployment/package logistic",
    ]


def test_a_changed_table_computes_what_is_made_of_it(shop):
    shop.document("run", "--until", "preparation")
    shop.edit('pl.col("returned").cast(pl.Float64)', 'pl.col("returned").cast(pl.Int8).cast(pl.Float64)')
    document = shop.document("run", "--until", "preparation")
    # `settled` is computed anew, to the same rows: what is made of it is made again, as its version is another.
    assert document["computed"][0] == "preparation/settled"
    assert "preparation/features order" not in document["computed"][:2]


def test_until_stops_there(shop):
    document = shop.document("run", "--until", "preparation")
    assert [each["discipline"] for each in document["verdicts"]] == ["requirements", "collection", "preparation"]
    assert shop.document("status")["release"] is None
    assert "unknown discipline 'preperation'" in shop.kreis("run", "--until", "preperation", code=2)


def test_refuses_a_moment_in_the_future(shop):
    told = shop.kreis("run", "--as-of", "2999-01-01", code=2)
    assert "is in the future" in told
    assert not shop.document("show", "table")["tables"]


def test_from_computes_again_and_comes_to_the_same_model(released):
    before = released.document("status")["release"]
    document = released.document("run", "--from", "training", afresh=True)
    assert {name.split("/")[0] for name in document["computed"]} == {"training", "evaluation", "deployment"}
    assert document["steps"] == {"computed": 6, "remembered": 7}
    assert released.document("status")["release"] == before


def test_from_collection_does_not_release_the_same_model_twice(released):
    before = released.document("status")["release"]
    assert released.document("run", "--from", "collection")["steps"]["remembered"] == 0
    assert released.document("status")["release"] == before


def test_a_broken_contract_sends_the_work_back_until_the_data_are_right(shop):
    orders = shop.folder / "data" / "orders.csv"
    whole = orders.read_text()
    orders.write_text(re.sub(r"(?m)^(o00[0-4]\d\d,c\d+),shoes", r"\1,shoos", whole))
    document = shop.document("run", code=10)
    last = document["verdicts"][-1]
    assert (document["status"], last["discipline"], last["to"]) == ("sent_back", "collection", "collection")
    assert "source 'orders'" in last["reason"]
    assert "category" in last["reason"]
    assert "1.0% are tolerated" in last["reason"]
    assert "shoos" in shop.kreis("show", "table", "quarantine/orders")
    assert "category" in shop.kreis("status")
    orders.write_text(whole)
    assert shop.document("run")["status"] == "advanced"
    assert shop.document("audit", "verify")["problems"] == []


def test_a_missed_gate_sends_the_work_back_to_training(evaluated):
    shop = evaluated
    shop.edit("better_than_baseline=50", "better_than_baseline=5000")
    last = shop.document("run", code=10)["verdicts"][-1]
    assert (last["discipline"], last["to"]) == ("evaluation", "training")
    assert "5,000" in last["reason"]
    assert shop.document("status")["release"] is None
    shop.edit("better_than_baseline=5000", "better_than_baseline=50")
    assert {name.split("/")[0] for name in shop.document("run")["computed"]} == {"deployment"}
    assert shop.document("status")["release"]["number"] == 1


def test_raising_the_goal_judges_the_model_in_service_again(released):
    released.edit("better_than_baseline=50", "better_than_baseline=5000")
    last = released.document("run", code=10)["verdicts"][-1]
    assert "against 'rule' it gains" in last["reason"]
    assert "champion" not in last["reason"]
    assert released.document("status")["release"]["number"] == 1


def test_a_release_waits_for_another_persons_yes(evaluated):
    shop = evaluated
    shop.edit('fallback="rule")', 'fallback="rule", approval="product_owner")')
    (shop.folder / "kreis.toml").write_text(
        f'[clock]\nas_of = "2025-08-15"\n[people]\nusers.ann = "{login()}"\nroles.product_owner = ["bea", "ann"]\n'
    )
    document = shop.document("run", code=11)
    assert document["status"] == "held"
    model = document["verdicts"][-1]["detail"]["model"]
    assert shop.document("status")["release"] is None
    asked = ("approve", model[:10], "--role", "product_owner", "--reason", "checked the slices")
    assert "does not hold the role" in shop.kreis(*asked, code=8, actor="carl")
    assert "unknown role 'product-owner'" in shop.kreis(
        "approve", model, "--role", "product-owner", "--reason", "x", code=2
    )
    shop.kreis(*asked, actor="ann")
    assert "only by the one who releases it" in shop.kreis("run", code=11, actor="ann")
    assert "nothing shows that it is 'bea'" in shop.kreis(*asked, code=8, actor="bea")
    assert shop.kreis("keys", "new", "bea", actor="bea").startswith("bea has the key")
    approval = shop.document(*asked, actor="bea")
    assert (approval["model"], approval["actor"]) == (model, "bea")
    document = shop.document("run")
    assert document["steps"]["computed"] == 0
    assert shop.document("status")["release"]["routes"][0]["model"] == model
    assert [run["status"] for run in shop.document("status")["runs"]] == ["advanced", "held", "held", "advanced"]


def test_goes_back_by_a_new_release_and_stays_there(released):
    first = released.document("status")["release"]
    assert "no earlier release" in released.kreis("rollback", "--reason", "looks wrong", code=2)
    again = released.document("rollback", "--to", "1", "--reason", "a drill")
    assert (again["number"], again["kind"], again["routes"]) == (
        2,
        "rollback",
        [{name: each[name] for name in ("model", "share", "mode")} for each in first["routes"]],
    )
    assert released.document("run")["steps"]["computed"] == 0
    assert released.document("status")["release"]["number"] == 2


def live(shop):
    release = shop.document("status")["release"]
    return release["number"], [(route["version"], route["share"]) for route in release["routes"]]


def test_a_better_model_begins_with_a_share_of_the_traffic(canary):
    assert live(canary) == (2, [(2, 0.8), (4, 0.2)])
    assert canary.document("run")["computed"] == []
    assert live(canary) == (2, [(2, 0.8), (4, 0.2)])


def test_a_release_quotes_what_was_compared(canary):
    release = canary.document("show", "release")
    assert release["reason"].startswith("version 4 less version 2: ")
    assert "EUR per 1,000 orders, on 579 rows of 45 days as of 2025-08-15" in release["reason"]
    assert release["detail"]["days_before"] == {"decisions": [], "differing": [], "totals": [], "squares": []}
    plan = canary.document("release", "plan", "--per-day", "25")
    assert [each["challenger"] for each in plan["expected"]] == ["equal", "6% worse", "21% worse", "random", "inverted"]
    assert plan["margin"] == 300
    assert "no request was logged" in canary.kreis("release", "plan", code=2)
    assert "canary waits: no request was answered since" in canary.kreis("watch", "--once")


def test_a_changed_text_or_name_makes_no_comparison(released):
    before = released.document("status")["release"]["routes"]
    released.edit("Will this order be returned?", "Does this order come back?")
    released.run("run")
    renamed = released.document("show", "release")
    assert (renamed["number"], renamed["kind"]) == (2, "release")
    assert renamed["reason"] == "same model as version 2, changed goal"
    assert [route["share"] for route in renamed["routes"]] == [route["share"] for route in before]
    released.edit('project.candidate("logistic"', 'project.candidate("plain"')
    released.run("run")
    assert released.document("show", "release")["reason"] == "same model as version 4, changed name"
    assert released.document("run")["computed"] == []
    assert released.document("status")["release"]["number"] == 3


def test_a_release_that_stays_is_told_why(released):
    orders = released.folder / "data" / "orders.csv"
    lines = orders.read_text().splitlines()
    young = next(number for number, line in enumerate(lines) if "2025-08-14T" in line)
    lines[young] = lines[young].replace(lines[young].split(",")[3], "61.5")
    orders.write_text("\n".join(lines) + "\n")
    assert "release 1 stays, it answers alike: 100%" in released.kreis("run")


def test_a_model_that_tells_nothing_apart_is_named_in_a_warning(shop):
    shop.edit("leaves=7))", 'leaves=7), features=["order__amount"])')
    shop.edit('project.candidate("logistic", Logistic())', "")
    assert "gbdt is not shown to tell yes from no (AUC 0.49" in shop.kreis("run")


def test_what_was_taken_out_of_service_does_not_come_back_by_itself(canary):
    canary.run("rollback", "--reason", "answers look odd")
    assert live(canary) == (3, [(2, 1.0)])
    last = canary.document("run", code=11)["verdicts"][-1]
    assert (last["kind"], last["needs"]) == ("Hold", "a person")
    assert "release 3 took version 4 out of service (answers look odd)" in last["reason"]
    assert live(canary) == (3, [(2, 1.0)])
    canary.run("rollback", "--to", "2", "--reason", "it was the data")
    assert live(canary) == (4, [(2, 0.8), (4, 0.2)])
    assert canary.document("run")["computed"] == []


def test_a_canary_goes_on_while_another_model_waits_for_a_yes(canary):
    canary.edit('fallback="rule")', 'fallback="rule", approval="owner")')
    canary.edit("Logistic()", "Logistic(c=0.5)")
    last = canary.document("run", code=11)["verdicts"][-1]
    assert last["needs"] == "role owner"
    assert live(canary) == (2, [(2, 0.8), (4, 0.2)])


def test_what_was_done_can_be_looked_up(released):
    run = released.document("show", "run")
    assert [verdict["kind"] for verdict in run["verdicts"]] == ["advance"] * 6
    assert len(run["steps"]) == 13
    model = released.document("show", "model")
    assert model["evaluation"]["passed"]
    assert model["candidate"] == "logistic"
    assert model["manifest"]["inputs"].keys() == {"orders", "settlements", "settled", "questions"}
    tables = [each["table"] for each in released.document("show", "table")["tables"]]
    assert {"bronze/orders", "silver/settled", "gold/questions", "quarantine/orders"} <= set(tables)
    assert released.document("show", "table", "silver/settled", "--version", "0")["version"] == 0
    assert released.document("show", "release", "1")["routes"][0]["model"] == model["digest"]
    for words in (["show", "run"], ["show", "model", "1"], ["status"]):
        assert released.kreis(*words).strip()
    assert "unknown kind of thing 'modle'" in released.kreis("show", "modle", code=2)
    events = [entry["event"] for entry in released.document("audit", "log", "--last", "500")]
    assert {"run.started", "step.finished", "model.registered", "release", "run.finished"} <= set(events)


def test_the_audit_reports_what_was_edited_behind_its_back(released):
    model = released.document("status")["release"]["routes"][0]["model"]
    head = released.document("audit", "verify")["head"]
    assert released.document("audit", "verify", "--head", head)["problems"] == []
    with sqlite3.connect(released.state / "ledger.db") as database:
        database.execute("update models set candidate = 'other' where version = 2")
    database.close()
    report = released.document("audit", "verify", code=5)
    assert [problem["what"] for problem in report["problems"]] == [f'models: row ["{model}"] was edited']
    assert "kreis audit verify" in released.kreis("status", code=5)


CYCLE = """
@project.table(layer="silver")
def left(right: pl.LazyFrame) -> pl.LazyFrame:
    return right


@project.table(layer="silver")
def right(left: pl.LazyFrame) -> pl.LazyFrame:
    return left


project.feature_view("""


WRONG = {
    "a misspelt name": (
        ("def settled(settlements:", "def settled(setlements:"),
        '@project.table(layer="silver")',
        "unknown source or table 'setlements'",
        "did you mean 'settlements'",
    ),
    "a cycle": (
        ("\nproject.feature_view(", CYCLE),
        "def left",
        "in a circle: left → right → left",
        "break the circle",
    ),
    "no contract": (
        ("contracts/orders.yaml", "contracts/order.yaml"),
        "@project.source",
        "no contract at contracts/order.yaml",
        "kreis init",
    ),
    "no baseline": ((", baseline=True", ""), None, "no candidate is a baseline", "baseline=True"),
    "an unknown feature": (
        ("Logistic()", 'Logistic(), features=["customer__return_rate_30"]'),
        'project.candidate("logistic"',
        "unknown feature 'customer__return_rate_30'",
        "did you mean 'customer__return_rate_30d'",
    ),
    "a rule that reads an unknown feature": (
        ('return_rate_180d")', 'return_rate_90d")'),
        'project.candidate("rule"',
        "unknown feature 'customer__return_rate_90d'",
        "did you mean",
    ),
    "a feature that cannot be computed online": (
        ('pl.col("amount"),', 'pl.col("amount").map_elements(lambda x: x * 2, return_dtype=pl.Float64),'),
        "project.request_view(",
        "map_elements",
        "compute it in a silver table",
    ),
    "a column that the spine lacks": (
        ('    id="order_id",', '    id="order",'),
        "@project.spine(",
        "unknown column 'order'",
        "order_id",
    ),
    "an entity that is no key": (
        ('entity="customer"', 'entity="custommer"'),
        "project.feature_view(",
        "unknown key of the spine 'custommer'",
        "did you mean 'customer'",
    ),
    "a goal without sense": (
        ("true_positive=6.0", "true_positive=-6.0"),
        "goal=Goal(",
        "right decisions are worth no more",
        "",
    ),
    "a missing module": (
        ("import polars as pl", "import polars as pl\nimport polarss"),
        "import polarss",
        "ModuleNotFoundError",
        "",
    ),
    "a discipline that is none": (
        ('sends_back_to="collection"', 'sends_back_to="collecting"'),
        "project.monitor(",
        "unknown discipline 'collecting'",
        "did you mean 'collection'",
    ),
}


@pytest.mark.parametrize(("edit", "line", "message", "hint"), WRONG.values(), ids=WRONG)
def test_names_place_and_remedy_of_what_is_wrong(shop, edit, line, message, hint):
    shop.edit(*edit)
    error = shop.document("run", code=2)["error"]
    assert message in error["message"]
    assert hint in (error["hint"] or "")
    assert str(shop.folder / "project.py") in error["where"]
    if line is not None:
        number = int(re.search(r"project\.py:(\d+)", error["where"])[1])
        text = (shop.folder / "project.py").read_text().splitlines()
        assert any(line in each for each in text[number - 2 : number + 1]), text[number - 1]


def test_an_error_says_what_where_and_what_next(shop):
    shop.edit("def settled(settlements:", "def settled(setlements:")
    shown = shop.kreis("run", code=2)
    assert re.search(r"Error: unknown.*\nWhere: .*project\.py:\d+\nNext:  did you mean", shown)


def test_says_so_where_there_is_no_project(tmp_path, shop):
    shop.folder = tmp_path
    assert "kreis init" in shop.kreis("run", code=2)


def test_begins_a_project_that_runs(tmp_path, shop):
    shop.folder = tmp_path
    written = shop.document("init", "new")["written"]
    assert {"new/project.py", "new/contracts/orders.yaml", "new/README.md", "new/kreis.toml"} <= set(written)
    assert "is there already" in shop.kreis("init", "new", code=2)
    shop.folder = tmp_path / "new"
    assert shop.document("run", "--until", "preparation")["status"] == "advanced"
