"""Checks of documents in a contract: what each finds, and how a contract that asks wrongly is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kreis.clock import SimulatedClock
from kreis.collection.collecting import collect
from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Source
from kreis.errors import ProjectError
from kreis.generative.documents.document import Document
from kreis.generative.documents.table import COLUMNS, contract_of_documents, documents_frame
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

DAY = datetime(2026, 5, 1, tzinfo=UTC)
GERMAN = "Alle haben dreißig Tage im Jahr, und wer mehr braucht, fragt den Vorgesetzten."
ENGLISH = "Everybody has thirty days a year, and who needs more should ask the manager."
FRENCH = "Tout le monde a trente jours par an, et qui en veut plus doit le demander à son chef."


def contract(*implementations, severity=None):
    plain = contract_of_documents("handbook")
    rules = [{"type": "custom", "engine": "kreis", "implementation": each} for each in implementations]
    plain["schema"][0]["quality"] = [{**each, "severity": severity} if severity else each for each in rules]
    return Contract.of(plain, "handbook.yaml")


def checked(promised, *texts, at=DAY, **fields):
    documents = [Document(id=str(i), text=text, known_at=DAY, **fields) for i, text in enumerate(texts)]
    return promised.check(documents_frame(documents), at=at, known_at="known_at")


def reasons(result):
    return dict(result.quarantined.select("id", "reasons").iter_rows())


def test_a_text_without_a_letter_is_empty():
    result = checked(contract({"check": "empty"}), "", "\n \t", "---\n***", "42", "é")
    assert reasons(result) == {each: ["text: empty"] for each in "012"}


def test_the_same_text_under_another_id_is_set_aside():
    assert reasons(checked(contract({"check": "duplicated"}), GERMAN, ENGLISH, GERMAN)) == {
        "2": ["text: value came before"]
    }


def test_texts_that_are_nearly_the_same_are_told_of():
    long = " ".join(f"{ENGLISH} {number}" for number in range(30))
    result = checked(contract({"check": "near_duplicated"}, severity="warning"), GERMAN, long, f"{long} Yes.", long)
    assert result.report.warnings == ["'1' and '2' are 99% alike"]
    assert result.report.passed
    assert result.good.height == 4
    assert not checked(contract({"check": "near_duplicated"}), long, f"{long} Yes.").report.passed


def test_another_language_is_set_aside_and_named():
    result = checked(contract({"check": "language", "languages": ["de", "en"]}), GERMAN, FRENCH, ENGLISH, "kreis 0.1.0")
    assert reasons(result) == {"1": ["text: not in one of the languages: fr"]}
    assert result.report.by_rule == {"text: not in one of the languages": 1}


def test_personal_data_is_set_aside_and_its_kinds_are_named():
    texts = ["Pay to DE89 3704 0044 0532 0130 00.", "Write to ada@example.org or hr@firm.example.", ENGLISH]
    assert reasons(checked(contract({"check": "personal_data"}), *texts)) == {
        "0": ["text: holds personal data: IBAN"],
        "1": ["text: holds personal data: EMAIL"],
    }
    allowed = contract({"check": "personal_data", "allowed": ["IBAN"], "public": ["@firm.example"]})
    assert list(reasons(checked(allowed, *texts, "Ask hr@firm.example."))) == ["1"]


def test_what_has_expired_is_set_aside_from_that_moment_on():
    expired = contract({"check": "expired"})
    assert reasons(checked(expired, ENGLISH, expires=DAY)) == {"0": ["expires: expired"]}
    assert reasons(checked(expired, ENGLISH, expires=DAY + timedelta(seconds=1))) == {}
    assert reasons(checked(expired, ENGLISH)) == {}
    assert reasons(checked(expired, ENGLISH, expires=DAY, at=None)) == {}


def test_all_that_is_wrong_with_a_document_is_told():
    checks = ({"check": "empty"}, {"check": "expired"}, {"check": "language", "languages": ["de"]})
    assert reasons(checked(contract(*checks), FRENCH, expires=DAY)) == {
        "0": ["expires: expired", "text: not in one of the languages: fr"]
    }


@pytest.mark.parametrize(
    ("check", "texts", "said"),
    [
        ({"check": "empty"}, ["", "a"], "text: empty is 1, but mustBe 0 rows"),
        ({"check": "duplicated"}, ["a", "a"], "text: value came before is 1, but mustBe 0 rows"),
        ({"check": "language", "languages": ["de"]}, [FRENCH, GERMAN], "text: not in one of the languages is 1"),
    ],
)
def test_what_only_warns_sets_nothing_aside(check, texts, said):
    result = checked(contract(check, severity="warning"), *texts)
    assert result.good.height == len(texts)
    assert result.report.passed
    assert said in result.report.warnings[0]


def test_the_contract_that_comes_without_one_checks_what_holds_for_all_documents():
    promised = Contract.of(contract_of_documents("handbook"), "handbook")
    long = " ".join(f"{ENGLISH} {number}" for number in range(30))
    result = checked(promised, "", long, long, f"{long} Yes.")
    assert reasons(result) == {"0": ["text: empty"], "2": ["text: value came before"]}
    assert result.report.warnings == ["'1' and '3' are 99% alike"]


REFUSED = {
    "no check": ({"languages": ["de"]}, "names its check"),
    "a text": ("empty", "names its check"),
    "an unknown check": ({"check": "langage"}, "'language'"),
    "an argument too many": ({"check": "empty", "languages": ["de"]}, "nothing beside its name"),
    "an argument too few": ({"check": "language"}, "it takes languages"),
    "no language": ({"check": "language", "languages": []}, "no language is allowed"),
    "a language that it cannot tell": ({"check": "language", "languages": ["de", "xx"]}, "known: da, de"),
    "an unknown kind": ({"check": "personal_data", "allowed": ["E-MAIL"]}, "'EMAIL'"),
    "a share that is none": ({"check": "near_duplicated", "at_least": 0.1}, "from 0.5 to 1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_contract_that_asks_wrongly_is_refused(what, tmp_path):
    given, hint = REFUSED[what]
    with pytest.raises(ProjectError) as refused:
        contract(given)
    assert refused.value.where == "handbook.yaml:1"
    assert hint in str(refused.value)


def test_the_line_of_a_wrong_check_is_told(tmp_path):
    head = "apiVersion: v3.2.0\nkind: DataContract\nid: h\nversion: 1.0.0\nschema:\n  - name: h\n"
    columns = "    properties:\n      - {name: text, logicalType: string}\n"
    rule = "{type: custom, engine: kreis, implementation: {check: %s}%s}"
    file = tmp_path / "h.yaml"
    for quality, below, line, hint in [
        (rule % ("emty", ""), "", 8, "'empty'"),
        (rule % ("expired", ""), "", 8, "unknown property 'expires'"),
        (rule % ("empty", ", mustBe: 0"), "", 8, "no operator"),
        ("", rule % ("empty", ""), 9, "below the table's quality"),
    ]:
        table = f"    quality: [\n      {quality}]\n"
        text = head + table + columns.replace("string}", f"string, quality: [{below}]}}")
        text = text if not below else text.replace("quality: [\n      ]\n", "quality: []\n")
        file.write_text(text)
        with pytest.raises(ProjectError) as refused:
            Contract.load(file)
        assert refused.value.where == f"{file}:{line}"
        assert hint in str(refused.value)


def test_the_contract_of_the_documentation_is_one_that_loads(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "generative" / "documents.md").read_text()
    (tmp_path / "handbook.yaml").write_text(page.partition("```yaml\n")[2].partition("```")[0])
    promised = Contract.load(tmp_path / "handbook.yaml")
    assert list(promised.schema) == list(COLUMNS)
    assert len(promised.plan.row_rules) >= 6


def test_a_bad_document_goes_to_quarantine_like_every_bad_row(tmp_path):
    promised = contract({"check": "empty"}, {"check": "expired"}, {"check": "language", "languages": ["en"]})
    known = [Document(id=str(number), text=f"{ENGLISH} {number}", known_at=DAY) for number in range(40)]
    known.append(Document(id="fr", text=FRENCH, known_at=DAY))
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(DAY)) as ledger:
        lake = Lake(tmp_path / "lake", ledger)
        source = Source(
            name="handbook", contract=promised, known_at="known_at", read=lambda window: documents_frame(known)
        )
        done = collect(source, until=DAY, lake=lake, actor="ada", step="1")
        assert (done.report.good, done.report.quarantined, done.report.passed) == (40, 1, True)
        row = lake.scan("quarantine/handbook").collect().row(0, named=True)
        assert (row["id"], row["text"], row["reasons"]) == ("fr", FRENCH, ["text: not in one of the languages: fr"])
        again = collect(source, until=DAY + timedelta(days=1), lake=lake, actor="ada", step="2")
        assert (again.report.rows, again.report.held) == (0, 40)  # what was set aside once is not judged again
