"""What people say of a candidate's answers: a step after the one that judged it, so that their labels alone are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from kreis.digests import digest_of_document
from kreis.errors import ProjectError
from kreis.evaluation.agreement import share_by_judge
from kreis.evaluation.examinations.examination import Examination, Reviewed, Subject
from kreis.evaluation.examinations.gate import Gate, judge_gate
from kreis.evaluation.examinations.kinds import examine, parameters
from kreis.evaluation.examinations.panel import Panel
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.looks import Look
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Hold
from kreis.reviews.items import Item
from kreis.reviews.queue import Queue
from kreis.tasks.decisions import Decision
from kreis.tasks.metrics.metric import Rows
from kreis.ways.results import Judged
from kreis.ways.state import WayState

__all__ = ["asked_by_machine", "given_of", "panel_of", "share_right", "waits_for_people", "with_people"]


def panel_of(state: WayState) -> Panel | None:
    """What people are asked, if the project has them asked."""
    return next((each for each in state.project.examinations if isinstance(each, Panel)), None)


def asked_by_machine(state: WayState) -> tuple[list[Examination], list[Gate]]:
    """The examinations that wait for nobody, and the gates over them."""
    asked = [each for each in state.project.examinations if not isinstance(each, Panel)]
    return asked, [each for each in state.project.declared_gates if each.measure not in Panel.measures]


def with_people(state: WayState, step: StepResult[Judged]) -> StepResult[Judged]:
    """What was judged, with what people say of it and the gates over that; the same where nobody is to be asked.

    Its inputs are the judgement and the labels: where only these are new, nothing else is computed.
    """
    panel = panel_of(state)
    if panel is None:
        return step
    judged = step.output
    gates = [each for each in state.project.declared_gates if each.measure in Panel.measures]
    report = judged.report
    look = report.look or Look(rows=report.rows)
    reviewed, said = _reviewed(state, panel, judged, look.level)
    paid = {"level": look.level} if look.paid else {}

    def compute(key: str) -> Judged:
        subject = replace(_subject(state, judged.candidate, reviewed), looks=look.number, level=look.level)
        found = examine([panel], subject, lambda stage, done, total: None)
        over = [judge_gate(each, found, asks=Panel.name, blocks_are="rows", level=look.level) for each in gates]
        with_theirs = {"examined": [*report.examined, *found], "gates": [*report.gates, *over]}
        return msgspec.structs.replace(judged, report=msgspec.structs.replace(report, **with_theirs))

    return state.memory.step(
        "evaluation",
        f"{judged.candidate}, by people",
        parameters={"panel": parameters([panel]), "gates": [msgspec.to_builtins(each) for each in gates], **paid},
        inputs={"judged": digest_of_document(step.document), "said": said},
        result=Judged,
        compute=compute,
    )


def waits_for_people(state: WayState, judged: Judged) -> Hold | None:
    """Where nothing but people's labels is lacking: for whom the run waits."""
    panel = panel_of(state)
    lacks = next((each.lacks for each in judged.report.examined if each.examination == Panel.name), "")
    others = [each for each in judged.report.gates if each.name.partition(" by ")[0] not in Panel.measures]
    if panel is None or not lacks or not judged.answers or not all(each.passed for each in others):
        return None
    return Hold(needs="reviewers", reason=lacks, detail={"candidate": judged.candidate, "queue": panel.queue})


def _reviewed(state: WayState, panel: Panel, judged: Judged, level: float) -> tuple[Reviewed | None, str]:
    """What people say of the answers that were given, and a digest of it; the answers are put into the queue."""
    artifacts = state.workspace.artifacts
    if not judged.answers or not artifacts.has(judged.answers):  # an erasure takes what was answered
        return None, ""
    lines = [msgspec.json.decode(line) for line in artifacts.get(judged.answers).splitlines() if line]
    given = given_of(lines, state.candidates[judged.candidate].output.candidate.decision)
    sample = sorted(given)[: panel.answers]  # names are digests: in their order the first ones are drawn by chance
    if len(sample) < 2:
        return Reviewed(asked=len(sample), given=len(given)), digest_of_document(sample)
    queue = _queue(state, panel)
    queue.put([Item(item=name, shown=_shown(given[name])) for name in sample])
    decided = queue.decided(sample)
    done = {name: label == panel.labels[0] for name, label in decided.labels.items()}
    share = share_right(done, given, level=level) if len(done) == len(sample) else None
    reviewed = Reviewed(
        asked=len(sample), given=len(given), done=len(done), disputed=tuple(decided.disputed),
        agreement=decided.agreement, right=share,
    )  # fmt: skip
    return reviewed, digest_of_document([sample, decided.labels, decided.disputed, decided.said])


def given_of(lines: Sequence[Mapping[str, Any]], decision: Decision) -> dict[str, Mapping[str, Any]]:
    """The answers of a transcript that were given, and not passed on to a person; each by its name, which is a digest
    of question and answer.
    """
    sure = [each for each in lines if each["outcome"] == "answered" and decision.one(each["confidence"]) > 0]
    return {digest_of_document([each["question"], each["answer"]])[:16]: each for each in sure}


def share_right(done: Mapping[str, bool], given: Mapping[str, Mapping[str, Any]], *, level: float = 0.95) -> Estimate:
    """What share of all given answers people would call right, from those that they have looked at: what the fixed rule
    says of the others helps, as far as people confirm it.
    """
    rule = {name: bool(each["right"]) for name, each in given.items()}
    alone = [right for name, right in rule.items() if name not in done]
    looked = sorted(done)
    return share_by_judge([done[name] for name in looked], [rule[name] for name in looked], alone, level=level)


def _queue(state: WayState, panel: Panel) -> Queue:
    queues = state.workspace.reviews
    if panel.queue in queues.names():
        found = queues.get(panel.queue)
        if found.labels != list(panel.labels):
            hint = f"Panel({panel.queue!r}, labels={found.labels}), or another queue"
            raise ProjectError(f"queue {panel.queue!r} has other labels", where="Panel", hint=hint)
        return found
    return queues.make(panel.queue, list(panel.labels), panel.per_item)


def _shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What people see: no confidence, and not what the rule says of it."""
    cited = ("number", "document", "title", "page", "quote")
    return {
        "question": answer["question"],
        "answer": answer["answer"],
        "citations": [
            {name: each[name] for name in cited if each.get(name) is not None} for each in answer["citations"]
        ],
    }


def _subject(state: WayState, candidate: str, reviewed: Reviewed | None) -> Subject:
    """A subject of which people alone are asked: its rows are not read again."""
    none = np.empty(0)
    rows = Rows(outcomes=none, scores=none, decisions=none)
    return Subject(
        name=candidate, goal=state.project.goal, decision=state.candidates[candidate].output.candidate.decision,
        rows=rows, blocks=np.empty(0, dtype=np.int64), groups={}, reviewed=reviewed,
    )  # fmt: skip
