"""Each kind of personal data is found where it stands, and nothing else is."""

from __future__ import annotations

import random

import pytest
from tests.generative.guards.personal_data.made import CHECKSUMMED, written

from kreis.generative.guards.guards import guards_of
from kreis.generative.guards.personal_data.guard import PersonalData
from kreis.generative.guards.personal_data.kinds import FIRST, RECOGNISERS
from kreis.generative.guards.personal_data.names import listed
from kreis.generative.guards.personal_data.testing import CHECKS
from kreis.generative.guards.policy import GuardPolicy

EXAMPLES = {
    "IBAN": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"],
    "CARD": ["4111 1111 1111 1111", "378282246310005"],
    "PASSPORT": [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    ],
}
"""By recogniser, in the order of `RECOGNISERS`, what it finds; by kind where there is one of the kind."""
OTHERS = {
    "austria": ["1237 010180"],
    "belgium": ["85.07.30-033.28"],
    "brazil": ["390.533.447-05"],
    "canada": ["130 692 544", "SIN 130692544"],
    "denmark": ["190641-4941"],
    "finland": ["131052-308T"],
    "france": ["2 55 08 14 168 025 38"],
    "germany": ["86 095 742 719", "65 170839 J 003", "Ausweis L01X00T471"],
    "india": ["2341 2341 2346", "Aadhaar 234123412346"],
    "italy": ["RSSMRA85T10A562S"],
    "netherlands": ["BSN 111222333"],
    "norway": ["29029600013"],
    "poland": ["44051401359"],
    "portugal": ["NIF 501964843"],
    "south_africa": ["8001015009087"],
    "spain": ["12345678Z", "X1234567L"],
    "sweden": ["811228-9874"],
    "switzerland": ["756.9217.0769.85"],
    "united_kingdom": ["AB 12 34 56 C", "NHS 943 476 5919"],
    "united_states": ["536-90-4399", "SSN 536904399"],
}


def find(text: str, **policy: object) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in PersonalData(GuardPolicy(**policy)).find(text)]  # type: ignore[arg-type]


BY_EXAMPLE = [
    *((FIRST[0], EXAMPLES["IBAN"]), (FIRST[1], EXAMPLES["CARD"])),
    *((each, EXAMPLES["PASSPORT"]) for each in RECOGNISERS if each.kind == "PASSPORT"),
    *((each, ["ann@firm.example", "ann.lee+x@mail.firm.de"]) for each in RECOGNISERS if each.kind == "EMAIL"),
    *((each, ["postgres://ann:secret1@db.example/x"]) for each in RECOGNISERS if each.kind == "LOGIN"),
    (listed(["Ann Lee", "Bo"]), ["ann  LEE", "Bo"]),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("recogniser", "examples"), BY_EXAMPLE, ids=lambda each: getattr(each, "kind", ""))
def test_a_recogniser_behaves(check, recogniser, examples) -> None:  # type: ignore[no-untyped-def]
    check(recogniser, examples)


@pytest.mark.parametrize("country", OTHERS)
def test_the_number_of_a_country_is_found_and_not_with_another_digit(country: str) -> None:
    for text in OTHERS[country]:
        (found,) = find(f"It is {text}.")
        assert found[1] in text
        wrong = text[:-1] + (str((int(text[-1]) + 1) % 10) if text[-1].isdigit() else "A" if text[-1] != "A" else "B")
        kinds = [kind for kind, _ in find(f"It is {wrong}.")]
        if country not in ("denmark", "united_states", "united_kingdom"):  # they have no check digit
            assert found[0] not in kinds, wrong


@pytest.mark.parametrize("recogniser", [*FIRST, *RECOGNISERS], ids=lambda each: each.kind)
def test_no_recogniser_takes_long_or_finds_anything_in_plain_text(recogniser) -> None:  # type: ignore[no-untyped-def]
    CHECKS[3](recogniser, [])
    CHECKS[5](recogniser, [])


