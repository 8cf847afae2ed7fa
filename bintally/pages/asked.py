"""What a request must be before anybody looks at what it wants.

Source:
    OWASP Cross-Site Request Forgery Prevention Cheat Sheet; Fetch Metadata Request Headers, W3C.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

_MAX_BODY_BYTES, _RECEIVE_S = 4096, 10.0


class RefusedError(Exception):
    """Why a request gets nothing."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def cookie_name(request: Request, name: str) -> str:
    """The prefix binds it to this very host, and lets no plain-text answer set it (RFC 6265bis, 4.1.3.2); ports share cookies."""
    return f"__Host-{name}" if is_secure(request) else f"{name}-{request.url.port or 80}"


def refuse_foreign(request: Request) -> None:
    """Let no other site send forms.

    Raises:
        RefusedError: another one did.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if site != "same-origin" or (origin is not None and urlsplit(origin).netloc != request.headers.get("host")):
        raise RefusedError(HTTPStatus.FORBIDDEN, "Other sites may order nothing here. Behind a proxy: it must hand on the Host header.")


async def read_form(request: Request) -> Mapping[str, str]:
    """The body of a form; of a name that stands twice the last one.

    Raises:
        RefusedError: it is too long, too slow, or no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send a form.")
    try:
        body = await asyncio.wait_for(_body(request), _RECEIVE_S)
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=16))
    except asyncio.TimeoutError as error:
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, f"The form did not come within {_RECEIVE_S:g} s.") from error
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "This is no form.") from error


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The form is too large; {_MAX_BODY_BYTES:,} bytes are read.")
    return body


def client_of(request: Request) -> str:
    return request.client.host if request.client else ""
