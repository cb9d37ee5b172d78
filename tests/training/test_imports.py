"""Declaring candidates and scoring in the service stay light."""

import subprocess
import sys

import pytest

DECLARE = """
from kreis.expressions.tree import Column
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.rule import Rule
from kreis.training.search import Choice, Integer, Real, Search
from kreis.training.splits.in_time import TimeSplit
from kreis.training.train import train
Rule(Column("a")), Logistic(c=2).parameters(), TimeSplit(test="7d")
Search({"leaves": Integer(15, 255, log=True)}).check(GradientBoosting())
"""
SCORE = """
import sys, numpy
from kreis.expressions.tree import Column
from kreis.training.reference import histogram
from kreis.models.scoring import OnnxScorer, FormulaScorer
matrix = numpy.zeros((2, 3), numpy.float32)
assert OnnxScorer.from_onnx(open(sys.argv[1], "rb").read()).score(matrix).shape == (2,)
assert FormulaScorer(Column("a"), ["a", "b", "c"]).score(matrix).tolist() == [0.0, 0.0]
histogram(matrix[:, 0])
"""
TRAINERS = {"sklearn", "lightgbm", "optuna", "onnx", "skl2onnx", "onnxmltools", "scipy", "pandas", "pyarrow"}


@pytest.mark.parametrize(
    ("script", "kept_out"),
    [(DECLARE, TRAINERS | {"onnxruntime", "polars"}), (SCORE, TRAINERS | {"polars", "deltalake", "sqlalchemy"})],
    ids=["declaring", "scoring"],
)
def test_heavy_libraries_stay_out(script, kept_out, tmp_path):
    from kreis.training.candidates.logistic import Logistic
    from kreis.training.testing import FEATURES, LOSS, example_rows

    model = tmp_path / "model.onnx"
    model.write_bytes(Logistic().fit(*example_rows(), FEATURES, loss=LOSS, seed=0, threads=1).form.content)
    ending = f"\nimport sys; print(*sorted({kept_out!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script + ending, model], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")
