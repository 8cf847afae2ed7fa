"""The OpenAPI document: FastAPI's, and what holds for every route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from typing_extensions import override

from warehouse.api.problems import SCHEMA

_RATE = {
    "RateLimit": {"schema": {"type": "string"}, "description": "r: how many may come now; t: seconds until as many may come as ever"},
    "RateLimit-Policy": {"schema": {"type": "string"}, "description": "q: how many may come at once; w: seconds in which they come back"},
}


def operation_id(route: APIRoute) -> str:
    """The name of a route's function, for clients that are generated from the document."""
    return route.name


class Described(FastAPI):
    """An application whose document says what its middleware does."""

    @override
    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"]["schemas"]["Problem"] = SCHEMA
            for method, operation in _operations(document):
                if "security" in operation:
                    _add_headers(operation["responses"], method)
        return super().openapi()


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in document["paths"].values():
        yield from path.items()


def _add_headers(responses: dict[str, Any], method: str) -> None:
    if method == "get" and "200" in responses:
        responses.setdefault("304", {"description": "you have it: its ETag is the one of If-None-Match"})
    for status, response in responses.items():
        if status not in ("401", "503"):
            response["headers"] = {**response.get("headers", {}), **_RATE}
