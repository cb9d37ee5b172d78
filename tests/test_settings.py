"""Settings: defaults, file, environment, and what a mistake says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_origin, get_type_hints

import pytest

from kreis.errors import KreisWarning, ProjectError
from kreis.settings import Settings, find_folder, load_settings, variable_of


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
    environment = {"KREIS__LEDGER__URL": "postgresql://db/kreis", "KREIS__SERVICE__PORT": "81"}
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
    with pytest.raises(ProjectError, match="KREIS__SERVICE__PORT"):
        load_settings(tmp_path, {"KREIS__SERVICE__PORT": "http"})


def test_refuses_a_variable_of_its_own_that_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="unknown variable 'KREIS__SERVICE__PROT'") as caught:
        load_settings(tmp_path, {"KREIS__SERVICE__PROT": "81"})
    assert "KREIS__SERVICE__PORT" in str(caught.value.hint)


def test_reads_a_variable_of_the_former_name_and_says_the_new_one(tmp_path: Path) -> None:
    with pytest.warns(KreisWarning, match="KREIS_SERVICE_PORT is now called KREIS__SERVICE__PORT"):
        assert load_settings(tmp_path, {"KREIS_SERVICE_PORT": "81"}).service.port == 81
    both = {"KREIS_SERVICE_PORT": "81", "KREIS__SERVICE__PORT": "82"}
    assert load_settings(tmp_path, both).service.port == 82


SERVICE_KREIS = {
    "KREIS_SERVICE_HOST": "10.96.0.12",
    "KREIS_SERVICE_PORT": "8080",
    "KREIS_SERVICE_PORT_HTTP": "8080",
    "KREIS_PORT": "tcp://10.96.0.12:8080",
    "KREIS_PORT_8080_TCP": "tcp://10.96.0.12:8080",
    "KREIS_PORT_8080_TCP_PROTO": "tcp",
}
SERVICE_KREIS_SERVICE = {"KREIS_SERVICE_SERVICE_HOST": "10.96.0.12", "KREIS_SERVICE_PORT": "tcp://10.96.0.12:80"}


@pytest.mark.parametrize(
    ("environment", "ignored"),
    [(SERVICE_KREIS, ["KREIS_SERVICE_HOST", "KREIS_SERVICE_PORT"]), (SERVICE_KREIS_SERVICE, ["KREIS_SERVICE_PORT"])],
)
def test_ignores_what_kubernetes_sets_for_a_service(
    tmp_path: Path, environment: dict[str, str], ignored: list[str]
) -> None:
    with pytest.warns(KreisWarning, match="set by Kubernetes") as caught:
        assert load_settings(tmp_path, environment) == Settings()
    (warning,) = caught
    assert re.findall(r"(KREIS_\w+)=", str(warning.message)) == ignored
    with pytest.warns(KreisWarning):
        chosen = load_settings(tmp_path, {**environment, "KREIS__SERVICE__PORT": "82", "KREIS_LEDGER_URL": "x.db"})
    assert (chosen.service.port, chosen.ledger.url) == (82, "x.db")


def test_reads_a_setting_of_a_former_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kreis.settings.RENAMED", {"server.listen": "service.host"})
    folder = write(tmp_path, '[server]\nlisten = "10.0.0.1"\n')
    with pytest.warns(KreisWarning, match="'server.listen' is now called 'service.host'"):
        assert load_settings(folder, {}).service.host == "10.0.0.1"
    for variable in ("KREIS__SERVER__LISTEN", "KREIS_SERVER_LISTEN"):
        with pytest.warns(KreisWarning, match=f"{variable} is now called KREIS__SERVICE__HOST"):
            assert load_settings(write(tmp_path, ""), {variable: "10.0.0.2"}).service.host == "10.0.0.2"


@pytest.mark.parametrize("section", ["lake", "artifacts", "online", "service"])
def test_takes_what_was_a_path_for_the_url_of_a_folder(tmp_path: Path, section: str) -> None:
    with pytest.warns(KreisWarning, match=rf"'{section}.path' is now called '{section}.url' \(write 'file:data:v1'\)"):
        settings = load_settings(write(tmp_path, f'[{section}]\npath = "data:v1"\n'), {})
    assert getattr(settings, section).url == "file:data:v1"
    for variable in (f"KREIS__{section.upper()}__PATH", f"KREIS_{section.upper()}_PATH"):
        with pytest.warns(KreisWarning, match=rf"{variable} is now called .*__URL \(write file:/data\)"):
            settings = load_settings(write(tmp_path, ""), {variable: "/data"})
        assert getattr(settings, section).url == "file:/data"


def test_reads_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "kreis.toml").write_bytes(b"\xef\xbb\xbf[service]\nport = 9000\n")
    assert load_settings(tmp_path, {}).service.port == 9000


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
            if get_origin(get_type_hints(kind)[name]) is not dict:
                assert f"Variable: `{variable_of(section, name)}`." in reference


@pytest.mark.parametrize(
    ("askers", "said"),
    [
        ('askers.anna = {sha256 = "secret"}', "'secret' is no SHA-256 of a token"),
        (f'askers.anna = {{sha256 = "{"A" * 64}"}}', "sha256sum"),
        (f'askers.a = {{sha256 = "{"a" * 64}"}}\naskers.b = {{sha256 = "{"a" * 64}"}}', "askers a and b have the same"),
    ],
)
def test_the_digest_of_an_askers_token_is_checked_where_it_is_read(tmp_path: Path, askers: str, said: str) -> None:
    (tmp_path / "kreis.toml").write_text(f"[service]\n{askers}\n")
    with pytest.raises(ProjectError, match=said):
        load_settings(tmp_path, {})
