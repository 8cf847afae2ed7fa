"""The page's routes: what is shown, and what may be ordered. ``bintally.pages.members`` stands before them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bintally.errors import BintallyError, InputError, UsageError
from bintally.pages.answers import WithHeaders, handlers
from bintally.pages.asked import RefusedError
from bintally.pages.frame import panel
from bintally.pages.html import Html
from bintally.pages.members import Badge, Member, Members
from deploy.fleet.page.frame import LOOK, member_page
from deploy.fleet.page.glance import Watch
from deploy.fleet.page.query import read_query
from deploy.fleet.page.rollouts import address, log_table, rollout_page
from deploy.fleet.page.stations import stations_page
from deploy.fleet.page.tokens import TokenFile, owner
from deploy.fleet.rollout.orders import ORDERS, give_order
from deploy.fleet.rollout.store import Store

_LOG_LINES = 500
log = structlog.get_logger()


class Page:
    """What the routes share.

    Args:
        store: the database.
        tokens: who may log in.
        clock: gives Unix seconds.
        monotonic: gives seconds that never go back.
    """

    def __init__(
        self,
        store: Store,
        tokens: TokenFile,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._clock = store, clock
        self._watch, self._members = Watch(store, clock), Members(LOOK, _Door(store, tokens, clock), monotonic)

    def app(self) -> ASGIApp:
        """The whole application."""
        members = self._members
        routes = [
            *members.routes(),
            Route("/healthz", self._health),
            Route("/", members.showing(self._stations)),
            Route("/log", members.showing(self._log)),
            Route("/rollout/{id}", members.showing(self._rollout)),
            Route("/rollout/{id}/{order}", members.ordering(self._order), methods=["POST"]),
        ]
        return WithHeaders(Starlette(routes=routes, exception_handlers=handlers(LOOK)))

    def _stations(self, request: Request, member: Member[str]) -> Html:
        return stations_page(read_query(request.query_params), self._watch.look(), member.session)

    def _rollout(self, request: Request, member: Member[str]) -> Html:
        try:
            found = self._store.rollout(request.path_params["id"])
        except InputError as error:
            raise RefusedError(HTTPStatus.NOT_FOUND, str(error)) from error
        return rollout_page(found, self._watch.look(), member.session)

    def _log(self, _: Request, member: Member[str]) -> Html:
        entries = self._store.audit(_LOG_LINES)
        newest = panel(f"The newest {len(entries)} entries", log_table(entries), id_="log")
        return member_page("Log", member.session, self._clock(), newest)

    async def _order(self, request: Request, member: Member[str], _: Mapping[str, str]) -> Response:
        """Write an order down, in the name of who gave it; what came of it is shown on the next page."""
        rollout, order = request.path_params["id"], request.path_params["order"]
        if order not in ORDERS:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        try:
            told = await run_in_threadpool(give_order, self._store, rollout, order, _who(member.session.name), self._clock())
            member.session.said = (True, told)
        except UsageError as error:  # it has ended, or somebody else was quicker
            member.session.said = (False, str(error))
        except InputError as error:
            raise RefusedError(HTTPStatus.NOT_FOUND, str(error)) from error
        self._watch.forget()
        return RedirectResponse(address(rollout), HTTPStatus.SEE_OTHER)

    async def _health(self, _: Request) -> Response:
        await run_in_threadpool(self._store.controller, self._clock())
        return Response("the database answers\n", media_type="text/plain")


class _Door:
    """Lets in who stands in the file of tokens, as long as they stand there."""

    def __init__(self, store: Store, tokens: TokenFile, clock: Callable[[], float]) -> None:
        self._store, self._tokens, self._clock = store, tokens, clock

    def owner(self, token: str) -> Badge | None:
        hashes = self._hashes()
        name = owner(hashes, token)
        return None if name is None else Badge(name, hashes[name])

    def still(self, badge: Badge) -> str | None:
        return badge.name if self._hashes().get(badge.name) == badge.token_hash else None

    def entered(self, badge: Badge, client: str) -> None:
        self._store.note(_who(badge.name), "login", f"from {client}", self._clock())

    def _hashes(self) -> Mapping[str, str]:
        try:
            return self._tokens.hashes()
        except BintallyError as error:
            log.error("nobody can log in", reason=str(error))  # noqa: TRY400 - the text says it all
            text = "Nobody can log in at the moment; the page's log says why."
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, text) from error


def _who(name: str) -> str:
    return f"{name} (page)"
