"""What members see: each route reads the ledger in one transaction, and a pure function makes a page of it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import get_args

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bintally.errors import InputError
from bintally.messages.discrepancy import DiscrepancyKind
from bintally.pages.asked import RefusedError
from bintally.pages.html import Html
from bintally.topics import Station, decode
from warehouse.api.deps import Api
from warehouse.api.problems import RefusedError as ApiRefusedError
from warehouse.api.scopes import Caller
from warehouse.ledger import atlas, bins, cases, counts, dead_letters
from warehouse.ledger.judging import wrong_share
from warehouse.ledger.stations import stations
from warehouse.page import bin as bin_parts
from warehouse.page import recounts as tours
from warehouse.page import walk
from warehouse.page.discrepancies import Asked, Shown, discrepancies_page
from warehouse.page.frame import Visit
from warehouse.page.guard import Member
from warehouse.page.map import Drawn, draw, map_page
from warehouse.page.orders import find
from warehouse.page.recent import Recent
from warehouse.page.standing import standing
from warehouse.page.stations import log_page, stations_page

_COUNTS, _CASES, _LETTERS, _LINES = 30, 100, 50, 300
_LONGEST = 255
_WAY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; sandbox"
"""Of a picture that is drawn here with styles inside; as an image it runs nothing."""


class Shows:
    """The routes.

    Args:
        api: the ledger, the time, the pictures.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._maps: Recent[Drawn] = Recent()

    def bins(self, request: Request, member: Member) -> Html:
        """The map."""
        with self._api.ledger.read() as tx:
            visit = self._visit(tx, request, member)
            if visit.site is None:
                return map_page(visit, draw("", []), [], None)
            site, zones, zone = visit.site, atlas.zones(tx, visit.site), _text(request.query_params, "zone") or None
            drawn = self._maps.get((site, zone), lambda: draw(site, atlas.cells(tx, site, zone)))
            return map_page(visit, drawn, zones, zone)

    def bin(self, request: Request, member: Member) -> Html:
        """One bin."""
        with self._api.ledger.read() as tx:
            visit, name = self._visit(tx, request, member), _text(request.query_params, "bin")
            site = visit.site or ""
            found = bins.bin_of(tx, site, name)
            if found is None:
                raise RefusedError(HTTPStatus.NOT_FOUND, f"Bin {name[:80]!r} of site {site[:80]!r}: nothing is known of it.")
            newest = counts.page(tx, site=site, bin=name, limit=_COUNTS).rows
            share = wrong_share(tx, site, self._api.rules)
        view, case = found.view, found.case
        kind, state = (case.kind, case.state) if case else (None, None)
        stands = standing(atlas.Cell(name, found.place, view.taken_at, view.expected, kind, state))
        picture = self._has_picture(view.source, view.evidence)
        return bin_parts.bin_page(visit, bin_parts.Shown(found, newest, share, stands, picture))

    def discrepancies(self, request: Request, member: Member) -> Html | Response:
        """The list, and the one that is looked at: it stands in the address, so that no other takes its place while somebody decides."""
        given = request.query_params
        asked = Asked(_text(given, "zone"), _text(given, "kind"))
        if asked.kind not in ("", *get_args(DiscrepancyKind)):
            raise InputError(f"kind: {asked.kind[:40]!r} is none of {', '.join(get_args(DiscrepancyKind))}")
        with self._api.ledger.read() as tx:
            visit = self._visit(tx, request, member)
            some = cases.page(tx, state="unsettled", site=visit.site or "", zone=asked.zone or None, kind=asked.kind or None, limit=_CASES)
            if not _text(given, "number") and some.rows:
                return RedirectResponse(asked.address(visit, some.rows[0].case.number), HTTPStatus.SEE_OTHER)
            shown = self._shown(tx, member.who, _number(given)) if _text(given, "number") else None
            zones = atlas.zones(tx, visit.site or "")
        return discrepancies_page(visit, asked, some.rows, some.cursor is not None, shown, zones)

    def recounts(self, request: Request, member: Member) -> Html:
        """My tour, else one that I could walk."""
        asked = tours.read_asked(request.query_params)
        with self._api.ledger.read() as tx:
            visit = self._visit(tx, request, member)
        site, who = visit.site or "", member.who.name
        mine = tours.Tour(walk.assigned(self._api.ledger, site, who))
        planned, cannot = None, None
        try:
            if mine.stops:
                found = walk.plan_mine(self._api.ledger, site, mine.stops)
                mine = walk.with_unreached(walk.as_tour(found), found)
            elif not visit.may_plan:
                cannot = "Your token does not have the scope plan; with it, walks are planned here."
            else:
                planned = walk.as_tour(walk.plan_open(self._api.ledger, site, asked, who))
        except InputError as error:  # of the layout; or what plans is missing or busy
            cannot = f"{error}."
        return tours.recounts_page(visit, asked, mine, planned, cannot)

    def way(self, request: Request, member: Member) -> Response:
        """The picture of a tour."""
        given = request.query_params
        with self._api.ledger.read() as tx:
            site = self._visit(tx, request, member).site or ""
        ledger, who = self._api.ledger, member.who.name
        if _text(given, "mine"):
            found = walk.plan_mine(ledger, site, walk.assigned(ledger, site, who))
        else:
            found = walk.plan_open(ledger, site, tours.read_asked(given), who)
        return Response(walk.picture(found, site), media_type="image/svg+xml", headers={"Content-Security-Policy": _WAY_POLICY})

    def stations(self, request: Request, member: Member) -> Html:
        """Who counts."""
        with self._api.ledger.read() as tx:
            visit = self._visit(tx, request, member)
            site = visit.site
            letters = dead_letters.newest(tx, _LETTERS) if member.who.site is None else None
            here, missing = ([], {}) if site is None else (stations(tx, site), atlas.missing(tx, site))
            return stations_page(visit, here, missing, letters)

    def log(self, request: Request, member: Member) -> Html:
        """Who did what."""
        with self._api.ledger.read() as tx:
            return log_page(self._visit(tx, request, member), atlas.log(tx, member.who.site, _LINES))

    def picture(self, request: Request, member: Member) -> Response:
        """What a camera saw."""
        source, name = _text(request.query_params, "source"), _text(request.query_params, "name")
        station = _station(source)
        if self._api.files is None or station is None or not member.who.sees(station.site):
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is no such picture.")
        try:
            content = self._api.files.path(station, f"{name}.jpg").read_bytes()
        except (FileNotFoundError, ApiRefusedError) as error:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is no such picture.") from error
        return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})

    def _visit(self, tx: sa.Connection, request: Request, member: Member) -> Visit:
        sites = [member.who.site] if member.who.site is not None else atlas.sites(tx)
        wanted = _text(request.query_params, "site")
        if wanted and wanted not in sites:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"Site {wanted[:80]!r}: nothing is known of it.")
        return Visit(member.session, member.who, wanted or (sites[0] if sites else None), sites, self._api.now())

    def _shown(self, tx: sa.Connection, caller: Caller, number: int) -> Shown:
        listed = find(tx, number, caller)
        case = listed.case
        found = bins.bin_of(tx, case.site, case.bin)
        if found is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"Bin {case.bin[:80]!r}: nothing is known of it any more.")
        share, picture = wrong_share(tx, case.site, self._api.rules), self._has_picture(case.source, listed.evidence)
        return Shown(listed, found.view, share, cases.history(tx, number), picture)

    def _has_picture(self, source: str | None, name: str | None) -> bool:
        station = _station(source or "")
        if self._api.files is None or station is None or name is None:
            return False
        try:
            return self._api.files.path(station, f"{name}.jpg").exists()
        except ApiRefusedError:
            return False


def _station(source: str) -> Station | None:
    levels = source.split("/")
    try:
        return Station(*map(decode, levels)) if len(levels) == 2 else None
    except InputError:
        return None


def _text(given: Mapping[str, str], name: str) -> str:
    """A value of the address.

    Raises:
        InputError: it is too long, or holds what no name does.
    """
    text = given.get(name, "").strip()
    if len(text) > _LONGEST or any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text):
        raise InputError(f"{name}: {text[:40]!r} is no name that there can be")
    return text


def _number(given: Mapping[str, str]) -> int:
    text = _text(given, "number")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise InputError(f"number: {text[:40]!r} is no discrepancy's")
    return int(text)