@pytest.mark.parametrize("name", CHECKSUMMED)
def test_no_checksummed_identifier_is_stored(name: str) -> None:
    """300 of each kind, as people write them, in sentences that say nothing about them."""
    rng = random.Random(5)
    guards = guards_of(GuardPolicy())
    for _ in range(300):
        number = CHECKSUMMED[name](rng)
        for text in written(name, number):
            for sentence in (
                f"Here it is: {text}",
                f"({text}), 3 of 10",
                f"id={text};x",
                f"{text}\n12/25",
                f"No {text}.",
            ):
                stored = guards.stored(sentence)
                assert text not in stored, (name, sentence)
                assert "[" in stored


def test_other_numbers_are_left_alone() -> None:
    text = (
        "Version 2.1.0 of 2026-01-31 10:15:00, 1,204.50 EUR, 15 %, chapter 3.4.1, 0.6650, 10,000 rows, 12-18 months, "
        "ISBN 978-3-16-148410-1, port 8080, 127.0.0.1, 5f4dcc3b5aa765d61d8327deb882cf99, order 100234, § 139b AO, "
        "2024/25, 1e-6, page 17, 3 x 4 cm, ticket #482913."
    )
    assert find(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Call +49 (0)30 123 45 67 today.", "PHONE", "+49 (0)30 123 45 67"),
        ("phone: 555 1234 567", "PHONE", "555 1234 567"),
        ("Ruf 0911 34 76 33 an.", "PHONE", "0911 34 76 33"),
        ("from 86.121.97.248 on", "IP", "86.121.97.248"),
        ("from 2001:db8::ff00:42:8329 on", "IP", "2001:db8::ff00:42:8329"),
        ("Ann, born 3 May 1980, asked", "BIRTH", "3 May 1980"),
        ("geb. am 03.05.1980 in Ulm", "BIRTH", "03.05.1980"),
        ("am 3.5.1980 geboren", "BIRTH", "3.5.1980"),
        ("I live at 12 Baker Street, London NW1 6XE.", "ADDRESS", "12 Baker Street, London NW1 6XE"),
        ("in der Lindenstraße 5, 10969 Berlin.", "ADDRESS", "Lindenstraße 5, 10969 Berlin"),
        ("Am Markt 3, 99084 Erfurt", "ADDRESS", "Am Markt 3, 99084 Erfurt"),
        ("My name is Ann Lee.", "NAME", "Ann Lee"),
        ("Sehr geehrte Frau Dr. von der Heide,", "NAME", "von der Heide"),
        ("ask Mr. Costa", "NAME", "Costa"),
    ],
)  # fmt: skip
def test_what_has_a_form_or_a_context_is_found(text: str, kind: str, value: str) -> None:
    assert find(text) == [(kind, value)]


def test_a_name_without_context_is_found_by_a_list_alone() -> None:
    assert find("Ann Lee asked for leave.") == []
    assert find("ann lee asked for leave.", names=("Ann Lee",)) == [("NAME", "ann lee")]


def test_what_is_public_stays_and_what_a_policy_leaves() -> None:
    text = "hr@firm.example, ann@firm.example, +49 30 1234567"
    assert [kind for kind, _ in find(text)] == ["EMAIL", "EMAIL", "PHONE"]
    assert find(text, public=("hr@firm.example", "+49 (30) 123 4567")) == [("EMAIL", "ann@firm.example")]
    assert find(text, public=("@firm.example",), leaves=("PHONE",)) == []


def test_a_value_has_its_mask_within_a_text() -> None:
    guards = guards_of(GuardPolicy())
    text = "From DE89 3704 0044 0532 0130 00 to GB82 WEST 1234 5698 7654 32, not to de89370400440532013000."
    assert guards.stored(text) == "From [IBAN] to [IBAN 2], not to [IBAN]."


def test_disguised_digits_are_found() -> None:
    for text in (
        "４１１１ １１１１ １１１１ １１１１",
        "٤١١١ ١١١١ ١١١١ ١١١١",
        "4111\u20111111\u20111111\u20111111",
        "4111\u200b1111\u200b1111\u200b1111",
    ):
        assert "[CARD]" in guards_of(GuardPolicy()).stored(f"It is {text}.")
