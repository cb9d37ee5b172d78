"""The next version adds a field to everything: what this one and earlier ones wrote is read, and keeps its names.

Whoever adds a field and breaks old bytes sees it here first. The fields are added in a copy of the source.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import kreis
from kreis.artifacts.folder import ArtifactFolder
from kreis.collection.contracts.inputs import InputRule
from kreis.deployment.manifest import Inputs, Manifest, decode_manifest
from kreis.deployment.pointer import PointedModel, Pointer
from kreis.deployment.predictions.records import (
    ClosingRecord,
    FailureRecord,
    OutcomeRecord,
    PredictionRecord,
    Record,
    Several,
    ShadowScore,
    WithdrawnRecord,
)
from kreis.expressions.tree import Aggregate, Call, Column, Literal
from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.kinds import EmbeddingKind
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.kinds import IndexStoreKind
from kreis.generative.language_models.budgeted import Budget
from kreis.generative.language_models.kinds import ModelKind
from kreis.generative.language_models.prices import Price
from kreis.generative.language_models.routed import Route
from kreis.generative.output.kinds import ValidatorKind
from kreis.generative.pipeline import Pipeline
from kreis.generative.prompts.prompt import Example, Prompt
from kreis.generative.retrieval.kinds import SearchKind
from kreis.generative.stored import StoredFile
from kreis.generative.tools.spec import ToolSpec
from kreis.lake.mark import LakeMark
from kreis.models.answer_parts.familiarity import FamiliarFeature
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.kinds import AnswerPartKind
from kreis.models.answer_parts.levels import Levels
from kreis.models.explanations.explainer import Explanation
from kreis.models.form import Form
from kreis.preparation.views import FeatureView, RequestView
from kreis.tasks.decisions import Decision
from kreis.tasks.outcomes import OutcomeForm
from kreis.training.reference import Histogram

READER = Path(__file__).with_name("read_everything.py")
SOURCE = Path(kreis.__file__).parent
GROWING: list[type[msgspec.Struct]] = [
    *(Explanation, InputRule, Manifest, Inputs, Pointer, PointedModel, LakeMark, Histogram),
    *(PredictionRecord, OutcomeRecord, Several, ShadowScore, FailureRecord, WithdrawnRecord, ClosingRecord),
    *(Column, Literal, Call, Aggregate, FeatureView, RequestView),
    *(*get_args(Form), *get_args(Decision), *get_args(OutcomeForm)),
    *(Pipeline, StoredFile, Prompt, Example, GuardPolicy, ToolSpec, Budget, Price, Route),
    CachePolicy,
    *(Grouped, FamiliarFeature, Levels, QuantileGrid, *get_args(AnswerPartKind)),
    *(
        *get_args(EmbeddingKind),
        *get_args(ModelKind),
        *get_args(SearchKind),
        *get_args(IndexStoreKind),
        *get_args(ValidatorKind),
    ),
]
"""Every struct that is written into bytes that stay. The ledger's records are taken all."""


def read_everything(folder: Path, source: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, READER, folder], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(str(source)), "another kreis was read with"
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def add_field(path: Path, field: str, names: set[str] | None = None) -> int:
    """Put a field at the end of the classes of a file; how many there were."""
    text = path.read_text()
    lines = text.split("\n")
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    chosen = [node for node in classes if node.name in names] if names is not None else classes
    for node in reversed(chosen):
        places = [place for place, part in enumerate(node.body) if isinstance(part, ast.AnnAssign)]
        last = places[-1] if places else 0  # a class without fields has its docstring
        follows = node.body[last + 1] if last + 1 < len(node.body) else None
        described = isinstance(follows, ast.Expr) and isinstance(follows.value, ast.Constant)
        end = node.body[last + 1 if described else last].end_lineno
        assert end is not None
        lines.insert(end, f"    {field}")
    path.write_text("\n".join(lines))
    return len(chosen)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """A copy of the source in which everything that is written down has one field more."""
    source = tmp_path / "next"
    shutil.copytree(SOURCE, source / "kreis", ignore=shutil.ignore_patterns("__pycache__"))
    for module in sorted({each.__module__ for each in GROWING}):
        names = {each.__name__ for each in GROWING if each.__module__ == module}
        path = source.joinpath(*module.split(".")).with_suffix(".py")
        assert add_field(path, 'later: str = "as ever"', names) == len(names)
    add_field(source / "kreis" / "ledger" / "records.py", "later: str | None = None")
    schema = source / "kreis" / "ledger" / "schema.py"
    replace(schema, "{said}, sha256", "{said}, later?, sha256")
    replace(schema, "previous, hash", "previous, hash, later?")
    return source


def test_a_field_added_to_everything_changes_nothing_that_was_written(
    sample: Path, next_version: Path, new_shop: Any
) -> None:
    shop = new_shop(sample.parent / "migrated", like=sample)
    shop.run("migrate")
    today = read_everything(shop.folder, SOURCE.parent)
    assert today["audit"][2] == []
    assert today["journal"]
    with sqlite3.connect(shop.state / "ledger.db") as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table != "alembic_version":
                database.execute(f'ALTER TABLE "{table}" ADD COLUMN later TEXT')
    database.close()
    assert read_everything(shop.folder, next_version) == today


@pytest.mark.parametrize("struct", GROWING)
def test_what_is_unknown_is_refused(struct: type[msgspec.Struct]) -> None:
    assert struct.__struct_config__.forbid_unknown_fields


def test_every_struct_inside_a_package_or_a_journal_is_looked_after() -> None:
    found: set[type] = set()

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            if annotation not in found:
                found.add(annotation)
                for field in msgspec.structs.fields(annotation):
                    walk(field.type)
            return
        for part in getattr(annotation, "__args__", ()):
            walk(part)

    walk(Manifest)
    walk(Record)
    assert {each.__name__ for each in found} <= {each.__name__ for each in GROWING}


def test_manifests_of_the_sample_are_encoded_as_they_were_written(sample: Path) -> None:
    """Byte for byte: a field with a default that stood in the first version is written still (`always`)."""
    artifacts = ArtifactFolder(sample / ".kreis" / "artifacts")
    found = 0
    for path in (sample / ".kreis" / "artifacts").glob("*/*"):
        data = artifacts.get(path.parent.name + path.name)
        if data.startswith(b'{"candidate"'):
            assert decode_manifest(data, where="the sample").canonical() == data
            found += 1
    assert found >= 2
