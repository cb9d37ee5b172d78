"""What every `Keys` does: one behaviour suite over the folder and over a toy key service."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kreis.deployment.signing import FileKeys, Keys, TrustedKeys, key_id, sign, verify
from kreis.errors import SignatureError

KIND = "application/vnd.kreis.package+json"


class ToyService:
    """`Keys` as a key management service gives them: it signs, and says which public keys count."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()

    def sign(self, message: bytes) -> tuple[str, bytes]:
        return key_id(self._private.public_key()), self._private.sign(message)

    def trusted(self) -> TrustedKeys:
        return {key_id(self._private.public_key()): self._private.public_key()}


@pytest.fixture(params=["folder", "toy"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Keys:
    return FileKeys(tmp_path / "keys") if request.param == "folder" else ToyService()


def test_what_it_signs_is_trusted(keys: Keys) -> None:
    named, signature = keys.sign(b"message")
    assert len(signature) == 64
    keys.trusted()[named].verify(signature, b"message")
    assert verify(sign(b"payload", KIND, keys), KIND, keys.trusted(), where="here") == b"payload"


def test_each_trusted_key_goes_by_its_digest(keys: Keys) -> None:
    assert all(key_id(key) == name for name, key in keys.trusted().items())


def test_a_key_signs_the_same_message_alike(keys: Keys) -> None:
    """RFC 8032: an Ed25519 signature depends on key and message alone."""
    assert keys.sign(b"message") == keys.sign(b"message")
    assert keys.sign(b"message") != keys.sign(b"massage")


def test_what_another_signed_is_refused(keys: Keys) -> None:
    with pytest.raises(SignatureError, match="no valid signature by a trusted key"):
        verify(sign(b"payload", KIND, ToyService()), KIND, keys.trusted(), where="here")
