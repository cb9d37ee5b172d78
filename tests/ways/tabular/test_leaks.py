"""A leak sends the work back before anything has learned; a person may overrule it by name, and that is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.ways.tabular.test_rows_that_teach import PROJECT, Folder, parts

from kreis.errors import ProjectError
from kreis.governance.views.gates import overruled_in
from kreis.ledger import runs
from kreis.loop.machine import RunResult

ALL = PROJECT.replace(', features=["part__heat"]', "")


@pytest.fixture
def folder(tmp_path) -> Folder:
    """ "code" is filled in where a part has failed, in a third of these cases."""
    folder = Folder(tmp_path / "parts")
    rng = np.random.default_rng(5)
    given = (pl.col("failed") == "yes") & pl.Series(rng.random(1_200) < 0.35)
    later = parts().with_columns(code=pl.when(given).then(pl.Series(rng.normal(size=1_200))))
    later.write_parquet(folder.folder / "parts.parquet")
    return folder


def walk(folder: Folder, more: str = "") -> RunResult[Any]:
    (folder.folder / "project.py").write_text(ALL + more)
    return folder.run()


def test_a_leak_sends_the_work_back_with_its_evidence(folder: Folder):
    last = walk(folder).last
    assert last.kind == "send_back"
    assert last.to == "preparation"
    assert last.reason.startswith("where the feature 'part__code' has a value")
    assert 'project.overrule_leak("part__code", because="…")' in last.reason
    (leak,) = last.detail["leaks"]
    assert leak["kind"] == "known afterwards"
    assert len(leak["rows"]) == 10
    assert leak["rows"][0]["row"].startswith("p")
    assert all(each["outcome"] == 1.0 for each in leak["rows"])


def test_a_person_overrules_a_leak_by_name_and_it_is_said(folder: Folder):
    result = walk(folder, 'project.overrule_leak("part__code", because="the machine says so beforehand")\n')
    verdict = result.verdicts["training"]
    assert verdict.kind == "advance"
    assert verdict.detail["overruled"] == {"part__code": "the machine says so beforehand"}
    (warning,) = [each for each in verdict.detail["warnings"] if each.startswith("overruled: ")]
    assert warning.endswith("because: the machine says so beforehand")
    with result.state.workspace.ledger.read() as connection:
        (told,) = overruled_in(connection, runs.get_run(connection, result.run))
    assert (told.what, told.because) == ("part__code", "the machine says so beforehand")


def test_overruling_what_nobody_refuses_is_said(folder: Folder):
    folder.edit("DecisionValue", "DecisionValue")
    (folder.folder / "project.py").write_text(
        PROJECT + 'project.overrule_leak("part__heat", because="it is measured before")\n'
    )
    warnings = folder.run().verdicts["training"].detail["warnings"]
    assert "nothing is held against 'part__heat': project.overrule_leak is not needed" in warnings


def test_overruling_what_is_not_there_is_refused_with_the_nearest(folder: Folder):
    with pytest.raises(ProjectError, match="unknown feature or column 'part__heatt'") as refused:
        walk(folder, 'project.overrule_leak("part__heatt", because="it is measured before")\n')
    assert "did you mean 'part__heat'" in str(refused.value)
    assert "project.py:" in str(refused.value)


def test_what_no_candidate_reads_is_not_looked_at(folder: Folder):
    folder.edit("DecisionValue", "DecisionValue")
    assert folder.run().verdicts["training"].kind == "advance"


def test_leaks_are_remembered_and_overruling_needs_no_new_search(folder: Folder):
    first, again = walk(folder), walk(folder)
    assert again.last.reason == first.last.reason
    computed = [step.name for step in again.steps if not step.remembered]
    assert computed == []
