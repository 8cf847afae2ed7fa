"""What the parts of the ledger's page have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from bintally.pages import frame
from bintally.pages.html import Content, Html, tag
from bintally.pages.look import Look
from bintally.pages.sessions import Session
from warehouse.api.scopes import Caller
from warehouse.ledger.places import Place

LOOK = Look("warehouse.page", "bintally ledger", "Ledger", "To the bins", "'bintally wms token add'", "bintally-ledger")
SCRIPTS = ("live.js", "keys.js")
_PARTS = (("Bins", "/"), ("Discrepancies", "/discrepancies"), ("Recounts", "/recounts"), ("Stations", "/stations"), ("Log", "/log"))


@dataclass(frozen=True)
class Visit:
    """Somebody looks at a site.

    Attributes:
        session: of who looks.
        caller: what they may do.
        site: that they look at; None: there is none yet.
        sites: that they may look at.
        now: aware, UTC.
    """

    session: Session
    caller: Caller
    site: str | None
    sites: Sequence[str]
    now: datetime

    @property
    def may_correct(self) -> bool:
        """Whether they may say what is in a bin, and go to look."""
        return not self.caller.scopes.isdisjoint(("count:correct", "admin"))

    @property
    def may_plan(self) -> bool:
        """Whether they may have walks planned."""
        return not self.caller.scopes.isdisjoint(("plan", "admin"))


def ledger_page(visit: Visit, title: str, part: str, *main: Content, scripts: Iterable[str] = ("live.js",)) -> Html:
    """A page for somebody who is logged in."""
    links = [(words, address(path, site=visit.site)) for words, path in _PARTS]
    here = address(part, site=visit.site)
    return frame.member_page(
        LOOK, links, title, visit.session, visit.now.timestamp(), _sites(visit, part), *main, here=here, scripts=scripts
    )


def address(path: str, **given: str | int | None) -> str:
    """An address; what is None or empty is left out."""
    words = {name: value for name, value in given.items() if value not in (None, "")}
    return f"{path}?{urlencode(words)}" if words else path


def ago(visit: Visit, at: datetime | None) -> str:
    """How long something is ago, for people."""
    if at is None:
        return "never"
    seconds = max(0.0, (visit.now - at).total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def where(place: Place | None) -> str:
    """A place, for people who walk to it."""
    if place is None:
        return "nobody knows where"
    block = f", block {place.block}" if place.block else ""
    zone = f"{place.zone}: " if place.zone else ""
    return f"{zone}aisle {place.aisle}{block}, {place.position_m:g} m"


def evidence(source: str | None, name: str | None, there: bool) -> Html:
    """The picture of a count, or why there is none."""
    if source is None or name is None:
        return tag("p", "The station kept no picture of this count.", class_="quiet nopicture")
    if not there:
        return tag("p", "The picture of this count has not come here, or is gone.", class_="quiet nopicture")
    return tag("img", src=address("/picture", source=source, name=name), alt="What the camera saw", class_="evidence")


def _sites(visit: Visit, part: str) -> Html | None:
    """The others, where there are several."""
    if len(visit.sites) < 2:
        return None
    links = (tag("a", one, href=address(part, site=one), aria_current="page" if one == visit.site else None) for one in visit.sites)
    return tag("nav", "Site ", *links, class_="sites")
