"""Templates: slots, parts, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.generative.prompts.template import Template


def rendered(text: str, **values: str) -> str:
    return Template(text, slots=("a", "b")).render(values)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("x {{a}} {{ b }} y", "x 1  y"),
        ("{{#a}}yes {{a}}{{/a}}{{^a}}no{{/a}}", "yes 1"),
        ("{{#b}}yes{{/b}}{{^b}}no{{/b}}", "no"),
        ("{{#a}}({{^b}}in{{/b}}){{/a}}", "(in)"),
        ("x\n{{#a}}\nline\n{{/a}}\ny", "x\nline\ny"),
        ("{a} {0} %s ${a} {'{'}", "{a} {0} %s ${a} {'{'}"),
    ],
)
def test_fills_slots_and_parts(text: str, result: str) -> None:
    assert rendered(text, a="1", b="") == result


@given(st.text(alphabet="{}#/^ab x\n", max_size=40))
def test_never_reads_a_value_as_a_template(value: str) -> None:
    assert rendered("<{{a}}>", a=value, b="secret") == f"<{value}>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n{{c}}", "template, line 2: unknown slot 'c'"),
        ("{{a.__class__}}", "template, line 1: braces that are no slot"),
        ("{{a}} {{a()}}", "braces that are no slot"),
        ("{{#a}} x", "{{#a}} is not closed"),
        ("{{/a}}", "{{/a}} closes nothing that is open"),
        ("{{#a}}{{#b}}{{/a}}{{/b}}", "{{/a}} closes nothing that is open"),
    ],
)
def test_refuses_what_it_does_not_know(text: str, said: str) -> None:
    with pytest.raises(ProjectError, match=re.escape(said)):
        rendered(text)
