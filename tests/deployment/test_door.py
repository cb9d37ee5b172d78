"""The door: names, presence, types, enumerations and ranges, refused or flagged as declared."""

import msgspec
import pytest
from tests.deployment.conftest import make_manifest

from kreis.collection.contracts.inputs import InputRule
from kreis.deployment.manifest import Inputs
from kreis.deployment.server.door import Door
from kreis.deployment.server.http.openapi import _demanded
from kreis.deployment.server.messages import Ask, Refusal
from kreis.expressions.tree import Call, Column, Literal
from kreis.preparation.views import FeatureView, RequestView

CUSTOMER = FeatureView(
    name="customer", entity="customer", table="t", event_time="at", known_at="at", features={"n": Column("n")}, ttl="1d"
)
ORDER = RequestView(
    name="order",
    fields={"amount": "number", "category": "string", "count": "integer", "placed": "datetime"},
    features={
        "amount": Column("amount"),
        "shoes": Call("equal", (Column("category"), Literal("shoes"))),
        "count": Column("count"),
    },
)
RULES = {
    "customer": InputRule(required=True, max_length=4, contract="orders"),
    "amount": InputRule(required=True, minimum=0, maximum=100.5, contract="orders"),
    "category": InputRule(required=True, allowed=["shoes", "shirts"], contract="orders"),
    "count": InputRule(exclusive_minimum=0, exclusive_maximum=10, contract="orders"),
    "placed": InputRule(minimum=1_000_000, contract="orders"),
}
FEATURES = ["customer__n", "order__amount", "order__shoes", "order__count"]
ROW = {"keys": {"customer": "c1"}, "fields": {"amount": 5.0, "category": "shoes"}}


def manifest(view=ORDER, **changes):
    given = {
        "features": FEATURES,
        "views": [CUSTOMER],
        "request_views": [view],
        "rules": RULES,
        "accepts": Inputs(keys=["customer", "shop"], fields={"note": "string"}, features=["order__weight"]),
    }
    return make_manifest(**{**given, **changes})


def door(*manifests, accepted=(), live=None):
    return Door(list(manifests), list(manifests if live is None else live), list(accepted))


def check(door, keys=None, fields=None, **rest):
    """The flags of `ROW` with these keys and fields changed; None takes one out."""

    def changed(given, changes):
        return {name: value for name, value in {**given, **(changes or {})}.items() if value is not ...}

    return door.check(Ask(keys=changed(ROW["keys"], keys), fields=changed(ROW["fields"], fields), **rest))


def refused(door, *args, **kwargs):
    with pytest.raises(Refusal) as caught:
        check(door, *args, **kwargs)
    return caught.value.code, caught.value.message


def test_what_the_contract_demands_is_let_in():
    assert check(door(manifest())) == []
    assert check(door(manifest()), fields={"count": 1, "placed": "2020-01-01", "amount": 0}) == []


@pytest.mark.parametrize("nothing", [Ask(), Ask(reference="order-7")])
def test_nothing_to_answer_from_is_refused(nothing):
    for each in (manifest(), make_manifest()):
        with pytest.raises(Refusal, match="nothing to answer from"):
            door(each).check(nothing)


@pytest.mark.parametrize("value", [None, ...])
def test_a_missing_required_field_is_refused_by_default(value):
    code, message = refused(door(manifest()), fields={"amount": value})
    assert (code, message) == ("missing", "field 'amount' is missing; the contract 'orders' requires it")


def test_a_missing_required_key_is_refused():
    assert refused(door(manifest()), keys={"customer": ...})[0] == "missing"


def test_a_misspelt_name_is_told_of_as_such_not_as_a_missing_one():
    assert refused(door(manifest()), keys={"customer": ..., "custmer": "c1"})[1].endswith("did you mean 'customer'?")
    assert refused(door(manifest()), fields={"amount": ..., "ammount": 1.0})[0] == "unknown_field"


def test_missing_can_be_declared_to_be_answered_and_flagged():
    lenient = msgspec.structs.replace(ORDER, missing="flag")
    assert check(door(manifest(lenient)), fields={"amount": None}) == ["amount: missing"]


@pytest.mark.parametrize(
    ("name", "value", "flag"),
    [
        ("category", "shoos", "category: not among the allowed values"),
        ("amount", -1e-9, "amount: below 0"),
        ("amount", 0.0, None),
        ("amount", 100.5, None),
        ("amount", 100.6, "amount: above 100.5"),
        ("count", 0, "count: not above 0"),
        ("count", 1, None),
        ("count", 9, None),
        ("count", 10, "count: not below 10"),
        ("placed", 999_999, "placed: below 1970-01-01 00:00:01+00:00"),
        ("placed", "1970-01-01T00:00:01Z", None),
        ("count", None, None),
    ],
)
def test_unexpected_values_are_flagged_by_default_and_refused_if_declared(name, value, flag):
    assert check(door(manifest()), fields={name: value}) == ([] if flag is None else [flag])
    strict = door(manifest(msgspec.structs.replace(ORDER, unexpected="refuse")))
    if flag is None:
        assert check(strict, fields={name: value}) == []
    else:
        code, message = refused(strict, fields={name: value})
        assert code == "not_allowed"
        assert message.startswith(f"field {name!r}: {value!r} is {flag.partition(': ')[2]}")


