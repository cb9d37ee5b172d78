"""Packages: built, signed, opened; and everything that is refused on the way."""

import json

import msgspec
import pytest

from kreis.artifacts.folder import ArtifactFolder
from kreis.deployment.manifest import Histogram, Manifest, decode_manifest
from kreis.deployment.packages import PAYLOAD_TYPE, build_package, open_package
from kreis.deployment.signing import FileKeys, sign
from kreis.digests import digest_of
from kreis.errors import CorruptionError, ProjectError, SignatureError, StoreError
from kreis.expressions.tree import Aggregate, Call, Column, Literal
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS
from kreis.generative.retrieval.kinds import Hybrid
from kreis.generative.stored import StoredFile
from kreis.models.form import Formula, Onnx
from kreis.preparation.views import FeatureView, RequestView
from kreis.tasks.decisions import Cut, Identity, Shift
from kreis.tasks.outcomes import Number

MODEL = b"not really ONNX, but packages do not look inside"
FORM, OTHER = Onnx.of(MODEL), Onnx.of(MODEL + b".")


def manifest(**changes):
    given = {
        "project": "flights",
        "candidate": "gbdt",
        "features": ["carrier__delay_24h", "request__hour"],
        "views": [
            FeatureView(
                name="carrier",
                entity="carrier",
                table="arrivals",
                event_time="scheduled",
                known_at="arrived_at",
                features={"delay": Aggregate("mean", Column("delay"))},
                windows=("24h",),
            )
        ],
        "request_views": [RequestView(name="request", fields={"hour": "integer"}, features={"hour": Column("hour")})],
        "decision": Cut(0.5),
        "model": FORM.stored,
        "goal": "0" * 64,
        "metric": {"kind": "decision_value"},
        "outcome": "late",
        "inputs": {"gold/training": "3@abc"},
        "training": {"rows": 10, "seed": 7},
        "reference": {"request__hour": Histogram([1.0, 2.5], [1, 2, 3], 0)},
        **changes,
    }
    return Manifest(**given)


@pytest.fixture
def artifacts(tmp_path):
    return ArtifactFolder(tmp_path / "artifacts")


@pytest.fixture
def keys(tmp_path):
    return FileKeys(tmp_path / "keys")


@pytest.fixture
def built(artifacts):
    return build_package(manifest(), FORM, artifacts)


def test_open_gives_back_what_was_built(built, artifacts, keys):
    package = open_package(built.digest, sign(built.canonical(), PAYLOAD_TYPE, keys), artifacts, keys.trusted())
    assert (package.manifest, package.form, package.digest) == (built, FORM, built.digest)
    assert artifacts.get(built.digest) == built.canonical()


def test_the_same_inputs_give_the_same_digest(built, artifacts):
    assert build_package(manifest(), FORM, artifacts).digest == built.digest
    assert build_package(manifest(model=OTHER.stored), OTHER, artifacts).digest != built.digest


def test_an_unsigned_package_is_refused(built, artifacts, keys):
    with pytest.raises(SignatureError):
        open_package(built.digest, built.canonical(), artifacts, keys.trusted())


def test_a_forged_package_is_refused(built, artifacts, keys, tmp_path):
    stranger = FileKeys(tmp_path / "stranger")
    with pytest.raises(SignatureError):
        open_package(built.digest, sign(built.canonical(), PAYLOAD_TYPE, stranger), artifacts, keys.trusted())


def test_another_models_signature_is_refused(built, artifacts, keys):
    other = build_package(manifest(decision=Cut(0.6)), FORM, artifacts)
    with pytest.raises(SignatureError, match="another model"):
        open_package(built.digest, sign(other.canonical(), PAYLOAD_TYPE, keys), artifacts, keys.trusted())


class Careless:
    """A store of artifacts that gives out whatever lies there."""

    def __init__(self, artifacts, digest, data):
        self._artifacts, self._digest, self._data = artifacts, digest, data

    def get(self, digest):
        return self._data if digest == self._digest else self._artifacts.get(digest)


