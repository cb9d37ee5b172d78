"""What holds for all examinations at once."""

from __future__ import annotations

import msgspec
from tests.evaluation.examinations.half import Half
from tests.evaluation.examinations.subjects import subject

from kreis.evaluation.examinations.examination import Examined, Subject, Tell
from kreis.evaluation.examinations.kinds import examine


class Alarming(Half):
    """Warns of all that it finds."""

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        found = super().examine(subject, tell)
        warned = [
            msgspec.structs.replace(each, serious=True, estimate=msgspec.structs.replace(each.estimate, warning=doubt))
            for each, doubt in zip(found.findings, (None, "3 days are too few"), strict=False)
            if each.estimate is not None
        ]
        return msgspec.structs.replace(found, findings=warned)


def test_nothing_is_serious_whose_interval_should_not_decide_anything():
    (found,) = examine([Alarming()], subject("binary"), lambda stage, done, total: None)
    assert [each.serious for each in found.findings] == [True, False]
    assert len(found.serious) == 1
