"""The front page: the bins of a site as a map coloured by how they stand (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bintally.pages.frame import fact, listed, panel, some
from bintally.pages.html import Content, Html, join, tag
from warehouse.ledger.atlas import Cell
from warehouse.page.frame import Visit, address, ledger_page
from warehouse.page.plan import LANE, PITCH, Plan, plan
from warehouse.page.standing import SIZE, URGENT, WORDS, sign, standing, symbols

MOST = 20_000
"""Bins in one picture."""
_MOST_LINKS = 3_000
_MOST_LISTED = 500
_LABELS = 16
_WIDE, _LARGEST = 1300, 3


@dataclass(frozen=True)
class Drawn:
    """A site's bins, drawn; the same for everybody who looks.

    Attributes:
        legend: how many of each sign.
        parts: the map, and the bins that are not on it; None: there are no bins.
    """

    legend: Html
    parts: Html | None


def draw(site: str, cells: Sequence[Cell]) -> Drawn:
    """Draw the bins of a site, or of one of its zones."""
    standings = {cell.bin: standing(cell) for cell in cells}
    parts = join((_map(site, cells, standings), _without_place(site, cells, standings))) if cells else None
    return Drawn(_legend(Counter(standings.values()), len(cells)), parts)


def map_page(visit: Visit, drawn: Drawn, zones: Sequence[str], zone: str | None) -> Html:
    """How the bins of a site stand.

    Args:
        visit: who looks, at which site.
        drawn: its bins, or those of the zone.
        zones: that there are.
        zone: that was chosen.
    """
    head = tag("div", drawn.legend, _choice(visit, zones, zone), class_="between")
    nothing = tag("p", "A bin stands here as soon as it is counted, or the books or a list of places name it.")
    figures = tag("section", head, class_="panel figures", id="figures")
    return ledger_page(visit, "Bins", "/", figures, drawn.parts or panel("No bins yet", nothing))


def _legend(counts: Counter[str], total: int) -> Html:
    facts = (fact(join((sign(name), words)), f"{counts[name]:,}", class_=name) for name, words in WORDS.items())
    return tag("div", listed((fact("Bins", f"{total:,}"), *facts)), id="counts", data_live=True)


def _choice(visit: Visit, zones: Sequence[str], zone: str | None) -> Html | None:
    """Which zone, and a bin by its name."""
    options = (tag("option", one, selected=one == zone) for one in zones)
    select = tag("label", tag("span", "Zone"), tag("select", tag("option", "all", value=""), options, name="zone")) if zones else None
    site = tag("input", type="hidden", name="site", value=visit.site or "")
    shown = tag("form", site, select, tag("button", "Show", class_="small"), method="get", action="/", class_="filter") if zones else None
    field = tag("label", tag("span", "Find a bin"), tag("input", name="bin", type="search", required=True, placeholder="its name"))
    found = tag("form", site, field, tag("button", "Go", class_="small"), method="get", action="/bin", class_="filter")
    return tag("div", shown, found, class_="filter")


def _map(site: str, cells: Sequence[Cell], standings: dict[str, str]) -> Html | None:
    placed = [cell for cell in cells if cell.place is not None]
    if not placed:
        return None
    if len(placed) > MOST:
        text = f"{len(placed):,} bins are too many for one picture; choose a zone."
        return panel("Map", tag("p", text, class_="quiet"), id_="map")
    return panel("Map", tag("div", picture(site, placed, standings), class_="scroll"), id_="map")


def picture(site: str, cells: Sequence[Cell], standings: dict[str, str]) -> Html:
    """The map as SVG. Where there are very many, only what needs somebody is a link; the others are drawn all at once."""
    laid = plan(cells)
    linked = len(cells) <= _MOST_LINKS
    calm = [cell for cell in cells if not linked and standings[cell.bin] not in URGENT]
    shown = [cell for cell in cells if linked or standings[cell.bin] in URGENT]
    height = laid.height + _LABELS
    scale = max(1.0, min(_LARGEST, _WIDE / max(1, laid.width)))
    return tag(
        "svg",
        symbols(),
        (tag("rect", x=x - LANE // 2 + 3, y=0, width=LANE - 6, height=laid.height, rx=2, class_="lane") for x in laid.aisles.values()),
        _aisles(laid),
        (_together(name, [laid.spots[cell.bin] for cell in calm if standings[cell.bin] == name]) for name in WORDS if name not in URGENT),
        (_one(site, cell, standings[cell.bin], laid.spots[cell.bin]) for cell in shown),
        viewBox=f"0 0 {laid.width} {height}",
        width=round(laid.width * scale),
        height=round(height * scale),
        class_="map",
        role="group",
        aria_label=f"{len(cells)} bins by aisle",
    )


def _aisles(laid: Plan) -> Content:
    """Their numbers, at the front; not all of them where they stand close."""
    width = max(PITCH, laid.width // max(1, len(laid.aisles)))
    every = max(1, -(-22 // width))
    return [
        tag("text", aisle, x=x, y=laid.height + _LABELS - 4) for number, (aisle, x) in enumerate(laid.aisles.items()) if number % every == 0
    ]


def _together(name: str, spots: Iterable[tuple[int, int]]) -> Html | None:
    path = "".join(f"M{x} {y}h9v9h-9z" for x, y in ((x + 0.5, y + 0.5) for x, y in spots))
    return tag("path", d=path, class_=f"is-{name}") if path else None


def _one(site: str, cell: Cell, name: str, spot: tuple[int, int]) -> Html:
    shape = tag("use", href=f"#sign-{name}", x=spot[0], y=spot[1], width=SIZE, height=SIZE)
    return tag("a", tag("title", f"{cell.bin}: {WORDS[name]}"), shape, href=address("/bin", site=site, bin=cell.bin))


def _without_place(site: str, cells: Sequence[Cell], standings: dict[str, str]) -> Html | None:
    """Bins of which nobody said where they are; what needs somebody first."""
    order = list(WORDS)
    lost = sorted((cell for cell in cells if cell.place is None), key=lambda cell: order.index(standings[cell.bin]))
    if not lost:
        return None
    chips = [
        tag("a", sign(standings[cell.bin]), cell.bin, title=WORDS[standings[cell.bin]], href=address("/bin", site=site, bin=cell.bin))
        for cell in lost[:_MOST_LISTED]
    ]
    more = tag("p", f"… and {len(lost) - _MOST_LISTED:,} more", class_="quiet") if len(lost) > _MOST_LISTED else None
    how = tag("p", "'bintally wms import places' says where they are.", class_="quiet")
    return panel(f"{some(len(lost), 'bin')} without a place", tag("div", chips, class_="chips"), more, how, id_="lost")
