"""Stations, what did not arrive of them, and what could not be read; and who did what (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bintally.pages.frame import clock, fact, listed, panel, table
from bintally.pages.html import Html, tag
from bintally.topics import Station
from warehouse.ledger.audit import Line
from warehouse.ledger.dead_letters import Kept
from warehouse.ledger.stations import Seen
from warehouse.page.frame import Visit, address, ago, ledger_page

_STATUS = {"online": "good", "lost": "bad"}
_LONGEST = 300


def stations_page(visit: Visit, stations: Sequence[Seen], missing: Mapping[str, int], letters: Sequence[Kept] | None) -> Html:
    """Who counts.

    Args:
        visit: who looks.
        stations: of the site.
        missing: source → events that did not arrive.
        letters: the newest that could not be read; None: not for who sees one site alone, since nobody knows of which site they are.
    """
    online = sum(one.state is not None and one.state.status == "online" for one in stations)
    facts = (
        fact("Stations", len(stations)),
        fact("Online", online, class_="good"),
        fact("Not online", len(stations) - online, class_="bad" if online < len(stations) else None),
        fact("Events missing", sum(missing.values()), class_="bad" if missing else None),
        fact("Dead letters", sum(one.times for one in letters or ()), class_="bad" if letters else None) if letters is not None else None,
    )
    names = ("Station", "State", "Last count", "Missing", "Outbox", "Unsure", "Model", "Camera")
    heading = [tag("th", name, class_="num" if name in ("Missing", "Outbox", "Unsure") else None) for name in names]
    rows = [_row(visit, one, missing.get(Station(one.site, one.station).source, 0)) for one in stations]
    nothing = tag("p", "No station was heard yet.", class_="quiet")
    return ledger_page(
        visit,
        "Stations",
        "/stations",
        tag("section", listed(facts), class_="panel figures", id="figures", data_live=True),
        panel("Stations", table(heading, rows, "stations") if rows else nothing, id_="stations"),
        _letters(letters) if letters is not None else None,
    )


def log_page(visit: Visit, lines: Sequence[Line]) -> Html:
    """Who did what."""
    rows = [
        tag("tr", tag("td", clock(one.at.timestamp())), tag("td", one.who), tag("td", one.what), tag("td", _of(visit, one), class_="wide"))
        for one in lines
    ]
    heading = [tag("th", name) for name in ("When", "Who", "What", "Of what")]
    return ledger_page(visit, "Log", "/log", panel(f"The newest {len(lines)} entries", table(heading, rows), id_="log"))


def _row(visit: Visit, one: Seen, missing: int) -> Html:
    health, status = one.health, one.state.status if one.state else "never heard"
    model = one.state.model if one.state else None
    unsure = "" if health is None or not health.counted else f"{health.unsure / health.counted:.0%}"
    return tag(
        "tr",
        tag("th", one.station, scope="row"),
        tag("td", status, class_=_STATUS.get(status, "warn")),
        tag("td", ago(visit, one.counted_at)),
        tag("td", missing or "", class_="num bad" if missing else "num"),
        tag("td", "" if health is None else health.outbox_depth, class_="num"),
        tag("td", unsure, class_="num"),
        tag("td", f"{model.name} {model.version}" if model else ""),
        tag("td", "" if health is None else health.camera.reason or health.camera.state, class_="wide"),
    )


def _letters(letters: Sequence[Kept]) -> Html:
    rows = [
        tag(
            "tr",
            tag("td", clock(one.last_at.timestamp())),
            tag("td", one.times, class_="num"),
            tag("td", one.topic[:_LONGEST], class_="wide"),
            tag("td", one.reason[:_LONGEST], class_="wide"),
            tag("td", tag("code", one.payload[:60].decode("utf-8", "replace")), class_="wide"),
        )
        for one in letters
    ]
    heading = [tag("th", name, class_="num" if name == "Times" else None) for name in ("Last", "Times", "Topic", "Why", "Begins with")]
    nothing = tag("p", "Everything that came could be read.", class_="quiet")
    return panel("Dead letters", table(heading, rows) if rows else nothing, id_="letters")


def _of(visit: Visit, line: Line) -> Html | str:
    if line.discrepancy is None:
        return line.detail[:_LONGEST]
    return tag("a", f"discrepancy {line.discrepancy}", href=address("/discrepancies", site=visit.site, number=line.discrepancy))