def test_a_file_of_the_right_size_but_other_bytes_is_refused(built, artifacts, keys):
    """The second line of defence: the store of artifacts is the first."""
    digest = built.model.sha256
    changed = bytes([MODEL[0] ^ 1]) + MODEL[1:]
    with pytest.raises(CorruptionError, match="not the file that was signed"):
        open_package(
            built.digest,
            sign(built.canonical(), PAYLOAD_TYPE, keys),
            Careless(artifacts, digest, changed),
            keys.trusted(),
        )
    open_package(
        built.digest, sign(built.canonical(), PAYLOAD_TYPE, keys), Careless(artifacts, digest, MODEL), keys.trusted()
    )


def test_changed_bytes_of_the_model_are_refused(built, artifacts, keys, tmp_path):
    sha256 = built.model.sha256
    (path,) = [each for each in (tmp_path / "artifacts").rglob("*") if each.is_file() and each.read_bytes() == MODEL]
    path.write_bytes(MODEL[:-1] + b"!")
    with pytest.raises(CorruptionError):
        open_package(built.digest, sign(built.canonical(), PAYLOAD_TYPE, keys), artifacts, keys.trusted())
    path.unlink()
    with pytest.raises(StoreError):
        open_package(built.digest, sign(built.canonical(), PAYLOAD_TYPE, keys), artifacts, keys.trusted())
    assert sha256


def signed(document, keys):
    payload = document if isinstance(document, bytes) else msgspec.json.encode(document, order="sorted")
    return digest_of(payload), sign(payload, PAYLOAD_TYPE, keys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "kreis.package/3"}, "format"),
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"kind": "pickle"}, "does not read"),
        ({"files": {"../../etc/passwd": {"sha256": "0" * 64, "size": 1}}}, "holds"),
        ({"files": {"model.onnx": {"sha256": "0" * 64, "size": 1 << 40}}}, "bytes"),
        ({"features": ["carrier__delay_24h", "unheard_of"]}, "unheard_of"),
        ({"features": []}, "at least one feature"),
        ({"rule": {"node": "literal", "value": 1.0}}, "rule"),
    ],
)
def test_what_is_signed_but_wrong_is_refused(built, artifacts, keys, change, message):
    digest, envelope = signed({**json.loads(built.canonical()), **change}, keys)
    with pytest.raises(ProjectError, match=message):
        open_package(digest, envelope, artifacts, keys.trusted())


SECOND = {"format": "kreis.package/2", "model": {"form": "onnx", "sha256": "0" * 64, "size": 5}}
SECOND |= {"decision": {"rule": "identity"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"form": "pickle"}}, "does not read"),
        ({"model": {"form": "onnx", "sha256": "0" * 64, "size": 1 << 40}}, "bytes"),
        ({"model": {"form": "onnx", "sha256": "0" * 64, "size": 5, "content": "aGVsbG8="}}, "holds the model's bytes"),
        ({"decision": {"rule": "lottery"}}, "does not read"),
        ({"decision": {"rule": "shift", "by": 1e999}}, "does not read"),
        ({"kind": "onnx"}, "unknown field `kind`"),
    ],
)
def test_what_is_signed_but_wrong_in_the_second_format_is_refused(built, artifacts, keys, change, message):
    known = json.loads(built.canonical())
    kept = {name: each for name, each in known.items() if name not in ("kind", "files", "rule", "threshold")}
    digest, envelope = signed({**kept, **SECOND, **change}, keys)
    with pytest.raises(ProjectError, match=message):
        open_package(digest, envelope, artifacts, keys.trusted())


@pytest.mark.parametrize("decision", [Identity(), Shift(-3.5)])
def test_what_the_first_format_cannot_say_is_packaged_in_the_second(artifacts, keys, decision):
    number = manifest(decision=decision, outcomes=Number(at_least=0.0))
    assert json.loads(number.canonical())["format"] == "kreis.package/2"
    built = build_package(number, FORM, artifacts)
    package = open_package(built.digest, sign(built.canonical(), PAYLOAD_TYPE, keys), artifacts, keys.trusted())
    assert package.manifest == number
    assert package.manifest.canonical() == number.canonical()


