"""Settings: defaults, file, environment, and what a mistake says."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from kreis.errors import ProjectError
from kreis.settings import Settings, find_folder, load_settings


def write(folder: Path, text: str) -> Path:
    (folder / "kreis.toml").write_text(text)
    return folder


def test_defaults_need_no_file(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}) == Settings()


def test_reads_the_file(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[service]\nport = 9000\n[people.roles]\nowner = ["anna"]\n'), {})
    assert settings.service.port == 9000
    assert settings.people.roles == {"owner": ["anna"]}


def test_lets_the_environment_override(tmp_path: Path) -> None:
    environment = {"KREIS_LEDGER_URL": "postgresql://db/kreis", "KREIS_SERVICE_PORT": "81"}
    settings = load_settings(write(tmp_path, "[service]\nport = 9000\n"), environment)
    assert settings.ledger.url == "postgresql://db/kreis"
    assert settings.service.port == 81


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("[servce]\n", "unknown section 'servce'", "did you mean 'service'"),
        ("[service]\nprot = 1\n", "unknown setting 'prot'", "did you mean 'port'"),
        ("[service\n", "not valid TOML", ""),
        ('[service]\nport = "many"\n', "Expected `int`", "settings.md"),
        ('[service]\ndurability = "none"\n', "Invalid enum value", "settings.md"),
    ],
)
def test_says_what_is_wrong_where_and_what_next(tmp_path: Path, text: str, says: str, hint: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load_settings(write(tmp_path, text), {})
    assert says in str(caught.value)
    assert hint in str(caught.value)
    assert "kreis.toml" in str(caught.value)


def test_refuses_a_variable_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="KREIS_SERVICE_PORT"):
        load_settings(tmp_path, {"KREIS_SERVICE_PORT": "http"})


def test_finds_the_folder_from_below(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_folder(write(tmp_path, "") / "a" / "b") == tmp_path


def test_says_what_to_do_where_there_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="kreis init"):
        find_folder(tmp_path)


def test_has_a_heading_in_the_reference_for_each() -> None:
    reference = (Path(__file__).parents[1] / "docs" / "reference" / "settings.md").read_text()
    for section, kind in get_type_hints(Settings).items():
        for name in kind.__struct_fields__:
            assert f"### `{section}.{name}`" in reference, f"{section}.{name} is not documented"
