"""What candidates answered in evaluations, as runs kept it: question by question, with quotes from documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kreis.actions.forgetting.indexes import entries_told
from kreis.actions.forgetting.subject import Found, Subject
from kreis.actions.forgetting.tables import documents_told
from kreis.tracking.points import Artefact, read_run
from kreis.ways.generative.asking import TRANSCRIPT
from kreis.workspace import Workspace

__all__ = ["TranscriptPlace"]


class TranscriptPlace:
    """Transcripts that rest on a subject's documents, or in which the value stands, are deleted whole. The numbers of
    the evaluation stay: they are on record. It comes before tables and indexes, which tell the documents.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def find(self, subject: Subject) -> list[Found]:
        """See `Place.find`."""
        return [Found(place="transcript", where=where, rows=rows) for _, where, rows in self._theirs(subject)]

    def erase(self, subject: Subject, reason: str) -> None:
        """See `Place.erase`."""
        for digest, _, _ in list(self._theirs(subject)):
            self._workspace.artifacts.forget(digest)

    def _theirs(self, subject: Subject) -> Iterator[tuple[str, str, int]]:
        """Digest, for people, and how many answers."""
        kept = dict(self._kept())
        if not kept:
            return
        names = {name for _, name, _ in documents_told(self._workspace, subject)}
        names |= {each.said[0] for each in entries_told(self._workspace, subject)}
        names |= {subject.value} if subject.document else set()
        for digest, where in kept.items():
            lines = self._workspace.artifacts.get(digest).splitlines()
            rows = sum(_rests_on(subject, names, msgspec.json.decode(line)) for line in lines if line)
            if rows:
                yield digest, where, rows

    def _kept(self) -> Iterator[tuple[str, str]]:
        folder = self._workspace.tracking_folder
        for run in sorted(folder.iterdir()) if folder.is_dir() else ():
            records = [record for logged in read_run(run) for record in logged.records]
            for each in records:
                if not isinstance(each, Artefact) or not each.name.startswith(TRANSCRIPT):
                    continue
                if self._workspace.artifacts.has(each.digest):
                    yield each.digest, f"{each.name} of run {run.name}"


def _rests_on(subject: Subject, names: set[str], said: dict[str, Any]) -> bool:
    places = [*said.get("passages", ()), *said.get("citations", ())]
    if any(each["document"] in names for each in places):
        return True
    texts = [said.get("question"), said.get("answer"), said.get("why")]
    quotes = [each.get(name) for each in places for name in ("quote", "claim", "title", "source")]
    return subject.in_texts and subject.told_in(*texts, *quotes)