def test_a_yes_or_no_is_packaged_as_earlier_versions_did(built):
    written = json.loads(built.canonical())
    assert (written["format"], written["kind"], written["rule"], written["threshold"]) == (
        "kreis.package/1",
        "onnx",
        None,
        0.5,
    )
    assert decode_manifest(built.canonical(), where="it") == built


@pytest.mark.parametrize(
    "payload", [b"\x80\x04K\x01.", b"[" * 100_000, b"\xff", b""], ids=["pickle", "deep", "ff", "empty"]
)
def test_a_signed_payload_that_is_no_manifest_is_refused(artifacts, keys, payload):
    digest, envelope = signed(payload, keys)
    with pytest.raises(ProjectError, match="format"):
        open_package(digest, envelope, artifacts, keys.trusted())


HOSTILE = {
    "unknown operation": Call("eval", (Literal("__import__('os')"),)),
    "unknown column": Column("elsewhere"),
    "aggregation": Aggregate("mean", Column("hour")),
}


@pytest.mark.parametrize("expression", HOSTILE.values(), ids=HOSTILE)
def test_hostile_expressions_are_refused(artifacts, keys, expression):
    view = RequestView(name="request", fields={"hour": "integer"}, features={"hour": expression})
    hostile = manifest(request_views=[view])
    with pytest.raises(ProjectError):
        build_package(hostile, FORM, artifacts)


def test_a_rule_needs_no_file_but_known_features(artifacts, keys):
    form = Formula(expression=Column("request__hour"), low=0.0, high=1.0)
    rule = build_package(manifest(model=form), form, artifacts)
    assert open_package(rule.digest, sign(rule.canonical(), PAYLOAD_TYPE, keys), artifacts, keys.trusted()).form == form
    unknown = Formula(expression=Column("request__hours"))
    with pytest.raises(ProjectError, match="did you mean"):
        build_package(manifest(model=unknown), unknown, artifacts)


PIPELINE = Pipeline(
    knowledge_base="handbook", index=StoredFile("a" * 64, 10), index_version="b" * 64, search=Hybrid(lexical=0.4)
)


def answering(**changes):
    given = {"model": PIPELINE, "features": list(SIGNALS), "views": [], "request_views": [], "reference": {}}
    return manifest(**given | changes)


def test_what_answers_questions_is_packaged_as_data(artifacts, keys):
    made = build_package(answering(), PIPELINE, artifacts)
    envelope = sign(made.canonical(), PAYLOAD_TYPE, keys)
    with pytest.raises(CorruptionError, match="the file aaaaaaaaaaaa that it answers from is gone"):
        open_package(made.digest, envelope, artifacts, keys.trusted())
    pipeline = msgspec.structs.replace(PIPELINE, index=StoredFile(artifacts.put(b"index"), 5))
    made = build_package(answering(model=pipeline), pipeline, artifacts)
    package = open_package(made.digest, sign(made.canonical(), PAYLOAD_TYPE, keys), artifacts, keys.trusted())
    assert package.form == package.manifest.model == pipeline
    with pytest.raises(ProjectError, match="scores no rows"):
        package.scorer()


def test_a_cut_does_not_make_a_pipeline_a_package_of_the_first_format():
    made = answering(decision=Cut(0.5))
    assert decode_manifest(made.canonical(), where="here") == made


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": ["confidence", "token"]}, "'tokens'"),
        ({"features": ["tokens", "tokens"]}, "twice"),
        ({"request_views": manifest().request_views}, "feature views"),
    ],
)
def test_a_pipeline_names_signals_alone(artifacts, changes, said):
    with pytest.raises(ProjectError, match=said):
        build_package(answering(**changes), PIPELINE, artifacts)
