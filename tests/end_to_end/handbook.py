"""A tiny handbook, which tests of answering projects share: five pages, thirty questions, ten without an answer."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["PAGES", "QUESTIONS", "UNANSWERABLE", "write_handbook"]

PAGES = {
    "leave": (
        "Annual leave",
        "Every employee has 30 days of annual leave a year.",
        "Leave that is not taken expires on 31 March of the next year.",
        "Parental leave",
        "Parental leave lasts up to 36 months for each child.",
        "A request for parental leave is made 7 weeks before it begins.",
    ),
    "travel": (
        "Travel",
        "A business trip is booked through the travel desk.",
        "The daily allowance in Germany is 28 euros.",
        "Hotels",
        "A hotel may cost up to 120 euros a night.",
        "Receipts are handed in within 14 days.",
    ),
    "equipment": (
        "Laptops",
        "A laptop is replaced every 4 years.",
        "A lost laptop is reported to security within 2 hours.",
        "Phones",
        "Company phones may be used privately.",
        "The phone contract includes 20 gigabytes of data.",
    ),
    "security": (
        "Passwords",
        "A password has at least 14 characters.",
        "Passwords are changed after an incident only.",
        "Visitors",
        "Visitors are registered at the reception.",
        "A visitor badge is green and valid for one day.",
    ),
    "pay": (
        "Salary",
        "Salaries are paid on the 25th of each month.",
        "A bonus is paid in April.",
        "Overtime",
        "Overtime is compensated with time off.",
        "Up to 10 hours of overtime may be carried over.",
    ),
}
QUESTIONS = (
    ("How many days of annual leave do I have?", "30 days", "leave", 1),
    ("When does leave that is not taken expire?", "31 March", "leave", 2),
    ("How long does parental leave last?", "36 months", "leave", 4),
    ("How many weeks before parental leave is a request made?", "7 weeks", "leave", 5),
    ("Through whom is a business trip booked?", "travel desk", "travel", 1),
    ("What is the daily allowance in Germany?", "28 euros", "travel", 2),
    ("How much may a hotel cost a night?", "120 euros", "travel", 4),
    ("Within how many days are receipts handed in?", "14 days", "travel", 5),
    ("How often is a laptop replaced?", "4 years", "equipment", 1),
    ("How soon must a lost laptop be reported?", "2 hours", "equipment", 2),
    ("May company phones be used privately?", "used privately", "equipment", 4),
    ("How many gigabytes of data does the phone contract include?", "20 gigabytes", "equipment", 5),
    ("How many characters has a password at least?", "14 characters", "security", 1),
    ("When are passwords changed?", "after an incident", "security", 2),
    ("Where are visitors registered?", "reception", "security", 4),
    ("What colour is a visitor badge?", "green", "security", 5),
    ("When are salaries paid?", "25th", "pay", 1),
    ("When is a bonus paid?", "April", "pay", 2),
    ("How is overtime compensated?", "time off", "pay", 4),
    ("How many hours of overtime may be carried over?", "10 hours", "pay", 5),
)
UNANSWERABLE = (
    "Who is the chief financial officer?",
    "Is there a swimming pool?",
    "What does lunch in the canteen cost?",
    "Can I bring my dog to work?",
    "Which trains go to Hamburg?",
    "How do I cancel my gym membership?",
    "What is the capital of Peru?",
    "Does the company pay for glasses?",
    "How tall is the office tower?",
    "When was the company founded?",
)
PROJECT = '''"""What the handbook says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from kreis import (
    AnswerValue, BestPassage, ByStructure, ByWords, Canary, Document, Goal, Guardrail, Project, Risk, ServiceLevels,
    Window,
)

PAGES = Path(__file__).parent / "pages"
project = Project("handbook", goal=Goal(
    question="What does the handbook say about this?",
    decision="Answer the employee, or pass the question on to a person.",
    metric=AnswerValue("EUR per 1,000 questions", right=4.0, wrong=-12.0, passed_on=-1.5, per_1000_tokens=-0.002),
    guardrails=[Guardrail("citation_precision", at_least=0.4)],
    service=ServiceLevels(p99_ms=3000),
    risk=Risk.limited(because="people talk to it"),
    least=5,
    replaced_in_vain=0.5,
))


def page(path: Path) -> Document:
    known_at = datetime.fromisoformat((path.parent / "known_at").read_text()).replace(tzinfo=UTC)
    return Document(id=path.name, text=path.read_text(), known_at=known_at, title=path.stem, language="en")


@project.documents()
def handbook(window: Window) -> Iterator[Document]:
    for path in sorted(PAGES.glob("*.md")):
        yield page(path)


@project.documents()
def faq(window: Window) -> Iterator[Document]:
    for name in ("leave.md", "pay.md"):
        yield page(PAGES / name)


kb = project.knowledge_base("handbook", documents=handbook, chunks=ByStructure(words=40, overlap=0))
few = project.knowledge_base("faq", documents=faq, chunks=ByWords(words=4, overlap=0))
project.questions("questions.jsonl", feedback_within="1h")
project.candidate("scraps", BestPassage(few), baseline=True)
project.candidate("passage", BestPassage(kb))
project.release(Canary(steps=[0.5, 1.0], hold="1d", margin=2000.0))
'''


def write_handbook(folder: Path) -> None:
    """A project's folder: pages, questions, project file and settings."""
    (folder / "pages").mkdir(parents=True)
    for name, (first, one, two, second, three, four) in PAGES.items():
        (folder / "pages" / f"{name}.md").write_text(f"# {first}\n\n{one} {two}\n\n## {second}\n\n{three} {four}\n")
    (folder / "pages" / "known_at").write_text("2026-01-01")
    lines = [
        {
            "id": f"q{number}",
            "question": question,
            "answer": [answer],
            "passages": [{"document": f"{page}.md", "quote": PAGES[page][place]}],
            "kind": page,
            "language": "en",
            "part": "validation" if number % 3 == 0 else "test",
        }
        for number, (question, answer, page, place) in enumerate(QUESTIONS)
    ]
    lines += [
        {"id": f"u{number}", "question": question, "answerable": False, "language": "en"}
        for number, question in enumerate(UNANSWERABLE)
    ]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "project.py").write_text(PROJECT)
    (folder / "kreis.toml").write_text("")
