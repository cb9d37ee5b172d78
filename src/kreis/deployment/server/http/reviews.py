"""The routes of reviews: items out, labels in, each reviewer by a token of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kreis.deployment.server.http.replies import Answer, Route, decoded
from kreis.deployment.server.reviews.messages import AskItems, Labels
from kreis.deployment.server.reviews.reviewing import Reviewing

if TYPE_CHECKING:
    from kreis.deployment.server.http.app import App

__all__ = ["ReviewRoutes"]


class ReviewRoutes:
    """Handlers that the app calls."""

    def __init__(self, app: App, reviewing: Reviewing) -> None:
        self._app, self._reviewing = app, reviewing
        self._asked, self._said = msgspec.json.Decoder(AskItems), msgspec.json.Decoder(Labels)
        self.routes: list[Route] = [
            ("/v1/reviews/next", "POST", self._next),
            ("/v1/reviews/labels", "POST", self._labels),
        ]

    async def _next(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        reviewer = self._app.guard.reviewer(headers)
        asked = decoded(self._asked, await self._app.guard.body(scope, headers, protocol))
        return self._app.done(scope.path, await self._reviewing.next(asked, reviewer))

    async def _labels(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        reviewer = self._app.guard.reviewer(headers)
        said = decoded(self._said, await self._app.guard.body(scope, headers, protocol))
        taken = await self._reviewing.take(said, reviewer, self._app.now(headers))
        return self._app.done(scope.path, {"accepted": taken})
