"""Requests that are refused, as problem details.

Source:
    RFC 9457.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from bintally.errors import InputError

PROBLEM = "application/problem+json"


class RefusedError(InputError):
    """A request that gets no count.

    Attributes:
        status: of HTTP.
        headers: of the answer.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, headers or {}


def problem(status: int, detail: str) -> bytes:
    """The body of a refusal."""
    return json.dumps(
        {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}, ensure_ascii=False
    ).encode()
