"""The front page: the fleet in figures, its open roll-outs, and the table of stations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bintally.pages.frame import fact, listed, panel, table
from bintally.pages.html import Content, Html, tag
from bintally.pages.sessions import Session
from deploy.fleet.page.frame import member_page
from deploy.fleet.page.glance import Glance, Row
from deploy.fleet.page.query import ROWS, WORKING, Query, chosen, model_name, pages
from deploy.fleet.page.rollouts import ended_list, log_table, rollout_panel
from deploy.fleet.rollout.shown import ago

_COLUMNS = {
    "station": "Station",
    "state": "State",
    "model": "Model",
    "phase": "Phase",
    "rate": "Counts/h",
    "unsure": "Unsure",
    "outbox": "Outbox",
    "seen": "Seen",
    "trouble": "Trouble",
}
_FIGURES = ("rate", "unsure", "outbox", "seen")
_STATE = {"online": "good", "lost": "bad", "silent": "bad"}
_PHASE = {"failed": "bad", "rolled_back": "bad", "rejected": "bad"}


def stations_page(query: Query, glance: Glance, session: Session) -> Html:
    """What the fleet does, and the stations that are asked for."""
    return member_page(
        "Stations",
        session,
        glance.at,
        _controller(glance),
        _figures(glance.stations),
        *(rollout_panel(one, glance, session) for one in glance.rollouts),
        _table_panel(query, glance),
        ended_list(glance.ended),
        panel("Who did what", log_table(glance.log), tag("p", tag("a", "The whole log", href="/log")), id_="log"),
    )


def _controller(glance: Glance) -> Html:
    text = "Nobody moves roll-outs, and what is shown here is old: start 'bintally fleet run'."
    words = None if glance.controller else tag("p", text, class_="notice bad")
    return tag("div", words, id="controller", data_live=True)


def _figures(stations: Sequence[Row]) -> Html:
    """How many, how many of them here, in trouble, at work on an update; and on which model."""
    states, models = Counter(row["state"] for row in stations), Counter(map(model_name, stations))
    trouble, working = sum(bool(row["troubles"]) for row in stations), sum(row["phase"] in WORKING for row in stations)
    facts = (
        fact("Stations", tag("a", len(stations), href="/")),
        *(fact(state.capitalize(), tag("a", count, href=Query(state=state).address())) for state, count in states.most_common()),
        fact(
            "In trouble",
            tag("a", trouble, href=Query(trouble="1", sort="trouble").address()),
            class_="bad" if trouble else "good",
        ),
        fact("Updating", tag("a", working, href=Query(phase="working").address())),
        *(
            fact(name or "no model", tag("a", count, href=Query(model=name).address()) if name else str(count), class_="model")
            for name, count in sorted(models.items(), key=lambda one: (-one[1], one[0]))
        ),
    )
    return tag("section", listed(facts), class_="panel figures", id="figures", data_live=True)


def _table_panel(query: Query, glance: Glance) -> Html:
    found = chosen(query, glance.stations)
    page, last, shown = pages(query, len(found))
    of = f"{len(found)} of {len(glance.stations)} stations" if query.is_filtered else f"{len(found)} stations"
    rows = [_row(found[number], glance.at) for number in shown]
    nothing = tag("p", "No station is like that." if query.is_filtered else "No station was heard yet.", class_="quiet")
    live = (
        tag("div", tag("h2", of), _pager(query, page, last), class_="between"),
        table([_heading(query, name) for name in _COLUMNS], rows, "stations") if rows else nothing,
        _pager(query, page, last) if last > 1 else None,
    )
    return tag("section", _filter(query, glance), tag("div", *live, id="table", data_live=True), class_="panel")


def _filter(query: Query, glance: Glance) -> Html:
    """Which stations; the sites, models, phases and labels that there are to choose from."""
    stations = glance.stations
    pairs = sorted({f"{key}={value}" for labels in glance.labels.values() for key, value in labels.items()})
    fields = (
        _field("Name", tag("input", name="text", value=query.text, type="search", placeholder="part of it")),
        _select("Site", "site", query.site, (row["station"].partition("/")[0] for row in stations)),
        _select("State", "state", query.state, (row["state"] for row in stations)),
        _select("Model", "model", query.model, map(model_name, stations)),
        _select("Phase", "phase", query.phase, (*(row["phase"] or "" for row in stations), "working")),
        _select("Label", "label", query.label, pairs) if pairs else None,
        _field("In trouble", tag("input", name="trouble", value="1", type="checkbox", checked=bool(query.trouble))),
        tag("input", type="hidden", name="sort", value=query.sort),
        _field("Rows", tag("select", (tag("option", n, value=n, selected=n == query.rows) for n in ROWS), name="rows")),
        tag("button", "Show", class_="small"),
        tag("a", "All", href="/") if query.is_filtered else None,
    )
    return tag("form", *fields, method="get", action="/", class_="filter")


def _field(name: str, control: Html) -> Html:
    return tag("label", tag("span", name), control)


def _select(name: str, field: str, value: str, found: Iterable[str]) -> Html:
    known = sorted({*found, value} - {""})
    options = (tag("option", one, selected=one == value) for one in known)
    return _field(name, tag("select", tag("option", "any", value=""), options, name=field))


def _heading(query: Query, name: str) -> Html:
    """A column's name; a click sorts by it, another one the other way round."""
    up, down = query.sort == name, query.sort == f"-{name}"
    link = tag("a", _COLUMNS[name], href=query.address(sort=f"-{name}" if up else name))
    kind = "num" if name in _FIGURES else None
    return tag("th", link, class_=kind, aria_sort="ascending" if up else "descending" if down else None)


def _row(row: Row, now: float) -> Html:
    labels = " ".join(f"{key}={value}" for key, value in sorted(row["labels"].items()))
    unsure, rate, seen = row["unsure_share"], row["counts_per_hour"], row["seen_at"]
    cells: tuple[Content, ...] = (
        tag("th", row["station"], tag("small", labels) if labels else None, scope="row"),
        tag("td", row["state"], class_=_STATE.get(row["state"], "warn")),
        tag("td", model_name(row)),
        tag("td", (row["phase"] or "").replace("_", " "), class_=_PHASE.get(row["phase"])),
        tag("td", "" if rate is None else f"{rate:.0f}"),
        tag("td", "" if unsure is None else f"{unsure:.1%}"),
        tag("td", row["outbox_depth"]),
        tag("td", "" if seen is None else ago(now - seen)),
        tag("td", "; ".join(row["troubles"])),
    )
    return tag("tr", cells)


def _pager(query: Query, page: int, last: int) -> Html | None:
    if last == 1:
        return None
    before = tag("a", "‹ before", href=query.address(page=page - 1), rel="prev") if page > 1 else None
    after = tag("a", "next ›", href=query.address(page=page + 1), rel="next") if page < last else None
    return tag("nav", before, tag("span", f"page {page} of {last}"), after, class_="pager")
