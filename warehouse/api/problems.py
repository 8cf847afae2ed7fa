"""Requests that are refused, as problem details.

Source:
    RFC 9457.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from bintally.errors import InputError

PROBLEM = "application/problem+json"


class RefusedError(InputError):
    """A request that gets nothing.

    Attributes:
        status: of HTTP.
        headers: of the answer.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})


def problem(status: int, detail: str, errors: Iterable[Mapping[str, str]] = ()) -> bytes:
    """The body of a refusal.

    Args:
        status: of HTTP.
        detail: what is wrong, and what to do.
        errors: of a body or query with several faults: each one's ``field`` and ``why``.
    """
    told: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    faults = list(errors)
    # names that came from outside may hold lone surrogates, which are no UTF-8
    return json.dumps(told | ({"errors": faults} if faults else {}), ensure_ascii=False).encode("utf-8", "replace")


SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong, and what to do"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "why"],
                "properties": {"field": {"type": "string"}, "why": {"type": "string"}},
            },
        },
    },
}
REFERENCE = {"$ref": "#/components/schemas/Problem"}
_MEANINGS = {
    400: "not what it must be: no JSON, or a header that cannot be read",
    401: "no token, or one that is nobody's",
    403: "the token's scopes or site do not allow it",
    404: "there is no such thing, or it is of a site that the token does not see",
    408: "the body did not come in time",
    409: "it cannot be done as things stand",
    412: "it was changed meanwhile",
    413: "the body is too large",
    415: "another kind of body is wanted",
    416: "no part of the file ends there",
    422: "a value that cannot be; says which, and what to do",
    429: "too many requests; Retry-After says when to come again",
    501: "this server lacks something; says what to install",
    503: "the ledger does not answer; Retry-After says when to come again",
    507: "no room",
}
EVERYWHERE = (400, 401, 403, 408, 413, 422, 429, 503)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route for the OpenAPI document: those that every route knows, and more."""
    content = {PROBLEM: {"schema": REFERENCE}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in sorted({*EVERYWHERE, *statuses})}
