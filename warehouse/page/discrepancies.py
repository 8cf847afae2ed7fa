"""Discrepancies, the costliest first: one is looked at, the others stand beside it (pure)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from bintally.pages.frame import clock, fact, form, listed, panel, table
from bintally.pages.html import Content, Html, tag
from warehouse.ledger.audit import Line
from warehouse.ledger.case_rows import SETTLED, Case
from warehouse.ledger.cases import Listed
from warehouse.ledger.fold import View
from warehouse.page.bars import bars
from warehouse.page.bin import quantity_field
from warehouse.page.frame import SCRIPTS, Visit, address, ago, evidence, ledger_page, where
from warehouse.page.standing import sign

KINDS = {"mismatch": "Books wrong", "unsure": "Somebody should look"}
_HEADING = tag("li", (tag("span", words) for words in ("", "Bin", "Books → counts", "Wrong", "Cost")), class_="heading", aria_hidden="true")
_KEYS = (("j k", "next, previous"), ("0–9 Enter", "so many are in it"), ("a", "the books are right"))


@dataclass(frozen=True)
class Asked:
    """Which discrepancies; what stands in the address.

    Attributes:
        zone, kind: only those; empty: all.
    """

    zone: str = ""
    kind: str = ""

    def address(self, visit: Visit, number: int | None) -> str:
        """Where one of them is looked at."""
        return address("/discrepancies", site=visit.site, zone=self.zone, kind=self.kind, number=number)


@dataclass(frozen=True)
class Shown:
    """One that is looked at.

    Attributes:
        view: of its bin.
        wrong_share: of the site's bins, before anything is counted.
        history: all that happened to it.
        has_picture: whether its picture is here.
    """

    listed: Listed
    view: View
    wrong_share: float
    history: Sequence[Line]
    has_picture: bool


def discrepancies_page(visit: Visit, asked: Asked, rows: Sequence[Listed], more: bool, shown: Shown | None, zones: Sequence[str]) -> Html:
    """The list, and the one that is looked at.

    Args:
        visit: who looks.
        asked: which they want to see.
        rows: those, the costliest first.
        more: whether there are still others.
        shown: the one.
        zones: that there are to choose from.
    """
    number = shown.listed.case.number if shown else None
    nothing = tag("p", "The books and the counts agree.", class_="quiet")
    count = f"{len(rows)}{' and more' if more else ''} to look into"
    lines = tag("ol", _HEADING, (_row(visit, asked, one, number) for one in rows), class_="cases") if rows else nothing
    found = panel(count, lines, id_="list")
    filter_ = _filter(visit, asked, zones)
    looked = _case(visit, asked, shown, following(rows, number)) if shown else None
    body = (
        tag("div", tag("div", looked, class_="stack"), tag("div", filter_, found, class_="stack"), class_="two work")
        if looked
        else (filter_, found)
    )
    return ledger_page(visit, "Discrepancies", "/discrepancies", body, scripts=SCRIPTS)


def following(rows: Sequence[Listed], number: int | None) -> int | None:
    """Which one comes after; from the end, the first one; None: no other is left."""
    numbers = [one.case.number for one in rows]
    if number in numbers:
        at = numbers.index(number)
        numbers = [*numbers[at + 1 :], *numbers[:at]]
    return numbers[0] if numbers else None


def outcome(case: Case) -> str:
    """How it stands, in a sentence."""
    if case.state == SETTLED:
        found = "" if case.found is None else f"; {case.found} found"
        return f"Settled by {case.settled_by}: {case.outcome}{found}"
    return f"{case.assigned_to} goes to look" if case.state == "recount" else "Nobody was sent yet"


def _filter(visit: Visit, asked: Asked, zones: Sequence[str]) -> Html:
    kinds = (tag("option", words, value=kind, selected=kind == asked.kind) for kind, words in KINDS.items())
    some = (tag("option", one, selected=one == asked.zone) for one in zones)
    return tag(
        "form",
        tag("input", type="hidden", name="site", value=visit.site or ""),
        tag("label", tag("span", "Which"), tag("select", tag("option", "all", value=""), kinds, name="kind")),
        tag("label", tag("span", "Zone"), tag("select", tag("option", "all", value=""), some, name="zone")) if zones else None,
        tag("button", "Show", class_="small"),
        method="get",
        action="/discrepancies",
        class_="filter",
    )


def _row(visit: Visit, asked: Asked, one: Listed, number: int | None) -> Html:
    case = one.case
    kind = "recount" if case.state == "recount" else "wrong" if case.kind == "mismatch" else "unsure"
    counts = tag("span", f"{_books(case.expected)} → {_books(case.likely)}", class_="num")
    content = (
        sign(kind),
        tag("strong", case.bin),
        counts,
        tag("span", f"{case.p_wrong:.0%}", class_="num"),
        tag("span", f"{case.cost:.2f}", class_="num"),
    )
    link = tag("a", *content, href=asked.address(visit, case.number), aria_current="true" if case.number == number else None)
    return tag("li", link)


def _case(visit: Visit, asked: Asked, shown: Shown, then: int | None) -> Content:
    one, case = shown.listed, shown.listed.case
    kind = "right" if case.state == SETTLED else "recount" if case.state == "recount" else "wrong" if case.kind == "mismatch" else "unsure"
    link = tag("a", case.bin, href=address("/bin", site=case.site, bin=case.bin))
    facts = listed(
        (
            fact("Books", _books(case.expected)),
            fact("Probably", _books(case.likely)),
            fact("That they are wrong", f"{case.p_wrong:.0%}"),
            fact("Expected cost", f"{case.cost:.2f}"),
            fact("Article", one.article or "unknown"),
            fact("Place", where(one.place)),
            fact("Open since", ago(visit, case.opened_at)),
        )
    )
    how = tag("p", outcome(case), class_="quiet")
    picture = tag("div", evidence(case.source, one.evidence, shown.has_picture), class_="frame")
    head = tag("h2", sign(kind), link, tag("span", f"no. {case.number}", class_="quiet"))
    looked = tag(
        "section",
        head,
        tag("div", picture, tag("div", facts, bars(shown.view, shown.wrong_share), how, class_="stack"), class_="look"),
        class_="panel",
        id="case",
        data_live=True,
    )
    return looked, _orders(visit, asked, case, then), _history(shown.history)


def _orders(visit: Visit, asked: Asked, case: Case, then: int | None) -> Html | None:
    skip = tag("a", "Next one", href=asked.address(visit, then), class_="button", id="next") if then is not None else None
    if case.state == SETTLED or not visit.may_correct:
        return tag("section", tag("div", skip, class_="buttons"), class_="panel") if skip else None
    names = {"zone": asked.zone, "kind": asked.kind, "then": "" if then is None else str(then)}
    hidden = [tag("input", type="hidden", name=name, value=value) for name, value in names.items()]
    target = f"/discrepancies/{case.number}"
    accept = [tag("input", type="hidden", name=name, value=case.expected) for name in ("quantity", "books")]
    right = form(target, visit.session, *hidden, accept, tag("button", f"The books are right: {case.expected}"), id_="accept")
    fields = (quantity_field(), tag("button", "are in it", class_="primary"))
    found = form(target, visit.session, *hidden, tag("div", *fields, class_="found"), id_="found")
    keys = tag("p", *((tag("kbd", key), f" {what} ") for key, what in _KEYS), class_="quiet keys")
    return tag(
        "section", tag("div", right if case.expected is not None else None, found, skip, class_="buttons"), keys, class_="panel orders"
    )


def _history(lines: Sequence[Line]) -> Html:
    rows = [
        tag("tr", tag("td", clock(one.at.timestamp())), tag("td", one.who), tag("td", one.what), tag("td", _detail(one), class_="wide"))
        for one in reversed(lines)
    ]
    return panel("What happened to it", table([tag("th", name) for name in ("When", "Who", "What", "")], rows), id_="history")


def _detail(line: Line) -> str:
    """What a line says, in a few words."""
    told = json.loads(line.detail)
    parts = (
        "" if told.get("p_wrong") is None else f"wrong with {told['p_wrong']:.0%}",
        "" if told.get("likely") is None else f"probably {told['likely']}",
        "" if not told.get("assigned_to") else f"to {told['assigned_to']}",
        "" if not told.get("outcome") else told["outcome"],
        "" if told.get("found") is None else f"{told['found']} found",
    )
    return ", ".join(part for part in parts if part)


def _books(quantity: int | None) -> str:
    return "?" if quantity is None else str(quantity)
