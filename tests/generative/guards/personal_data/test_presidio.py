"""Presidio stands behind the same protocol, where it is installed."""

from __future__ import annotations

import importlib.util

import pytest

from kreis.errors import MissingLibraryError, ProjectError
from kreis.generative.guards.guards import guards_of
from kreis.generative.guards.policy import GuardPolicy

HERE = importlib.util.find_spec("presidio_analyzer") is not None


@pytest.mark.skipif(not HERE, reason="Presidio is not installed (kreis[presidio])")
def test_a_blank_pipeline_finds_by_patterns() -> None:
    guards = guards_of(GuardPolicy(presidio="blank:en"))
    assert guards.stored("My medical license is BB1388568.") == "My medical license is [MEDICAL LICENSE]."
    with pytest.raises(ProjectError, match="no spaCy pipeline"):
        guards_of(GuardPolicy(presidio="en_core_web_none"))


@pytest.mark.skipif(HERE, reason="Presidio is installed")
def test_without_it_the_extra_is_named() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        guards_of(GuardPolicy(presidio="blank:en"))
    missing = MissingLibraryError.of(caught.value)
    assert missing is not None
    assert "kreis[presidio]" in str(missing.hint)
