"""An OpenAI-compatible endpoint of embeddings, opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from kreis.digests import digest_of_document
from kreis.errors import ServiceError, library
from kreis.generative.addresses import checked_address
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.language_models.waiting import Pace, retry_after

if TYPE_CHECKING:
    from kreis.generative.embeddings.endpoint import EndpointEmbedding

__all__ = ["OpenAIEmbedder"]

_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which a request is sent again."""
_LARGEST_NUMBER: Final = 32
"""Bytes of a number in JSON."""
_LONGEST_WAIT_S: Final = 60.0


class _Embedded(msgspec.Struct):
    index: int
    embedding: list[float]


class _Reply(msgspec.Struct):
    data: list[_Embedded]


_REPLY: Final = msgspec.json.Decoder(_Reply)


class OpenAIEmbedder:
    """See `Embedder`. Texts are sent in batches; a batch that fails is sent again, after a pause that grows."""

    def __init__(
        self,
        kind: EndpointEmbedding,
        address: str,
        key: str,
        *,
        pace: Pace = Pace(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Check the address.

        Raises:
            MissingLibraryError: httpx is not installed.
            ProjectError: the address is none that can be asked.
        """
        httpx = library("httpx")
        found = checked_address(address, key, kind.env, f"the embedding model {kind.model!r}")
        self._kind, self._pace, self._sleep = kind, pace, sleep
        self._url, self._host = f"{found.base}/embeddings", found.host
        self._client = httpx.Client(
            timeout=kind.timeout_s, follow_redirects=False, trust_env=not found.loopback, headers=found.headers
        )

        said = [kind.model, kind.revision, kind.dimension, kind.before_passages, kind.before_queries]
        self.dimension, self.digest = kind.dimension, digest_of_document(["endpoint", *said])

    def passages(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.passages`."""
        return self._all([self._kind.before_passages + text for text in texts])

    def queries(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.queries`."""
        return self._all([self._kind.before_queries + text for text in texts])

    def close(self) -> None:
        """End connections."""
        self._client.close()

    def _all(self, texts: list[str]) -> Vectors:
        at_once = self._kind.at_once
        made = [self._batch(texts[start : start + at_once]) for start in range(0, len(texts), at_once)]
        return np.concatenate([np.empty((0, self.dimension), dtype=np.float32), *made])

    def _batch(self, texts: list[str]) -> Vectors:
        why = ""
        for attempt in range(1, self._kind.attempts + 1):
            reply, why, wait_s = self._asked(texts)
            if reply is not None:
                return self._read(reply, len(texts))
            if attempt < self._kind.attempts:
                self._sleep(min(max(wait_s, self._pace.pause_s(attempt)), _LONGEST_WAIT_S))
        raise self._error(f"{why}, {self._kind.attempts} times")

    def _asked(self, texts: list[str]) -> tuple[bytes | None, str, float]:
        """A reply; or why there is none, and how long it asks to wait.

        Raises:
            ServiceError: it refuses the request, which would be refused again.
        """
        import httpx

        body = {"model": self._kind.model, "input": [text or " " for text in texts], "encoding_format": "float"}
        largest = 10_000 + len(texts) * (self.dimension * _LARGEST_NUMBER + 200)
        try:
            with self._client.stream("POST", self._url, json=body) as response:
                if response.status_code in _AGAIN:
                    wait_s = retry_after(dict(response.headers))
                    return None, f"it answers with status {response.status_code}", wait_s or 0.0
                if response.status_code != 200:
                    raise self._error(f"it answers with status {response.status_code}")
                data = bytearray()
                for piece in response.iter_raw():
                    data += piece
                    if len(data) > largest:
                        raise self._error(f"its answer has over {largest:,} bytes")
                return bytes(data), "", 0.0
        except httpx.TimeoutException:
            return None, f"it does not answer within {self._kind.timeout_s:g} s", 0.0
        except httpx.HTTPError as error:
            return None, f"it can't be reached, or breaks off ({type(error).__name__})", 0.0

    def _read(self, data: bytes, count: int) -> Vectors:
        try:
            reply = _REPLY.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._error("its answer is not that of an endpoint of embeddings") from None
        if sorted(each.index for each in reply.data) != list(range(count)):
            raise self._error(f"it gives {len(reply.data)} vectors for {count} texts")
        if wrong := {len(each.embedding) for each in reply.data} - {self.dimension}:
            raise self._error(f"its vectors have {wrong.pop()} numbers, not {self.dimension}")
        ordered = sorted(reply.data, key=lambda each: each.index)
        vectors = np.array([each.embedding for each in ordered], dtype=np.float64)
        with np.errstate(over="ignore"):
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise self._error("a vector has no length")
        made: Vectors = (vectors / lengths).astype(np.float32)
        return made

    def _error(self, why: str) -> ServiceError:
        return ServiceError(
            f"no vectors of {self._kind.model!r}: {why}",
            where=f"endpoint {self._host}",
            hint=f"check {self._kind.env}, {self._kind.env}_KEY and the model's name; what is embedded already is kept",
        )
