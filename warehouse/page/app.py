"""The page's routes: what is shown, and what may be ordered. ``bintally.pages.members`` stands before them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bintally.pages.answers import WithHeaders, handlers, html_answer
from bintally.pages.asked import RefusedError
from bintally.pages.frame import problem_page
from bintally.pages.members import Members
from warehouse.api import problems
from warehouse.api.deps import Api
from warehouse.api.door import GUARDED, Keys
from warehouse.api.scopes import Caller
from warehouse.page import orders
from warehouse.page.frame import LOOK, address
from warehouse.page.guard import LedgerDoor, Member
from warehouse.page.shows import Shows

_API = ("/healthz", "/metrics", "/openapi.json")


def make_page(api: Api) -> ASGIApp:
    """The page over a ledger.

    Args:
        api: what the HTTP API's routes share.
    """
    members: Members[Caller] = Members(
        LOOK, LedgerDoor(api, Keys(api.ledger, api.now)), scripts=("keys.js", "login.js"), login_scripts=("login.js",)
    )
    shows, does = Shows(api), _Does(api)
    routes = [
        *members.routes(),
        Route("/", members.showing(shows.bins)),
        Route("/bin", members.showing(shows.bin)),
        Route("/bin", members.ordering(does.correct), methods=["POST"]),
        Route("/picture", members.showing(shows.picture)),
        Route("/discrepancies", members.showing(shows.discrepancies)),
        Route("/discrepancies/{number:int}", members.ordering(does.settle), methods=["POST"]),
        Route("/recounts", members.showing(shows.recounts)),
        Route("/recounts/picture", members.showing(shows.way)),
        Route("/recounts/go", members.ordering(does.go), methods=["POST"]),
        Route("/recounts/{number:int}/release", members.ordering(does.release), methods=["POST"]),
        Route("/stations", members.showing(shows.stations)),
        Route("/log", members.showing(shows.log)),
    ]
    refusals = {**handlers(LOOK), problems.RefusedError: _refused}
    return WithHeaders(Starlette(routes=routes, exception_handlers=refusals))


class WithPage:
    """The HTTP API for programs, and everything else for people.

    Args:
        api: the application of ``warehouse.api.app.make_app``.
        page: of ``make_page``.
    """

    def __init__(self, api: ASGIApp, page: ASGIApp) -> None:
        self._api, self._page = api, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        theirs = scope["type"] == "http" and not scope["path"].startswith(GUARDED) and scope["path"] not in _API
        await (self._page if theirs else self._api)(scope, receive, send)


async def _refused(_: Request, error: Exception) -> Response:
    """What the API's parts refuse, in the page's words."""
    status = error.status if isinstance(error, problems.RefusedError) else HTTPStatus.UNPROCESSABLE_ENTITY
    return html_answer(problem_page(LOOK, "Not done", str(error)), status)


class _Does:
    """What members may order; what came of it is shown on the next page."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def settle(self, request: Request, member: Member, given: Mapping[str, str]) -> Response:
        """The next one is shown at once; the same one again, if somebody else was quicker."""
        number = request.path_params["number"]
        caller = _may(member, "count:correct")
        site = await run_in_threadpool(self._site_of, number, caller)
        said = await run_in_threadpool(orders.settle, self._api, caller, number, given.get("quantity", ""), given.get("books"))
        member.session.said = said
        if given.get("back") == "recounts":
            return _to(address("/recounts", site=site))
        then = given.get("then", "") if said[0] else str(number)
        return _to(address("/discrepancies", site=site, zone=given.get("zone"), kind=given.get("kind"), number=then))

    async def correct(self, _: Request, member: Member, given: Mapping[str, str]) -> Response:
        caller, site, bin_ = _may(member, "count:correct"), given.get("site", ""), given.get("bin", "")
        member.session.said = await run_in_threadpool(orders.correct_bin, self._api, caller, site, bin_, given.get("quantity", ""))
        return _to(address("/bin", site=site, bin=bin_))

    async def go(self, _: Request, member: Member, given: Mapping[str, str]) -> Response:
        caller = _may(member, "count:correct")
        numbers = [int(one) for one in given.get("numbers", "").split(",") if one.isascii() and one.isdigit()]
        member.session.said = await run_in_threadpool(orders.go, self._api, caller, numbers)
        return _to(address("/recounts", site=given.get("site")))

    async def release(self, request: Request, member: Member, _: Mapping[str, str]) -> Response:
        caller, number = _may(member, "count:correct"), request.path_params["number"]
        site = await run_in_threadpool(self._site_of, number, caller)
        member.session.said = await run_in_threadpool(orders.release, self._api, caller, number)
        return _to(address("/recounts", site=site))

    def _site_of(self, number: int, caller: Caller) -> str:
        with self._api.ledger.read() as tx:
            return orders.find(tx, number, caller).case.site


def _may(member: Member, scope: str) -> Caller:
    """Go on only with this scope.

    Raises:
        RefusedError: the token has it not.
    """
    if member.who.scopes.isdisjoint((scope, "admin")):
        text = f"Your token does not have the scope {scope}, so nothing was done. 'bintally wms token add' makes one that has."
        raise RefusedError(HTTPStatus.FORBIDDEN, text)
    return member.who


def _to(where: str) -> Response:
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)
