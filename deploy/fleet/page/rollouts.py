"""Roll-outs as HTML: how far they are, cohort by cohort, and the buttons that stop them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from bintally.pages.frame import clock, fact, form, listed, panel, table
from bintally.pages.html import Content, Html, tag
from bintally.pages.sessions import Session
from deploy.fleet.page.frame import member_page
from deploy.fleet.page.glance import Glance
from deploy.fleet.rollout.cohorts import selected, size
from deploy.fleet.rollout.plan import OPEN, Rollout
from deploy.fleet.rollout.shown import rollout_json
from deploy.fleet.rollout.store import Ended, Entry

_STANDINGS = ("active", "busy", "failed", "silent", "lost", "away", "other")
_BAD = ("failed", "silent", "lost")
_MOST_STATIONS = 500


def rollout_panel(rollout: Rollout, glance: Glance, session: Session) -> Html:
    """A roll-out that is open, or was: its state, its cohorts, its buttons."""
    shown = rollout_json(rollout, glance.views, glance.at, stations=True)
    facts = (
        fact("Status", rollout.status, class_=_kind(rollout.status)),
        fact("Cohort", f"{shown['cohort'] or 0} of {shown['cohorts']}"),
        fact("Given", f"{shown['given']} stations" + (f", {shown['given_back']} taken back" if shown["given_back"] else "")),
        fact("Begun", f"{clock(rollout.began_at)} by {rollout.who}"),
        fact("For", _scope(rollout)),
    )
    title = tag("a", f"{rollout.plan.name} {rollout.plan.version}", href=address(rollout.id))
    head = tag("h2", title, tag("span", rollout.id, class_="quiet id"))
    body = (head, listed(facts), tag("p", rollout.why, class_="why"), _cohorts(rollout, shown["stations"], glance))
    return tag(
        "section", *body, _buttons(rollout, session), class_=f"panel rollout {rollout.status}", id=f"rollout-{rollout.id}", data_live=True
    )


def rollout_page(rollout: Rollout, glance: Glance, session: Session) -> Html:
    """A roll-out with its stations."""
    shown = rollout_json(rollout, glance.views, glance.at, stations=True)["stations"]
    bad_first = sorted(shown, key=lambda one: (one["standing"] not in _BAD, one["standing"] == "active"))
    rows = [
        tag(
            "tr",
            tag("td", one["source"]),
            tag("td", one["cohort"], class_="num"),
            tag("td", one["standing"], class_=_standing_kind(one["standing"])),
            tag("td", one["revision"], class_="num"),
            tag("td", "yes" if one["back"] else ""),
            tag("td", _reason(glance, one["source"]), class_="wide"),
        )
        for one in bad_first[:_MOST_STATIONS]
    ]
    names = ("Station", "Cohort", "Standing", "Revision", "Taken back", "What it says")
    heading = [tag("th", name, class_="num" if name in ("Cohort", "Revision") else None) for name in names]
    more = tag("p", f"… and {len(shown) - _MOST_STATIONS} more", class_="quiet") if len(shown) > _MOST_STATIONS else None
    stations = panel(f"{len(shown)} stations", table(heading, rows, "tall"), more, id_="stations")
    return member_page(rollout.id, session, glance.at, rollout_panel(rollout, glance, session), stations)


def ended_list(ended: Sequence[Ended]) -> Html | None:
    """Roll-outs that are over."""
    if not ended:
        return None
    rows = [
        tag(
            "tr",
            tag("td", tag("a", one.id, href=address(one.id))),
            tag("td", one.status, class_=_kind(one.status)),
            tag("td", one.why, class_="wide"),
            tag("td", one.who),
            tag("td", clock(one.began_at)),
        )
        for one in ended
    ]
    return panel(
        "Earlier roll-outs", table([tag("th", name) for name in ("Roll-out", "Ended", "Why", "Begun by", "Begun")], rows), id_="ended"
    )


def log_table(entries: Sequence[Entry]) -> Html:
    """Who did what."""
    rows = [
        tag("tr", tag("td", clock(one.at)), tag("td", one.who), tag("td", one.what), tag("td", one.detail, class_="wide"))
        for one in entries
    ]
    return table([tag("th", name) for name in ("When", "Who", "What", "Of what")], rows)


def address(rollout: str) -> str:
    """Where a roll-out's page is."""
    return f"/rollout/{quote(rollout, safe='')}"


