"""The part of the service's description that is about reviews."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.deployment.server.config import Limits
from kreis.deployment.server.reviews.messages import AskItems, Labels, OpenItems
from kreis.deployment.server.reviews.reviewing import MOST_COMMENT, MOST_ITEMS

__all__ = ["review_paths", "review_schemas"]


def review_schemas(limits: Limits) -> dict[str, Any]:
    """The schemas of the messages."""
    template = "#/components/schemas/{name}"
    _, schemas = msgspec.json.schema_components([AskItems, OpenItems, Labels], ref_template=template)
    schemas["AskItems"]["properties"]["count"] |= {"minimum": 1, "maximum": MOST_ITEMS}
    schemas["Labels"]["properties"]["labels"]["maxItems"] = limits.rows
    schemas["Label"]["properties"]["comment"]["maxLength"] = MOST_COMMENT
    return schemas


def review_paths(post: Any) -> dict[str, Any]:
    """The routes; `post` describes one as the document does elsewhere."""
    return {
        "/v1/reviews/next": post("What you may label next.", ["AskItems"], ["OpenItems"], ["422"]),
        "/v1/reviews/labels": post("Say what items are.", ["Labels"], [], ["422"]),
    }
