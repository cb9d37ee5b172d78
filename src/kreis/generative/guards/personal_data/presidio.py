"""Presidio's recognisers beside kreis's own (extra `presidio`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreis.errors import ProjectError
from kreis.generative.guards.personal_data.recogniser import NAMED, Found

__all__ = ["Presidio"]

_KINDS = {
    "PERSON": "NAME",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "CARD",
    "IP_ADDRESS": "IP",
}
_LEFT = frozenset({"DATE_TIME", "NRP", "URL", "LOCATION", "ORGANIZATION"})
_NETWORK = ("EmailRecognizer", "UrlRecognizer")
"""They fetch a list of domains; kreis finds addresses itself."""
_LEAST = 0.5


class Presidio:
    """Asks Presidio's analyzer. Who wants names brings a spaCy model; a blank one has patterns alone."""

    kind = "PRESIDIO"
    digits = 0
    cues = ()

    def __init__(self, analyzer: Any, language: str) -> None:
        self._analyzer = analyzer
        self._language = language

    @classmethod
    def of(cls, pipeline: str) -> Presidio:
        """Open it.

        Args:
            pipeline: "blank:en": spaCy's words without a model; else the name of an installed spaCy pipeline.

        Raises:
            ModuleNotFoundError: Presidio is not installed (reported as `MissingLibraryError`).
            ProjectError: there is no such pipeline.
        """
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine

        loaded, language = _loaded(pipeline)
        engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": pipeline}])
        engine.nlp = {language: loaded}
        registry = RecognizerRegistry(supported_languages=[language])
        registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
        for name in _NETWORK:
            registry.remove_recognizer(name)
        return cls(AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language]), language)

    def find(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Each that it is sure enough of."""
        for each in self._analyzer.analyze(text=text[start:end], language=self._language, score_threshold=_LEAST):
            if each.entity_type not in _LEFT:
                kind = _KINDS.get(each.entity_type, each.entity_type.replace("_", " "))
                yield Found(start + each.start, start + each.end, kind, NAMED)


def _loaded(pipeline: str) -> tuple[Any, str]:
    """A spaCy pipeline and its language."""
    import spacy

    blank, _, language = pipeline.partition(":") if pipeline.startswith("blank:") else ("", "", pipeline[:2])
    try:
        return (spacy.blank(language) if blank else spacy.load(pipeline)), language
    except (OSError, ImportError) as error:
        raise ProjectError(
            f"there is no spaCy pipeline {pipeline!r}",
            where="presidio of GuardPolicy",
            hint='install it, or write "blank:en"',
        ) from error
