"""Signatures: Ed25519 (RFC 8032) over DSSE envelopes.

The envelope and its pre-authentication encoding are those of the DSSE specification 1.0 (secure-systems-lab,
protocol.md): what is signed are the type and the exact bytes of the payload, so they are checked before
anything parses the payload.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kreis.digests import digest_of
from kreis.durable import (
    create_privately,
    make_directory,
    read_regular,
    storing,
    write_durably,
)
from kreis.errors import KreisError, SignatureError, StoreError

__all__ = [
    "FileKeys",
    "Keys",
    "TrustedKeys",
    "check_keys",
    "create_private",
    "key_id",
    "load_private",
    "load_trusted",
    "pae",
    "public_key",
    "public_pem",
    "sign",
    "verify",
]

TrustedKeys: TypeAlias = Mapping[str, Ed25519PublicKey]
"""Key id (SHA-256 of the raw 32 bytes, hexadecimal) to public key."""

_LARGEST_KEY = 1 << 16
_NAMED_BY_KEY = re.compile(r"[0-9a-f]{16}")
ENVELOPE_LIMIT = 16 * 1024 * 1024


class Keys(Protocol):
    """Signs for the project. A file by default; a KMS or Vault needs only these two methods."""

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """The key's id and its Ed25519 signature, 64 bytes, over the message."""
        ...

    def trusted(self) -> TrustedKeys:
        """The public keys whose signatures count."""
        ...


class _Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payloadType: str  # noqa: N815 (spelled as in the specification)
    payload: str
    signatures: list[_Signature]


class FileKeys:
    """The project's keys in a folder: `signing.key` (PKCS 8 PEM, mode 0600) and `trusted/*.pub`."""

    def __init__(self, folder: Path) -> None:
        """Load the private key, or make one and trust it.

        Raises:
            StoreError: the key is not an Ed25519 key, or others may read it.
            SignatureError: the key is not trusted, so what it signs would never be taken.
        """
        self.folder = folder
        self._private = load_private(self._path) if self._path.exists() else self._create()
        self.key_id = key_id(self._private.public_key())
        if self.key_id not in self.trusted():
            raise SignatureError(
                "this signing key is not in the trusted set",
                where=str(self._path),
                hint=f"put its public key into {folder / 'trusted'}, restore the former key, or"
                " `kreis keys renew --reason …`",
            )

    @property
    def _path(self) -> Path:
        return self.folder / "signing.key"

    def sign(self, message: bytes) -> tuple[str, bytes]:
        """The key's id and its signature over the message."""
        return self.key_id, self._private.sign(message)

    def trusted(self) -> TrustedKeys:
        """The public keys under `trusted/`."""
        return load_trusted(self.folder / "trusted")

    def _create(self) -> Ed25519PrivateKey:
        """Trust first, key second: cut off between the two, what is left is a trusted key that nobody has. The other
        way round, a key would be left whose signatures never count.
        """
        make_directory(self.folder / "trusted")
        private = Ed25519PrivateKey.generate()
        trusted = self.folder / "trusted" / f"{key_id(private.public_key())[:16]}.pub"
        write_durably(trusted, public_pem(private))
        if not create_privately(self._path, _pem(private)):
            trusted.unlink()
            return load_private(self._path)
        return private


def create_private(path: Path) -> Ed25519PrivateKey:
    """Make a private key in a file of mode 0600; where another process was first, its key.

    Raises:
        StoreError: it cannot be written.
    """
    with storing(f"key {path}"):
        make_directory(path.parent)
        private = Ed25519PrivateKey.generate()
        return private if create_privately(path, _pem(private)) else load_private(path)


