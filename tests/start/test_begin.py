"""`kreis init --file`: what is written, and what is refused before anything is."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from kreis.collection.contracts.contract import Contract
from kreis.errors import ProjectError
from kreis.start.begin import begin
from kreis.start.page import begun_page
from kreis.workspace import Workspace

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def loans(rows: int = 240) -> pl.DataFrame:
    """A credit table of the usual kind."""
    number = pl.int_range(rows, eager=True)
    return pl.DataFrame(
        {
            "loan id": "L" + number.cast(pl.String),
            "pays.in-time": number * 37 % 17,
            "purpose": (number * 7 % 3).replace_strict({0: "car", 1: "house", 2: "yes"}, return_dtype=pl.String),
            "2nd income": [None if each % 5 == 0 else each * 13 % 90 / 10 for each in range(rows)],
            "kind": (number * 11 % 23 + number % 2 * 3 > 18).replace_strict(
                {True: "bad", False: "good"}, return_dtype=pl.String
            ),
        }
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "loans.csv"
    loans().write_csv(path)
    return path


def project_of(folder: Path) -> Any:
    """The project as kreis reads it."""
    return Workspace(folder).load_project()


def test_the_written_project_declares_what_was_found(tmp_path: Path, file: Path) -> None:
    begun = begin(tmp_path / "credit", file, predict="kind", now=NOW)
    assert [Path(each).name for each in begun.written] == ["project.py", "credit.yaml", "kreis.toml", "README.md"]
    project = project_of(tmp_path / "credit")
    spine = project.spine_declaration
    assert (spine.id, spine.outcome, spine.positive) == ("loan_id", "kind", "bad")
    assert set(project.request_views["row"].fields) == {"pays_in_time", "purpose", "n2nd_income"}
    assert [name for name, each in project.candidates.items() if each.baseline] == ["always the same"]
    assert len(project.candidates) == 3
    assert project.goal.metric.true_positive > 1


def test_the_contract_holds_what_was_seen(tmp_path: Path, file: Path) -> None:
    begin(tmp_path / "credit", file, predict="kind", now=NOW)
    path = tmp_path / "credit" / "contracts" / "credit.yaml"
    properties = {each["name"]: each for each in yaml.safe_load(path.read_text())["schema"][0]["properties"]}
    assert properties["loan_id"] == {
        "name": "loan_id", "logicalType": "string", "physicalName": "loan id", "primaryKey": True,
    }  # fmt: skip
    assert properties["purpose"]["enum"] == [{"value": "car"}, {"value": "house"}, {"value": "yes"}]
    assert properties["pays_in_time"]["required"]
    assert "required" not in properties["n2nd_income"]
    assert {column.name for column in Contract.load(path).plan.columns} == set(properties)


def test_a_value_of_a_second_file_is_not_refused_by_the_contract(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "later.csv"
    later = loans(40).with_columns(purpose=pl.lit("boat"), **{"pays.in-time": pl.lit(None, pl.Int64)})
    later.with_columns(kind=pl.col("kind") + ".").write_csv(other)
    begun = begin(tmp_path / "credit", file, predict="kind", test=other, now=NOW)
    assert begun.notes[-1] == "later.csv: kind has values that the first file has not: 'bad.', 'good.'"
    text = (tmp_path / "credit" / "contracts" / "credit.yaml").read_text()
    properties = {each["name"]: each for each in yaml.safe_load(text)["schema"][0]["properties"]}
    assert {"value": "boat"} in properties["purpose"]["enum"]
    assert "required" not in properties["pays_in_time"]
    assert 'test="../later.csv",' in (tmp_path / "credit" / "project.py").read_text()


def test_a_file_in_the_same_folder_is_named_relative_and_another_absolutely(tmp_path: Path, file: Path) -> None:
    begin(tmp_path / "credit", file, predict="kind", now=NOW)
    assert '"../loans.csv",' in (tmp_path / "credit" / "project.py").read_text()
    (tmp_path / "deep").mkdir()
    begin(tmp_path / "deep" / "credit", file, predict="kind", now=NOW)
    assert f'"{file}",' in (tmp_path / "deep" / "credit" / "project.py").read_text()


def test_times_split_the_rows_and_stop_the_clock(tmp_path: Path) -> None:
    begins = [datetime(2023, 1, 1, tzinfo=UTC) + timedelta(hours=9 * each) for each in range(240)]
    timed = loans().with_columns(at=pl.Series(begins).dt.replace_time_zone(None))
    timed.write_csv(tmp_path / "loans.csv")
    begun = begin(tmp_path / "credit", tmp_path / "loans.csv", predict="kind", now=NOW)
    assert begun.profile.time == "at"
    text = (tmp_path / "credit" / "project.py").read_text()
    assert 'time="at",' in text
    assert 'project.split(TimeSplit(test="18d"))' in text
    assert "look into the future" in text
    assert 'as_of = "2023-04-03"' in (tmp_path / "credit" / "kreis.toml").read_text()
    assert "time" in str(begun_page(begun))
    begin(tmp_path / "lately", tmp_path / "loans.csv", predict="kind", now=begins[-1])
    assert "as_of" not in (tmp_path / "lately" / "kreis.toml").read_text()


def test_likely_leaks_stand_in_leave_out_with_the_reason(tmp_path: Path, file: Path) -> None:
    leaking = loans().with_columns(verdict=pl.col("kind").str.to_uppercase(), bank=pl.lit("B"))
    leaking.write_csv(file)
    begun = begin(tmp_path / "credit", file, predict="kind", now=NOW)
    text = (tmp_path / "credit" / "project.py").read_text()
    assert '"verdict",  # it alone tells kind (AUC 1.000)' in text
    assert '"bank",  # it has the same value in all rows' in text
    assert "verdict" in str(begun_page(begun))
    assert "row__verdict" not in project_of(tmp_path / "credit").feature_names


@pytest.mark.parametrize(
    ("predict", "task"), [("purpose", "multi-class classification"), ("pays.in-time", "regression")]
)
def test_each_kind_of_question_is_a_project_that_loads(tmp_path: Path, file: Path, predict: str, task: str) -> None:
    begun = begin(tmp_path / "credit", file, predict=predict, now=NOW)
    project = project_of(tmp_path / "credit")
    assert begun.profile.task == project.goal.task.name == task
    assert len(project.candidates) == 3


def test_columns_about_people_are_offered_to_judge_by(tmp_path: Path, file: Path) -> None:
    about = loans().with_columns(sex=pl.lit("f"), age=pl.int_range(240) % 50, essex=pl.int_range(240) % 7)
    about.with_columns(sex=pl.when(pl.col("age") > 20).then(pl.lit("m")).otherwise(pl.lit("f"))).write_csv(file)
    begin(tmp_path / "credit", file, predict="kind", now=NOW)
    path = tmp_path / "credit" / "project.py"
    offered = '    # judge_by=["sex", "age"],\n'
    assert offered in path.read_text()
    path.write_text(path.read_text().replace(offered, offered.replace("# ", "")))
    assert project_of(tmp_path / "credit").spine_declaration.judge_by == ("sex", "age")


def test_what_is_wrong_with_a_file_is_said_with_the_way_on(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        begin(tmp_path / "a", file, predict="kind", separator=";", now=NOW)
    assert caught.value.hint == "leave --separator out: it is found out"
    with pytest.raises(ProjectError) as caught:
        begin(tmp_path / "a", file, predict="KIND", now=NOW)
    assert caught.value.hint == "did you mean 'kind'?"


HOSTILE = '""" + __import__("os").abort() #\n'


