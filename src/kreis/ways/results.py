"""What each discipline's steps leave behind, as the record holds it. A field that comes later has a default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

import msgspec

from kreis.artifacts.store import ArtifactStore
from kreis.collection.contracts.report import ContractReport
from kreis.collection.outside import FileRead
from kreis.evaluation.evaluate import EvaluationReport, with_nan
from kreis.evaluation.examinations.examination import Examined
from kreis.evaluation.looks import JudgedRows, Look
from kreis.evaluation.spending import Spending
from kreis.generative.stored import StoredFile
from kreis.loop.steps import StepOutput
from kreis.preparation.spine import SpineRows
from kreis.training.leaks.leak import Leak
from kreis.training.train import TrainedCandidate

__all__ = [
    "EXAMINATION",
    "INDEX",
    "LEAKS",
    "AskedLater",
    "BuiltKnowledge",
    "BuiltTable",
    "CollectedSource",
    "JoinedFeatures",
    "Judged",
    "LakeTable",
    "LeaksFound",
    "LookTaken",
    "Packaged",
    "Spent",
    "Trained",
]


class LakeTable(StepOutput, frozen=True, kw_only=True):
    """A table of the lake, at a version."""

    table: str
    version: int
    fingerprint: str
    rows: int

    @property
    def pin(self) -> str:
        """Version and fingerprint, as an input of a step."""
        return f"{self.version}@{self.fingerprint}"


class CollectedSource(LakeTable, frozen=True, kw_only=True):
    """Collection: bronze after a source was collected."""

    mode: str = ""
    known_until: datetime | None = None
    changed_since: datetime | None = None
    quarantined: int
    contract: str
    """The contract's digest."""
    report: ContractReport
    generation: str = ""
    """Digest of the source's code and contract."""
    identity: str = ""
    """Digest of the data outside, as far as they were told apart."""
    came: dict[str, str] = msgspec.field(default_factory=dict)
    """The columns as the source gave them, and their types."""
    code: str = ""
    files: dict[str, FileRead] = msgspec.field(default_factory=dict)
    """By path; those that its frame read."""
    late_days: float = 0.0
    whole: bool = False
    """Whether it is read as a whole, when it has changed."""
    changed: str = "replace"


class BuiltTable(LakeTable, frozen=True, kw_only=True):
    """Preparation: a silver or gold table."""

    columns: list[str]
    found: SpineRows | None = None
    """What became of its rows, where it is the spine."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_document`; reads what earlier versions wrote."""
        found = document.get("found")
        rows = None if found is None else SpineRows.from_document(found)
        return msgspec.structs.replace(msgspec.convert({**document, "found": None}, cls), found=rows)


class JoinedFeatures(LakeTable, frozen=True, kw_only=True):
    """Preparation: a view's features, row for row aligned with the spine."""

    columns: list[str]
    perfect: dict[str, float] = msgspec.field(default_factory=dict)
    """Features that alone predict the outcome very well, and their AUC."""
    empty: list[str] = msgspec.field(default_factory=list)
    """Features without a value in any row."""
    categories: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """Texts of the features that are categories."""


class LeaksFound(StepOutput, frozen=True, kw_only=True):
    """Preparation: what would let a model look better than it is; overruled or not."""

    leaks: list[Leak] = msgspec.field(default_factory=list)


LEAKS = "looked for leaks"
"""The name of the step that looks for them."""
INDEX = "index "
"""What the name of a step begins with that builds the index of a knowledge base."""


class BuiltKnowledge(StepOutput, frozen=True, kw_only=True):
    """Preparation: the index of a knowledge base; its file lies in the artifacts."""

    knowledge_base: str
    file: StoredFile
    index: str
    """Its version: a digest of all that it was made of."""
    documents: int
    chunks: int
    words: int
    """In all chunks."""


class Trained(StepOutput, frozen=True, kw_only=True):
    """Training: a candidate; the model's bytes lie in the artifacts."""

    candidate: TrainedCandidate
    """Without the model's bytes."""

    def opened(self, artifacts: ArtifactStore) -> TrainedCandidate:
        """The candidate with its bytes."""
        return self.candidate.opened(artifacts.get)

    def to_document(self) -> dict[str, Any]:
        """The candidate's document."""
        return self.candidate.to_document()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_document`."""
        return cls(candidate=TrainedCandidate.from_document(document))


class Judged(StepOutput, frozen=True, kw_only=True):
    """Evaluation: what is to be said of each candidate."""

    candidate: str
    """The one that was chosen, and that the gates judge."""
    champion: str | None
    """Digest of the model that it was compared with."""
    report: EvaluationReport
    others: dict[str, EvaluationReport] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)
    """What a person should know of how it was found."""
    answers: str = ""
    """Artifact of what the chosen candidate answered, question by question, where people are asked of it."""

    def report_of(self, candidate: str) -> EvaluationReport | None:
        """A candidate's report; None where only the chosen one has one (runs of earlier versions)."""
        return self.report if candidate == self.candidate else self.others.get(candidate)

    def to_document(self) -> dict[str, Any]:
        """As plain JSON data; what is undefined in a report is null."""
        others = {name: each.to_document() for name, each in self.others.items()}
        return {
            "candidate": self.candidate,
            "champion": self.champion,
            "report": self.report.to_document(),
            "others": others,
            **({"notes": self.notes} if self.notes else {}),
            **({"answers": self.answers} if self.answers else {}),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_document`."""
        others = document.get("others", {})
        return cls(
            candidate=document["candidate"],
            champion=document["champion"],
            report=EvaluationReport.from_document(document["report"]),
            others={name: EvaluationReport.from_document(each) for name, each in others.items()},
            notes=list(document.get("notes", ())),
            answers=document.get("answers", ""),
        )


EXAMINATION = "examination "
"""What the name of a step begins with in which a person asked for an examination after a run."""


class AskedLater(StepOutput, frozen=True, kw_only=True):
    """Evaluation: what an examination found for which a person asked after the run. It belongs to no run."""

    evaluation: str
    """Key of the step that judged the candidate."""
    candidate: str
    examined: Examined

    def to_document(self) -> dict[str, Any]:
        """As plain JSON data; what is undefined is null."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_document`."""
        return msgspec.convert(with_nan(document), cls)


class Spent(StepOutput, frozen=True, kw_only=True):
    """Evaluation: what a comparison with the champion spent of the year's error rate."""

    project: str
    comparison: str
    """Digest of all that was compared."""
    days: float
    level: float
    why: str

    @property
    def spending(self) -> Spending:
        """The level of the comparison."""
        return Spending(days=self.days, level=self.level, why=self.why)


class LookTaken(StepOutput, frozen=True, kw_only=True):
    """Evaluation: that a model was judged on test rows. It belongs to no run: one that is repeated is no other look."""

    model: str
    """Digest of the candidate."""
    rows: JudgedRows
    look: Look


class Packaged(StepOutput, frozen=True, kw_only=True):
    """Deployment: a package."""

    model: str
    """Its digest."""
