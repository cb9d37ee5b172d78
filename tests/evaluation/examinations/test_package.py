"""Size, time and proof of what is packaged, and what smaller weights lose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from tests.evaluation.examinations.subjects import goal_of, rows_of, subject, subject_with

from kreis.errors import ProjectError
from kreis.evaluation import model_memory
from kreis.evaluation.examinations.examination import Finding
from kreis.evaluation.examinations.kinds import examine
from kreis.evaluation.examinations.package import Packaging, Speed, Variants
from kreis.evaluation.model_memory import memory_of
from kreis.models.form import Onnx
from kreis.requirements.goal import ServiceLevels
from kreis.training.candidates.estimator import Estimator
from kreis.training.graph import constant_score


def ask(examination, it):
    (found,) = examine([examination], it, lambda stage, done, total: None)
    return found


def found_of_a_worse_one() -> Finding:
    """What is said where it was judged by other scores than it gives."""
    own = subject("binary")
    judged = replace(own, rows=replace(own.rows, scores=own.rows.scores + 0.01))
    return next(each for each in ask(Packaging(), judged).findings if each.measure == "largest_difference")


def test_packaging_tells_time_size_and_the_worst_row():
    found = {each.measure: each for each in ask(Packaging(), subject("binary")).findings}
    form = subject("binary").features.trained.form
    assert found["model_mb"].estimate.value == form.size / 1e6
    time, memory = ask(Speed(), subject("binary")).findings
    assert memory.timed
    assert 0.5 < memory.estimate.low <= memory.estimate.value <= memory.estimate.high < 50
    assert memory.said.endswith("MB to hold the model and to answer by it; the goal sets no limit")
    assert 0 < time.estimate.low <= time.estimate.value
    assert time.timed
    assert time.said.endswith("ms; the goal allows 50 ms for the whole answer")
    assert not any(each.timed for each in found.values())
    assert found["largest_difference"].estimate.value < 1e-6
    assert found["largest_difference"].said == "asked one by one, it answers exactly as it was judged"
    apart = found_of_a_worse_one()
    assert "in row row " in apart.said
    assert apart.serious
    assert not found["largest_difference"].serious


def test_a_model_that_was_judged_otherwise_is_named():
    it = subject("binary")
    scores = it.rows.scores.copy()
    scores[7] += 0.5
    found = ask(Packaging(calls=300), replace(it, rows=replace(it.rows, scores=scores)))
    worst = next(each for each in found.findings if each.measure == "largest_difference")
    assert worst.serious
    assert worst.estimate.value == pytest.approx(0.5)
    assert worst.said.endswith(f"row {it.features.split.judging[7]}")


def test_a_model_slower_than_the_service_may_be_is_named():
    it = subject("binary")
    goal = msgspec.structs.replace(it.goal, service=ServiceLevels(p99_ms=1e-6, memory_mb=0.1))
    found = ask(Speed(calls=20), replace(it, goal=goal))
    assert [each.measure for each in found.findings if each.serious] == ["model_ms_p99", "model_memory_mb"]
    assert found.findings[1].said.endswith("the goal allows 0.1 MB")


def test_memory_of_a_model_is_what_opening_it_and_answering_takes(monkeypatch: pytest.MonkeyPatch):
    """8 MB of weights, and 20 MB that a service keeps beside the model."""
    rows, names = np.zeros((3, 4), dtype=np.float32), list("abcd")
    small = memory_of(Onnx.of(constant_score([0.5], 4)), names, rows, None)
    large = memory_of(Onnx.of(weighty()), names, rows, None, held=[bytes(20_000_000)])
    assert np.median(large) - np.median(small) > 28
    assert np.ptp(large) < 0.1 * np.median(large)
    with pytest.raises(ProjectError, match="cannot be measured"):
        memory_of(Onnx.of(b"no model"), names, rows, None)
    monkeypatch.setattr("kreis.evaluation.model_memory._TOLD", Path("/nowhere"))
    found = ask(Speed(calls=20), subject("binary"))
    assert [each.measure for each in found.findings] == ["model_ms_p99"]
    assert found.notes == ["how much memory a process needs is told on Linux alone"]


def test_what_a_process_had_before_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = constant_score([0.5], 4)
    np.save(tmp_path / "rows.npy", np.zeros((2, 4), dtype=np.float32))
    (tmp_path / "model").write_bytes(content)
    asked = {"form": Onnx.of(content).stored, "features": list("abcd"), "texts": None, "held": []}
    (tmp_path / "asked.json").write_bytes(msgspec.json.encode(asked))
    told = iter([5.0, 12.0])
    monkeypatch.setattr(model_memory, "_written", lambda: next(told))
    assert model_memory._needed(tmp_path) == 7.0


def weighty() -> bytes:
    """A model of two million weights."""
    from onnx import helper, numpy_helper

    from kreis.training.graph import finish_graph

    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["wide"]),
        helper.make_node("MatMul", ["wide", "second"], ["long"]),
        helper.make_node("ReduceMean", ["long"], ["score"], axes=[1], keepdims=0),
    ]
    shapes = {"first": (4, 2_000), "second": (2_000, 1_000)}
    constants = [numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in shapes.items()]
    return finish_graph(nodes, constants, "x", 4, {"": 17})


def test_variants_of_a_network_are_measured():
    network = MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=50, random_state=0)
    learner = Estimator(make_pipeline(SimpleImputer(), network))
    with pytest.warns(UserWarning, match="iterations"):
        it = subject_with(goal_of("regression"), *rows_of("regression", 600), candidate=learner)
    found = ask(Variants(), it)
    assert [row["weights"] for row in found.tables["variants"]] == ["float16", "int8"]
    half, steps = (each.estimate.value for each in found.findings if each.measure == "size_of_smaller")
    assert steps < half < 0.7
    losses = [each.estimate for each in found.findings if each.measure == "loss_by_smaller"]
    usual = np.abs(it.goal.metric.values(it.rows.outcomes, it.rows.decisions)).mean() * it.goal.metric.per
    assert all(abs(each.value) < 0.05 * usual for each in losses)


def test_variants_of_trees_are_not_asked():
    assert "trees have none" in ask(Variants(), subject("binary")).lacks
