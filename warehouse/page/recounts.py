"""Who goes where: a tour to the costliest discrepancies under a time limit, and what was found at each stop (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bintally.errors import InputError
from bintally.pages.frame import fact, form, listed, some
from bintally.pages.html import Content, Html, tag
from warehouse.ledger.cases import Listed
from warehouse.page.bin import quantity_field
from warehouse.page.frame import SCRIPTS, Visit, address, ledger_page, where
from warehouse.page.standing import sign

_LEAST, _MOST = 0.01, 1440.0


@dataclass(frozen=True)
class Asked:
    """How long somebody may be on the way, as it stands in the address.

    Attributes:
        minutes: for the whole tour.
        walk_m_s: walking speed.
        look_s: to look into a bin and count it.
    """

    minutes: float = 30.0
    walk_m_s: float = 1.4
    look_s: float = 15.0


@dataclass(frozen=True)
class Tour:
    """A walk as the page shows it.

    Attributes:
        stops: in the sequence of the walk; without planners by place.
        length_m, seconds, cost: of it; None: nobody planned it.
        left_out: how many discrepancies are not on it, by the reason.
    """

    stops: Sequence[Listed]
    length_m: float | None = None
    seconds: float | None = None
    cost: float | None = None
    left_out: Mapping[str, int] | None = None


def read_asked(given: Mapping[str, str]) -> Asked:
    """Read what stands in an address.

    Raises:
        InputError: a value is no number above 0.
    """
    values = {}
    for name, words in (("minutes", "minutes"), ("walk_m_s", "walking speed"), ("look_s", "seconds for a look")):
        text = given.get(name, "").strip()
        if text:
            values[name] = _number(words, text)
    return Asked(**values)


def _number(words: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not _LEAST <= number <= _MOST:
        raise InputError(f"{words}: {text[:40]!r} is no number from {_LEAST:g} to {_MOST:g}")
    return number


def recounts_page(visit: Visit, asked: Asked, mine: Tour, planned: Tour | None, cannot: str | None) -> Html:
    """My recounts, else one that I could walk.

    Args:
        visit: who looks.
        asked: of the tour that is planned.
        mine: what this person has been sent to.
        planned: what they could walk; None: they have a tour already, or none can be planned.
        cannot: why none can be planned.
    """
    parts: Content
    if mine.stops:
        parts = _two(_stops(visit, mine), _picture(visit, asked, mine, mine=True))
    elif planned is not None:
        parts = (_plan_form(visit, asked), _two(_planned(visit, planned), _picture(visit, asked, planned, mine=False)))
    else:
        parts = tag("section", tag("h2", "No tour"), tag("p", cannot), class_="panel")
    # a tour that is planned stays as it is until somebody takes it or asks for another one
    return ledger_page(visit, "Recounts", "/recounts", parts, scripts=SCRIPTS if mine.stops else SCRIPTS[1:])


def _two(first: Content, second: Content) -> Html:
    return tag("div", tag("div", first, class_="stack"), tag("div", second, class_="stack"), class_="two")


def _plan_form(visit: Visit, asked: Asked) -> Html:
    def field(words: str, name: str, value: float) -> Html:
        control = tag("input", name=name, value=f"{value:g}", inputmode="decimal", size=5, required=True)
        return tag("label", tag("span", words), control)

    fields = (
        tag("input", type="hidden", name="site", value=visit.site or ""),
        field("Minutes", "minutes", asked.minutes),
        field("Walking, m/s", "walk_m_s", asked.walk_m_s),
        field("Seconds a look", "look_s", asked.look_s),
        tag("button", "Plan", class_="small"),
    )
    return tag("section", tag("form", *fields, method="get", action="/recounts", class_="filter"), class_="panel")


def _planned(visit: Visit, planned: Tour) -> Html:
    if not planned.stops:
        return tag(
            "section", tag("h2", "Nothing to recount"), tag("p", _left_out(planned) or "The books and the counts agree."), class_="panel"
        )
    numbers = ",".join(str(one.case.number) for one in planned.stops)
    go = form(
        "/recounts/go",
        visit.session,
        tag("input", type="hidden", name="site", value=visit.site or ""),
        tag("input", type="hidden", name="numbers", value=numbers),
        tag("button", "I go", class_="primary wide"),
    )
    left = tag("p", _left_out(planned), class_="quiet") if _left_out(planned) else None
    rows = tag("ol", (_line(visit, one) for one in planned.stops), class_="stops")
    return tag(
        "section",
        tag("h2", f"{some(len(planned.stops), 'bin')} to look into"),
        _figures(planned),
        go if visit.may_correct else None,
        rows,
        left,
        class_="panel",
    )


def _stops(visit: Visit, mine: Tour) -> Html:
    """Each with buttons for what was found there."""
    lines = (tag("li", _head(visit, one), _buttons(visit, one), id=f"stop-{one.case.number}") for one in mine.stops)
    title = tag("h2", f"{some(len(mine.stops), 'bin')} left on my way")
    return tag("section", title, _figures(mine), tag("ol", lines, class_="stops mine"), class_="panel", id="mine", data_live=True)


def _figures(tour: Tour) -> Html | None:
    if tour.length_m is None or tour.seconds is None or tour.cost is None:
        return None
    minutes = f"{tour.seconds / 60:.0f} min" if tour.seconds >= 60 else f"{tour.seconds:.0f} s"
    return listed((fact("Way", f"{tour.length_m:.0f} m"), fact("Time", minutes), fact("Expected cost", f"{tour.cost:.2f}")))


def _line(visit: Visit, one: Listed) -> Html:
    return tag("li", _head(visit, one))


def _head(visit: Visit, one: Listed) -> Html:
    case = one.case
    name = tag("a", case.bin, href=address("/discrepancies", site=visit.site, number=case.number))
    books = f"books {_items(case.expected)}, probably {_items(case.likely)}"
    kind = "wrong" if case.kind == "mismatch" else "unsure"
    return tag("div", sign(kind), tag("strong", name), tag("span", where(one.place)), tag("span", books, class_="quiet"), class_="stop")


def _buttons(visit: Visit, one: Listed) -> Html | None:
    if not visit.may_correct:
        return None
    case, target = one.case, f"/discrepancies/{one.case.number}"
    back = tag("input", type="hidden", name="back", value="recounts")

    def told(quantity: int) -> Html:
        return form(target, visit.session, back, tag("input", type="hidden", name="quantity", value=quantity), tag("button", quantity))

    likely = sorted({quantity for quantity in (case.expected, case.likely, *_around(case.likely)) if quantity is not None})
    other = form(target, visit.session, back, tag("div", quantity_field(), tag("button", "are in it", class_="primary"), class_="found"))
    leave = form(f"/recounts/{case.number}/release", visit.session, tag("button", "Leave it", class_="small"))
    return tag("div", tag("span", "I found", class_="quiet"), *(told(one) for one in likely), other, leave, class_="buttons")


def _around(likely: int | None) -> range:
    """What may be in it as well."""
    return range(0) if likely is None else range(max(0, likely - 1), likely + 2)


def _picture(visit: Visit, asked: Asked, tour: Tour, *, mine: bool) -> Html | None:
    if tour.length_m is None or not tour.stops:
        return None
    given = {"mine": "1"} if mine else {name: f"{value:g}" for name, value in vars(asked).items()}
    picture = tag("img", src=address("/recounts/picture", site=visit.site, **given), alt="The way through the aisles", class_="way")
    return tag("section", tag("h2", "The way"), picture, class_="panel")


def _left_out(tour: Tour) -> str:
    words = {"no time": "beyond the time", "no place": "without a place in the layout"}
    parts = [f"{count} {words.get(reason, reason)}" for reason, count in (tour.left_out or {}).items() if count]
    return f"Not on it: {', '.join(parts)}." if parts else ""


def _items(quantity: int | None) -> str:
    return "?" if quantity is None else str(quantity)
