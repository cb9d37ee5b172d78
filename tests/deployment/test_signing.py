"""Signatures: what verifies, and what is refused."""

import base64
import json
import os

import pytest

from kreis.deployment.signing import FileKeys, load_trusted, pae, sign, verify
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


def test_no_trusted_key_is_an_error_not_a_pass(tmp_path):
    with pytest.raises(SignatureError, match="no trusted key"):
        load_trusted(tmp_path)
