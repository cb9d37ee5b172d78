"""Signatures: what verifies, and what is refused."""

import base64
import json
import os

import pytest

from kreis.deployment.signing import FileKeys, check_keys, create_private, key_id, load_trusted, pae, sign, verify
from kreis.errors import SignatureError, StoreError

KIND = "application/vnd.kreis.package+json"


@pytest.fixture
def keys(tmp_path):
    return FileKeys(tmp_path / "keys")


def test_pae_is_that_of_the_specification():
    # The example of secure-systems-lab/dsse, protocol.md.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_sign_then_verify_gives_the_payload(keys):
    assert verify(sign(b"a payload", KIND, keys), KIND, keys.trusted(), where="here") == b"a payload"


def test_keys_are_private_and_found_again(keys):
    assert os.stat(keys.folder / "signing.key").st_mode & 0o777 == 0o600
    assert FileKeys(keys.folder).key_id == keys.key_id
    assert not list(keys.folder.glob(".*"))


def test_a_key_that_others_may_read_is_refused(keys):
    (keys.folder / "signing.key").chmod(0o644)
    with pytest.raises(StoreError, match="others may read"):
        FileKeys(keys.folder)


def test_any_changed_byte_of_the_payload_is_refused(keys):
    envelope = json.loads(sign(b"a payload", KIND, keys))
    for place in range(len(b"a payload")):
        payload = bytearray(b"a payload")
        payload[place] ^= 1
        forged = {**envelope, "payload": base64.b64encode(bytes(payload)).decode()}
        with pytest.raises(SignatureError, match="no valid signature"):
            verify(json.dumps(forged), KIND, keys.trusted(), where="here")


def test_another_signer_is_refused(keys, tmp_path):
    stranger = FileKeys(tmp_path / "stranger")
    with pytest.raises(SignatureError, match="no valid signature by a trusted key"):
        verify(sign(b"a payload", KIND, stranger), KIND, keys.trusted(), where="here")


def test_a_strangers_signature_under_a_trusted_name_is_refused(keys, tmp_path):
    stranger = FileKeys(tmp_path / "stranger")
    envelope = json.loads(sign(b"a payload", KIND, stranger))
    envelope["signatures"][0]["keyid"] = keys.key_id
    with pytest.raises(SignatureError, match="no valid signature"):
        verify(json.dumps(envelope), KIND, keys.trusted(), where="here")


def test_another_type_of_payload_is_refused(keys):
    with pytest.raises(SignatureError, match="signed as"):
        verify(sign(b"a payload", "text/plain", keys), KIND, keys.trusted(), where="here")


@pytest.mark.parametrize(
    "text",
    ["", "{}", "null", "[" * 10_000, '{"payloadType": 1}', '{"payloadType":"a","payload":"%","signatures":[]}', "\xff"],
)
def test_what_is_no_envelope_is_refused(keys, text):
    with pytest.raises(SignatureError):
        verify(text, KIND, keys.trusted(), where="here")


@pytest.mark.parametrize("field", ["payload", "sig"])
def test_bytes_beside_the_alphabet_of_base64_are_refused(keys, field):
    """A lenient decoder drops them: two texts would then stand for one signed payload."""
    envelope = json.loads(sign(b"a payload", KIND, keys))
    holder = envelope if field == "payload" else envelope["signatures"][0]
    holder[field] = holder[field][:4] + "\n*" + holder[field][4:]
    with pytest.raises(SignatureError, match="not a signed envelope"):
        verify(json.dumps(envelope), KIND, keys.trusted(), where="here")


def test_an_envelope_up_to_the_limit_is_read(keys, monkeypatch):
    envelope = sign(b"a payload", KIND, keys)
    monkeypatch.setattr("kreis.deployment.signing.ENVELOPE_LIMIT", len(envelope))
    assert verify(envelope, KIND, keys.trusted(), where="here") == b"a payload"
    with pytest.raises(SignatureError, match="larger than"):
        verify(envelope + " ", KIND, keys.trusted(), where="here")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o601])
def test_a_key_that_any_other_may_use_is_refused(keys, mode):
    (keys.folder / "signing.key").chmod(mode)
    with pytest.raises(StoreError, match="others may read"):
        FileKeys(keys.folder)


def test_a_key_that_is_not_trusted_signs_nothing(keys):
    for path in (keys.folder / "trusted").glob("*.pub"):
        path.unlink()
    FileKeys(keys.folder.parent / "other")
    (keys.folder.parent / "other" / "trusted").rename(keys.folder / "trusted2")
    for path in (keys.folder / "trusted2").glob("*.pub"):
        path.rename(keys.folder / "trusted" / path.name)
    with pytest.raises(SignatureError, match="this signing key is not in the trusted set"):
        FileKeys(keys.folder)


def test_one_valid_signature_of_several_is_enough_and_none_is_not(keys, tmp_path):
    own, strange = (json.loads(sign(b"a payload", KIND, each)) for each in (keys, FileKeys(tmp_path / "stranger")))
    both = {**own, "signatures": [*strange["signatures"], *own["signatures"]]}
    assert verify(json.dumps(both), KIND, keys.trusted(), where="here") == b"a payload"
    with pytest.raises(SignatureError, match="no valid signature"):
        verify(json.dumps({**own, "signatures": []}), KIND, keys.trusted(), where="here")


def test_a_folder_of_keys_says_what_is_wrong_with_it(keys, tmp_path):
    assert list(check_keys(keys.folder)) == []
    (public,) = (keys.folder / "trusted").glob("*.pub")
    stranger = FileKeys(tmp_path / "stranger")
    (other,) = (stranger.folder / "trusted").glob("*.pub")
    whole = public.read_bytes()
    public.write_bytes(other.read_bytes())
    assert list(check_keys(keys.folder)) == [
        (public, "it does not hold the key that its name says"),
        (keys.folder / "signing.key", "this signing key is not in the trusted set"),
    ]
    public.write_bytes(whole)
    (keys.folder / "signing.key").chmod(0o640)
    assert list(check_keys(keys.folder)) == [(keys.folder / "signing.key", "others may read the key")]
    (keys.folder / "signing.key").unlink()
    assert list(check_keys(keys.folder)) == [(keys.folder / "signing.key", "the signing key is gone")]
    public.write_bytes(b"no key")
    assert public in [path for path, _ in check_keys(keys.folder)]


def test_of_two_processes_that_make_a_key_the_first_ones_stands(keys):
    trusted = keys.trusted()
    assert key_id(keys._create().public_key()) == keys.key_id
    assert keys.trusted() == trusted
    assert FileKeys(keys.folder).key_id == keys.key_id


def test_a_private_key_is_made_once(tmp_path):
    made = create_private(tmp_path / "keys" / "ann.key")
    assert os.stat(tmp_path / "keys" / "ann.key").st_mode & 0o777 == 0o600
    again = create_private(tmp_path / "keys" / "ann.key")
    assert made.private_bytes_raw() == again.private_bytes_raw()
    assert [each.name for each in (tmp_path / "keys").iterdir()] == ["ann.key"]


def test_no_trusted_key_is_an_error_not_a_pass(tmp_path):
    with pytest.raises(SignatureError, match="no trusted key"):
        load_trusted(tmp_path)
