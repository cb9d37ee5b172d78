"""Cards and datasheets are written from the record; others' tools can read them, and what nobody said is visible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kreis.actions.statements import fill_card
from kreis.evaluation.statements import DATA, MODEL
from kreis.governance.papers.croissant import croissant_of
from kreis.governance.views.candidate import candidate_view
from kreis.governance.views.datasheet import datasheet_view
from kreis.governance.views.model import card_view
from kreis.workspace import Workspace

MITCHELL = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
    "Ethical considerations", "Caveats and recommendations",
]  # fmt: skip
GEBRU = [
    "Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labelling", "Uses", "Distribution",
    "Maintenance",
]  # fmt: skip
HOSTILE = "</p><script>alert(1)</script> | x\n# heading [a](javascript:x)"


@pytest.fixture(scope="module")
def workspace(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import shutil

    folder = tmp_path_factory.mktemp("cards") / "shop"
    shutil.copytree(released_once, folder)
    found = Workspace(folder)
    yield found
    found.ledger.close()


def test_card_has_the_sections_of_mitchell_and_of_hugging_face(workspace: Workspace) -> None:
    card = card_view(workspace, "").markdown
    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == MITCHELL
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "kreis"
    assert front["pipeline_tag"] == "tabular-classification"
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert set(result) == {"task", "dataset", "metrics"}
    assert {"type", "name"} <= set(result["dataset"])
    assert result["task"]["type"] == front["pipeline_tag"]
    found = candidate_view(workspace, "").evaluation
    assert found is not None
    said = {each["type"]: each["value"] for each in result["metrics"]}
    assert said["auc"] == pytest.approx(found.metrics["auc"].value, rel=1e-5)
    assert card.count("△ Nobody has said this yet") == len(MODEL)


def test_the_library_of_hugging_face_reads_the_card_with_the_numbers_of_the_record(
    workspace: Workspace, tmp_path: Path
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    file = tmp_path / "README.md"
    file.write_text(card_view(workspace, "").markdown, encoding="utf-8")
    card = hub.ModelCard.load(file)
    found = candidate_view(workspace, "")
    assert found.evaluation is not None
    assert card.data.library_name == "kreis"
    assert card.data.model_name
    told = {each.metric_type: each for each in card.data.eval_results}
    assert set(told) == {name for name, each in found.evaluation.metrics.items() if each.value is not None}
    for name, each in told.items():
        assert each.metric_value == pytest.approx(found.evaluation.metrics[name].value, rel=1e-5)
        assert (each.task_type, each.dataset_type) == (card.data.pipeline_tag, "held-out")
    again = hub.ModelCard(str(card)).data.to_dict()
    assert again == card.data.to_dict(), "written by the library it says the same"


def test_what_people_say_stands_in_the_card_with_their_name(workspace: Workspace) -> None:
    fill_card(workspace, {"intended_users": HOSTILE, "license": "Apache-2.0"})
    card = card_view(workspace, "").markdown
    assert card.count("△ Nobody has said this yet") == len(MODEL) - 2
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "apache-2.0"
    assert "<script>" not in card
    assert "\n# heading" not in card
    assert f"({workspace.actor}, " in card.replace("\\", "")


def test_datasheet_answers_what_the_record_knows_and_asks_the_rest(workspace: Workspace) -> None:
    fill_card(workspace, {"orders.consent": "part of the contract of sale"})
    sheet = datasheet_view(workspace, "orders")
    assert re.findall(r"^## (.+)$", sheet.markdown, re.MULTILINE) == [*GEBRU, "Columns"]
    answers = {each.question: each.answer for each in sheet.answers if each.by == "record"}
    assert answers["How many instances are there?"] == f"{sheet.rows:,} rows in version {sheet.version}."
    assert "negative amount" in answers["Is anything known to be wrong or missing?"]
    assert "questions" in answers["What is made of it?"]
    assert "(logistic) of returns" in answers["Has it been used already?"]
    assert sheet.markdown.count("△ Nobody has said this yet") == len(DATA) - 1
    assert "part of the contract of sale" in sheet.markdown
    amount = next(each for each in sheet.columns if each.name == "amount")
    assert (amount.kind, amount.required, amount.description) == ("number", True, "Euro, with VAT.")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, within mlcroissant
def test_croissant_is_valid_and_names_the_files_of_the_lake(workspace: Workspace) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    fill_card(workspace, {"orders.license": "MIT"})
    document = croissant_of(datasheet_view(workspace, "orders"))
    metadata = mlcroissant.Dataset(jsonld=document).metadata
    assert not metadata.ctx.issues.errors
    assert not metadata.ctx.issues.warnings, metadata.ctx.issues.report()
    (records,) = metadata.record_sets
    assert {each.name for each in records.fields} >= {"order_id", "amount", "placed_at"}
    for file in document["distribution"]:
        if file["@type"] == "cr:FileObject":
            (held,) = (workspace.state / "lake" / "bronze" / "orders").glob(file["contentUrl"])
            from kreis.digests import digest_of

            assert digest_of(held.read_bytes()) == file["sha256"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croissant_without_whole_files_is_valid_too(workspace: Workspace) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    sheet = msgspec.structs.replace(datasheet_view(workspace, "orders"), files=[], licence="MIT")
    assert not mlcroissant.Dataset(jsonld=croissant_of(sheet)).metadata.ctx.issues.errors


def test_commands_show_them(released: Any) -> None:
    assert released.kreis("show", "datasheet", "orders").startswith("# Datasheet: Orders")
    assert released.document("show", "datasheet", "orders")["source"] == "orders"
    assert '"conformsTo": "http://mlcommons.org/croissant/1.0"' in released.kreis(
        "show", "datasheet", "orders", "--croissant"
    )
    assert "only a datasheet" in released.kreis("show", "model", "--croissant", code=2)
