"""What routes share: the ledger, the time, the pictures; and who may call them."""

from __future__ import annotations

import difflib
from collections import Counter as Times
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from warehouse.api.evidence.files import Files
from warehouse.api.problems import RefusedError
from warehouse.api.scopes import Caller, Scope
from warehouse.api.settings import Settings
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger

_BEARER = HTTPBearer(auto_error=False, description="a token of 'bintally wms token add'")


@dataclass(frozen=True)
class Api:
    """What routes share.

    Attributes:
        ledger: of which they are a view.
        settings: limits.
        files: where pictures go; None: none are taken.
        rules: when a discrepancy opens.
        now: gives the time of day, aware, UTC.
    """

    ledger: Ledger
    settings: Settings
    files: Files | None
    rules: Rules
    now: Callable[[], datetime]


async def _api(request: Request) -> Api:
    found: Api = request.app.state.api
    return found


def may(*scopes: Scope) -> Callable[..., object]:
    """A dependency that gives the caller, if its token has one of these scopes."""

    async def check(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]) -> Caller:
        caller: Caller = request.state.caller
        caller.must(*scopes)
        return caller

    return check


SharedApi = Annotated[Api, Depends(_api)]
Reader = Annotated[Caller, Security(may("read"), scopes=["read"])]
Counter = Annotated[Caller, Security(may("count:correct"), scopes=["count:correct"])]
Importer = Annotated[Caller, Security(may("import"), scopes=["import"])]
Planner = Annotated[Caller, Security(may("plan"), scopes=["plan"])]
Admin = Annotated[Caller, Security(may("admin"), scopes=["admin"])]


async def known_query(request: Request) -> None:
    """A mistyped filter must not show everything: what the document does not name is refused.

    Raises:
        RefusedError: there is no such parameter.
    """
    document = request.app.openapi()
    described = document["paths"][request.scope["route"].path_format][request.method.lower()].get("parameters", ())
    known = {one["name"] for one in described if one["in"] == "query"}
    for name, times in Times(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"?{name[:80]}=: there is no such parameter here; {hint}")
        if times > 1:
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"?{name}=: stands there {times} times; ask for one at a time")


async def body(request: Request) -> bytes:
    """The body as it came: large ones are taken apart in the route's own thread, not in the one that all requests share."""
    return await request.body()


Body = Annotated[bytes, Depends(body)]