def test_a_refusal_names_the_allowed_values():
    strict = door(manifest(msgspec.structs.replace(ORDER, unexpected="refuse")))
    assert refused(strict, fields={"category": "shoos"})[1].endswith(": 'shoes', 'shirts'")


def test_keys_are_held_to_lengths_and_enumerations():
    assert check(door(manifest()), keys={"customer": "c1234"}) == ["customer: longer in characters than 4"]
    assert check(door(manifest()), keys={"customer": "c123"}) == []


def test_features_given_replace_what_they_are_made_of():
    given = {"order__amount": 1.0, "order__shoes": 0.0}
    assert check(door(manifest()), fields={"amount": ..., "category": ...}, features=given) == []
    assert refused(door(manifest()), fields={"category": ...}, features={"order__amount": 1.0})[0] == "missing"
    assert check(door(manifest()), keys={"customer": ...}, features={"customer__n": None}) == []
    assert refused(door(manifest()), keys={"customer": ...}, features={"order__amount": 1.0})[0] == "missing"


@pytest.mark.parametrize("value", [1e39, -3.5e38, 10**18 * 10])
def test_a_number_that_32_bits_lose_is_refused(value):
    assert refused(door(manifest()), fields={"amount": value})[0] == "wrong_type"


def test_what_the_project_declares_is_accepted_whatever_the_model_reads():
    small = manifest(features=["order__amount"], views=[])
    assert check(door(small), keys={"customer": ..., "shop": "s"}, fields={"category": ..., "note": "hello"}) == []
    assert check(door(small), features={"order__weight": 2.0}) == []
    assert refused(door(small), fields={"notes": "x"}) == (
        "unknown_field",
        "unknown field 'notes'; did you mean 'note'?",
    )


def test_what_later_models_take_is_accepted():
    assert refused(door(manifest()), fields={"colour": "red"})[0] == "unknown_field"
    later = Inputs(keys=["colourist"], fields={"colour": "string"}, features=["order__red"])
    ahead = door(manifest(), accepted=[later])
    assert check(ahead, {"colourist": "x"}, {"colour": 5}, features={"order__red": 1.0}) == []


def test_only_what_a_live_model_reads_is_required():
    fallback = manifest()
    live = manifest(features=["order__count"], views=[])
    assert check(door(fallback, live, live=[live]), keys={"customer": ...}, fields={"amount": ..., "count": 1}) == []


def test_the_newest_contract_holds():
    newer = manifest(rules={**RULES, "category": InputRule(allowed=["shoes", "socks"], contract="orders")})
    both = door(manifest(), newer)
    assert check(both, fields={"category": "socks"}) == []
    assert check(both, fields={"category": "shirts"}) == ["category: not among the allowed values"]


SPELLED = {
    **RULES,
    "customer": InputRule(patterns={"not of the form ^c": r"^c[0-9]\Z"}, contract="orders"),
    "category": InputRule(patterns={"not a valid email": r"@", "not of the form e$": r"e\Z"}, contract="orders"),
    "count": InputRule(multiple_of=5, contract="orders"),
    "amount": InputRule(multiple_of=0.1, contract="orders"),
}


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"keys": {"customer": "d1"}}, "customer: not of the form ^c"),
        ({"fields": {"category": "a@c"}}, "category: not of the form e$"),
        ({"fields": {"category": "bee"}}, "category: not a valid email"),
        ({"fields": {"count": 7}}, "count: not a multiple of 5"),
        ({"fields": {"amount": 0.25}}, "amount: not a multiple of 0.1"),
    ],
)
def test_patterns_and_multiples_hold_at_the_door(changes, flag):
    held = door(manifest(rules=SPELLED))
    assert check(held, fields={"category": "a@e", "count": 10, "amount": 0.3}) == []
    assert check(held, **{**changes, "fields": {"category": "a@e", **changes.get("fields", {})}}) == [flag]
    strict = door(manifest(msgspec.structs.replace(ORDER, unexpected="refuse"), rules=SPELLED))
    if "fields" in changes:
        code, message = refused(strict, **{**changes, "fields": {"category": "a@e", **changes["fields"]}})
        assert (code, flag.partition(": ")[2] in message) == ("not_allowed", True)


def test_the_openapi_page_says_the_pattern_as_the_contract_has_it():
    strict = door(manifest(msgspec.structs.replace(ORDER, unexpected="refuse"), rules=SPELLED))
    schema = _demanded("category", {"type": ["string", "null"]}, strict)
    assert schema["allOf"] == [{"pattern": "@"}, {"pattern": "e$"}]