def _pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(private: Ed25519PrivateKey) -> bytes:
    """The public key of a private one, as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form)


def public_key(pem: bytes, wrong: Callable[[str], KreisError]) -> Ed25519PublicKey:
    """A public key from PEM.

    Args:
        pem: The key.
        wrong: Makes the error that is raised where it is none.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise wrong(f"no public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise wrong("no Ed25519 public key")
    return key


def load_trusted(folder: Path) -> TrustedKeys:
    """Read every `*.pub` (PEM) of a folder.

    Raises:
        SignatureError: there is none, or a file is no Ed25519 public key.
    """
    found: dict[str, Ed25519PublicKey] = {}
    for path in sorted(folder.glob("*.pub")):
        key = public_key(read_regular(path, _LARGEST_KEY), partial(SignatureError, where=str(path)))
        found[key_id(key)] = key
    if not found:
        raise SignatureError(
            "no trusted key, so nothing can be verified",
            where=str(folder),
            hint="restore the folder; if it is lost, `kreis keys renew --reason …` signs again what the record"
            " vouches for",
        )
    return found


def check_keys(folder: Path) -> Iterator[tuple[Path, str]]:
    """What is wrong with a folder of keys: path and problem. Changes nothing, makes nothing."""
    private = folder / "signing.key"
    trusted: TrustedKeys = {}
    try:
        trusted = load_trusted(folder / "trusted")
    except SignatureError as error:
        yield Path(error.where or folder), error.message
    for path in sorted((folder / "trusted").glob("*.pub")):
        if _NAMED_BY_KEY.fullmatch(path.stem) and not any(each.startswith(path.stem) for each in trusted):
            yield path, "it does not hold the key that its name says"
    try:
        key = load_private(private)
    except FileNotFoundError:
        yield private, "the signing key is gone"
    except PermissionError:
        return  # somebody else's, as it should be
    except (StoreError, OSError) as error:
        yield private, error.message if isinstance(error, StoreError) else str(error)
    else:
        if trusted and key_id(key.public_key()) not in trusted:
            yield private, "this signing key is not in the trusted set"


def load_private(path: Path) -> Ed25519PrivateKey:
    """A private key of mode 0600 (PKCS 8 PEM).

    Raises:
        FileNotFoundError: there is none.
        StoreError: others may read it, or it is no Ed25519 key.
    """
    if path.stat().st_mode & 0o077:
        raise StoreError("others may read the key", where=str(path), hint=f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(read_regular(path, _LARGEST_KEY), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StoreError(f"no readable private key: {error}", where=str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError("the key is not an Ed25519 key", where=str(path))
    return key


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (protocol.md, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, keys: Keys) -> str:
    """A DSSE envelope, as JSON text, over the payload."""
    key_id, signature = keys.sign(pae(payload_type, payload))
    envelope = _Envelope(
        payload_type,
        base64.b64encode(payload).decode(),
        [_Signature(key_id, base64.b64encode(signature).decode())],
    )
    return msgspec.json.encode(envelope).decode()


def verify(envelope: str | bytes, payload_type: str, trusted: TrustedKeys, *, where: str) -> bytes:
    """The payload of an envelope, once a trusted key's signature over it is proved.

    Raises:
        SignatureError: no envelope, another type of payload, or no valid signature by a trusted key.
    """
    if len(envelope) > ENVELOPE_LIMIT:
        raise SignatureError(f"the envelope is larger than {ENVELOPE_LIMIT} bytes", where=where)
    try:
        read = msgspec.json.decode(envelope, type=_Envelope)
        payload = base64.b64decode(read.payload, validate=True)
        signatures = [(each.keyid, base64.b64decode(each.sig, validate=True)) for each in read.signatures]
    except (msgspec.MsgspecError, binascii.Error, UnicodeError, RecursionError, ValueError) as error:
        raise SignatureError("this is not a signed envelope", where=where) from error
    if read.payloadType != payload_type:
        raise SignatureError(f"signed as {read.payloadType!r}, not as {payload_type!r}", where=where)
    message = pae(payload_type, payload)
    if not any(_valid(trusted.get(key_id), signature, message) for key_id, signature in signatures):
        raise SignatureError(
            "no valid signature by a trusted key",
            where=where,
            hint="put the signer's public key into the folder of trusted keys, or sign again:"
            " `kreis keys renew --reason …`",
        )
    return payload


def _valid(key: Ed25519PublicKey | None, signature: bytes, message: bytes) -> bool:
    if key is None:
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def key_id(key: Ed25519PublicKey) -> str:
    """Names a public key: the SHA-256 of its 32 bytes."""
    return digest_of(key.public_bytes_raw())
