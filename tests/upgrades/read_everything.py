"""Reads all that a migrated sample holds, and prints what it is called: digests, keys, counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import kreis
from kreis.clock import SystemClock
from kreis.deployment.packages import open_package
from kreis.deployment.pointer import read_pointer
from kreis.deployment.predictions.reader import parse_segment
from kreis.digests import digest_of, digest_of_document
from kreis.expressions.tree import fingerprint
from kreis.formats import canonical
from kreis.lake.mark import read_mark
from kreis.ledger import alerts, audit, documents, models, releases, runs, steps, tables
from kreis.ledger.identity import identity_of
from kreis.preparation.online.layout import Layout
from kreis.training.reference import Histogram
from kreis.workspace import Workspace

workspace = Workspace(Path(sys.argv[1]), clock=SystemClock())
keys, artifacts = workspace.keys.trusted(), workspace.artifacts
said: dict[str, object] = {}
with workspace.ledger.read() as connection:
    report = audit.verify(connection)
    said["audit"] = [report.entries, report.head, [each.what for each in report.problems]]
    read = [
        *models.list_models(connection, "returns"),
        *alerts.list_alerts(connection),
        *releases.list_releases(connection, "returns"),
        *documents.list_documents(connection, "goal"),
        identity_of(connection),
    ]
    for run in runs.list_runs(connection):
        read += [run, *runs.verdicts_of(connection, run.id), *steps.steps_of(connection, run.id)]
    for table in tables.list_tables(connection):
        read += tables.versions_of(connection, table)
    for model in models.list_models(connection, "returns"):
        read += [*models.approvals_of(connection, model.digest), *models.evaluations_of(connection, model.digest)]
        package = open_package(model.digest, model.signature, artifacts, keys)
        manifest = package.manifest
        assert manifest.digest == package.digest, "encoded anew, it is another model"
        views = [*manifest.views, *manifest.request_views]
        said[model.digest] = [
            [digest_of(canonical(view)) for view in views],
            [fingerprint(each) for view in views for each in view.features.values()],
            [Layout(view).identity.hex() for view in manifest.views],
            all(isinstance(each, Histogram) for each in manifest.reference.values()),
        ]
    said["rows"] = len(read)
pointer = read_pointer(workspace.pointer, keys)
mark = read_mark(workspace.lake_storage)
assert pointer is not None
assert mark is not None
said["pointer"] = [pointer.release.id, sorted(pointer.models)]
said["mark"] = digest_of(canonical(mark))
segments = [parse_segment(path, path.read_bytes()) for path in sorted(workspace.journal_folder.glob("*.log"))]
said["journal"] = [[len(each.predictions), len(each.outcomes), each.torn] for each in segments]
said["key"] = digest_of_document(said)
sys.stderr.write(kreis.__file__)
sys.stdout.write(json.dumps(said))