def test_what_data_hold_stays_data(tmp_path: Path) -> None:
    """Names and values go into a file that Python executes."""
    frame = loans().rename({"purpose": HOSTILE}).with_columns(
        kind=pl.col("kind").replace({"bad": '"""); raise SystemExit #', "good": "{{$(reboot)}}'\\"})
    )  # fmt: skip
    frame.write_parquet(tmp_path / "odd.parquet")
    begin(tmp_path / "odd", tmp_path / "odd.parquet", predict="kind", now=NOW)
    text = (tmp_path / "odd" / "project.py").read_text()
    called = {
        node.func.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "__import__" not in called
    assert not [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Raise)]
    Contract.load(tmp_path / "odd" / "contracts" / "odd.yaml")
    assert project_of(tmp_path / "odd").spine_declaration.positive == '"""); raise SystemExit #'


def test_an_existing_folder_is_never_written_to(tmp_path: Path, file: Path) -> None:
    (tmp_path / "credit").mkdir()
    (tmp_path / "credit" / "mine.txt").write_text("mine")
    with pytest.raises(ProjectError, match="is there already"):
        begin(tmp_path / "credit", file, predict="kind", now=NOW)
    assert [each.name for each in (tmp_path / "credit").iterdir()] == ["mine.txt"]


def test_nothing_is_written_where_something_is_wrong(tmp_path: Path, file: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    cases = [
        ("credit", file, "kin", "unknown column 'kin'"),
        ("credit", tmp_path / "empty.csv", "kind", "the file is empty"),
        ("credit", tmp_path / "header.csv", "a", "the table has no rows"),
        ("credit", tmp_path / "loan.csv", "kind", "no such file"),
        ("cre dit", file, "kind", "cannot name a project"),
    ]
    for name, path, predict, message in cases:
        with pytest.raises(ProjectError, match=message):
            begin(tmp_path / name, path, predict=predict, now=NOW)
        assert not (tmp_path / name).exists()


def test_the_command_says_what_it_found(shop: Any, file: Path) -> None:
    told = shop.kreis("init", "credit", "--file", str(file), "--predict", "kind")
    assert "240 rows, 5 columns; to be predicted: kind" in told
    assert "wrote credit/project.py" in told
    assert "Next: cd credit && kreis run" in told
    document = shop.document("init", "again", "--file", str(file), "--predict", "kind")
    assert document["profile"]["id"] == "loan id"
    assert json.loads(json.dumps(document))["profile"]["columns"][0]["kind"] == "category"
    assert "did you mean 'kind'" in shop.kreis("init", "third", "--file", str(file), "--predict", "kid", code=2)
    assert "--predict is missing" in shop.kreis("init", "third", "--file", str(file), code=2)
