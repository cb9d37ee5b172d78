"""Every examination passes the suite that kreis ships, on every kind of model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.evaluation.examinations.subjects import GOALS, subject, without_features

from kreis.evaluation.examinations.examination import Examination, Subject
from kreis.evaluation.examinations.kinds import EXAMINATIONS
from kreis.evaluation.examinations.testing import CHECKS

LONG = ("mitigation", "speed")
"""The one fits some thirty models, the other starts processes."""
ASKED = [
    pytest.param(each, id=name, marks=[pytest.mark.slow] if name in LONG else []) for name, each in EXAMINATIONS.items()
]


@pytest.mark.parametrize("kind", GOALS)
@pytest.mark.parametrize("examination", ASKED)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_examination_behaves(check: Callable[[Examination, Subject], None], examination: Examination, kind: str):
    check(examination, subject(kind))


@pytest.mark.parametrize("examination", EXAMINATIONS.values(), ids=lambda each: each.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_examination_behaves_without_features(check: Callable[[Examination, Subject], None], examination: Examination):
    check(examination, without_features())
