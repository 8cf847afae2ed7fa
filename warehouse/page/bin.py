"""One bin: what was counted, what the books say, what is believed (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bintally.pages.frame import clock, fact, form, listed, panel, table
from bintally.pages.html import Html, tag
from warehouse.ledger.bins import Bin
from warehouse.ledger.counts import Count
from warehouse.ledger.fold import View
from warehouse.page.bars import bars
from warehouse.page.frame import Visit, address, ago, evidence, ledger_page, where
from warehouse.page.standing import WORDS, sign

LONGEST = 6
"""Digits of a quantity."""


@dataclass(frozen=True)
class Shown:
    """All that is shown of a bin.

    Attributes:
        counts: the newest.
        wrong_share: of the site's bins, before anything is counted.
        standing: a key of ``WORDS``.
        has_picture: whether that of its newest count is here.
    """

    bin: Bin
    counts: Sequence[Count]
    wrong_share: float
    standing: str
    has_picture: bool


def bin_page(visit: Visit, shown: Shown) -> Html:
    """How it stands, what was seen, and how it came to be so."""
    view = shown.bin.view
    head = tag("h2", sign(shown.standing), view.bin, tag("span", WORDS[shown.standing], class_="quiet"))
    looked = tag("section", head, _facts(visit, shown), _belief(shown), _case(visit, shown), class_="panel", id="bin", data_live=True)
    picture = tag("section", tag("h2", "Newest picture"), evidence(view.source, view.evidence, shown.has_picture), class_="panel")
    left, right = (looked, _history(shown.counts)), (picture, _correct(visit, view))
    both = tag("div", tag("div", left, class_="stack"), tag("div", right, class_="stack"), class_="two")
    return ledger_page(visit, view.bin, "/", both)


def answer(view: View | Count) -> str:
    """What a count said."""
    if view.unsure:
        return "unsure"
    return f"{view.at_least} or more" if view.at_least is not None else "nothing" if view.counted is None else str(view.counted)


def quantity_field(autofocus: bool = False) -> Html:
    """Asks for a number of items."""
    return tag(
        "input",
        name="quantity",
        inputmode="numeric",
        pattern="[0-9]*",
        maxlength=LONGEST,
        autocomplete="off",
        required=True,
        size=5,
        autofocus=autofocus,
        aria_label="Items in the bin",
    )


def _facts(visit: Visit, shown: Shown) -> Html:
    view = shown.bin.view
    counted = "never" if view.taken_at is None else f"{answer(view)}, {ago(visit, view.taken_at)}"
    corrected = view.expected_at is not None and view.booked_at is not None and view.expected != view.booked
    told = f" (the books themselves said {view.booked})" if corrected and view.booked is not None else ""
    return listed(
        (
            fact("Counted", counted),
            fact("Books", "nothing" if view.expected is None else f"{view.expected}{told}"),
            fact("Probably", "?" if view.likely is None else view.likely),
            fact(
                "That they are wrong",
                "?" if view.p_wrong is None else f"{view.p_wrong:.0%}",
                class_="bad" if (view.p_wrong or 0) >= 0.5 else None,
            ),
            fact("Expected cost", f"{view.cost:.2f}"),
            fact("Article", view.article or "unknown"),
            fact("Place", where(shown.bin.place)),
        )
    )


def _belief(shown: Shown) -> Html:
    found = bars(shown.bin.view, shown.wrong_share)
    if found is None:
        return tag("p", "Nothing was counted since the books have said so.", class_="quiet")
    return tag(
        "figure", found, tag("figcaption", "What is in the bin, by counts and books; underlined: what the books say", class_="quiet")
    )


def _case(visit: Visit, shown: Shown) -> Html | None:
    case = shown.bin.case
    if case is None:
        return None
    gone = f"; {case.assigned_to} goes to look" if case.assigned_to else ""
    link = tag("a", f"Discrepancy {case.number}", href=address("/discrepancies", site=visit.site, number=case.number))
    return tag("p", link, f", open for {ago(visit, case.opened_at).removesuffix(' ago')}{gone}")


def _correct(visit: Visit, view: View) -> Html | None:
    if not visit.may_correct:
        return None
    names = (tag("input", type="hidden", name=name, value=value) for name, value in (("site", view.site), ("bin", view.bin)))
    fields = tag("div", tag("label", "I found ", quantity_field()), tag("button", "Correct the books", class_="primary"), class_="buttons")
    why = tag("p", "The books are held to it from now on; the log says who said so.", class_="quiet")
    return tag("section", tag("h2", "Who looked into it"), form("/bin", visit.session, *names, fields), why, class_="panel")


def _history(counts: Sequence[Count]) -> Html:
    rows = [
        tag(
            "tr",
            tag("td", clock(one.taken_at.timestamp())),
            tag("td", answer(one)),
            tag("td", f"{one.confidence:.0%}", class_="num"),
            tag("td", one.trigger),
            tag("td", one.source),
            tag("td", one.model),
            tag("td", f"{(one.received_at - one.taken_at).total_seconds():.1f} s", class_="num"),
        )
        for one in counts
    ]
    names = ("Taken", "Counted", "Sure", "Why", "Station", "Model", "Came after")
    heading = [tag("th", name, class_="num" if name in ("Sure", "Came after") else None) for name in names]
    nothing = tag("p", "It was never counted.", class_="quiet")
    title = f"The newest {len(counts)} counts" if len(counts) > 1 else "Counts"
    return panel(title, table(heading, rows) if rows else nothing, id_="history")