def _scope(rollout: Rollout) -> str:
    plan = rollout.plan
    words = [*plan.sites, *(f"{key}={value}" for key, value in sorted(plan.labels.items()))]
    return ", ".join(words) or "all stations"


def _cohorts(rollout: Rollout, stations: Sequence[Mapping[str, Any]], glance: Glance) -> Html:
    """A line for each cohort: those that came, with how their stations stand, and those that are to come."""
    by_cohort: dict[int, Counter[str]] = {}
    for one in stations:
        by_cohort.setdefault(one["cohort"], Counter())[one["standing"]] += 1
    chosen = len(selected(rollout.plan, glance.views, glance.labels))
    used = [name for name in _STANDINGS if any(counts[name] for counts in by_cohort.values())]
    rows = [
        tag(
            "tr",
            tag("td", number + 1, class_="num"),
            tag("td", _upto(rollout, number, chosen), class_="num"),
            tag("td", _bar(by_cohort.get(number + 1, Counter())), class_="bars"),
            *(tag("td", by_cohort.get(number + 1, Counter())[name] or "", class_=f"num {_standing_kind(name)}") for name in used),
            class_="now" if rollout.cohort and rollout.cohort.number == number and rollout.status in OPEN else None,
        )
        for number in range(len(rollout.plan.shares))
    ]
    heading = [tag("th", name, class_="num" if name else None) for name in ("Cohort", "Stations by then", "", *used)]
    return table(heading, rows, "cohorts")


def _upto(rollout: Rollout, number: int, chosen: int) -> str:
    count = size(rollout.plan, number, chosen)
    return f"{chosen if count is None else count} ({rollout.plan.shares[number]:.0%})"


def _bar(counts: Counter[str]) -> Html | None:
    """How the stations of a cohort stand, as shares of its length; attributes and no styles, which the page's own policy forbids."""
    total, at, parts = sum(counts.values()), 0.0, []
    for name in _STANDINGS:
        width = 100 * counts[name] / total if total else 0.0
        if width:
            parts.append(tag("rect", x=f"{at:.2f}", y=0, width=f"{width:.2f}", height=10, class_=f"part-{name}"))
            at += width
    words = ", ".join(f"{counts[name]} {name}" for name in _STANDINGS if counts[name])
    return tag("svg", *parts, viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=words) if total else None


def _buttons(rollout: Rollout, session: Session) -> Html | None:
    """Pause at once; what cannot be undone asks for a second click, without any script."""
    if rollout.status == "returning":
        return tag("p", "It is being taken back; nothing can be ordered meanwhile.", class_="quiet")
    if rollout.status not in OPEN:
        return None

    def button(order: str, text: str, class_: str = "") -> Html:
        return form(f"{address(rollout.id)}/{order}", session, tag("button", text, class_=class_))

    first = button("pause", "Pause", "stop") if rollout.status == "running" else button("resume", "Resume", "primary")
    end = tag(
        "details",
        tag("summary", "End it…"),
        tag(
            "div",
            button("roll-back", "Abort and roll back", "stop"),
            tag("p", "All its stations get what they had before."),
            class_="choice",
        ),
        tag("div", button("abort", "Abort"), tag("p", "Stations keep what they have; nothing more is given."), class_="choice"),
    )
    return tag("div", first, end, class_="buttons")


def _kind(status: str) -> str:
    return {"running": "good", "done": "good", "halted": "bad", "returning": "bad"}.get(status, "warn")


def _standing_kind(standing: str) -> str:
    return "good" if standing == "active" else "bad" if standing in _BAD else standing


def _reason(glance: Glance, source: str) -> Content:
    view = glance.views.get(source)
    reported = view.reported if view else None
    return f"{reported.phase}{f': {reported.reason}' if reported.reason else ''}" if reported else None
