"""Judge the bins of a site of which something was heard: their views, and the discrepancies that follow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse.discrepancies.belief import Judged
from warehouse.discrepancies.rules import Outcome, Rules, step
from warehouse.ledger import fold, views
from warehouse.ledger.case_rows import SETTLED, Case, Change, open_cases, write
from warehouse.ledger.fold import View
from warehouse.ledger.tables import SITES

_TOLD = 0.2
"""A discrepancy whose cost changed by a larger share is told again; smaller changes would only be noise to people."""


def settle_views(
    tx: sa.Connection,
    site: str,
    changed: Mapping[str, View],
    rules: Rules,
    now: datetime,
    rebooked: Collection[str] = (),
    columns: Sequence[str] = views.NAMES,
) -> None:
    """Judge views that facts have changed, write them, and open, change or settle their discrepancies.

    Each bin is judged once, by all that is known then: what the middle of a station's backlog would have raised, and its end settles, alarms nobody.

    Args:
        tx: in which the site's turn was taken.
        site: of all of them.
        changed: bin → its view, not judged yet.
        rules: when a discrepancy is opened and settled.
        now: aware, UTC.
        rebooked: bins of which the books say something else now; their discrepancies are superseded, unless they are as wrong as before.
        columns: that may have changed.
    """
    share = wrong_share(tx, site, rules)
    judged = {bin_: fold.judged(view, share) for bin_, view in changed.items()}
    views.save(tx, judged.values(), columns)
    cases = open_cases(tx, site, [bin_ for bin_, view in judged.items() if view.belief is not None or bin_ in rebooked])
    pairs = [(view, cases.get(bin_), bin_ in rebooked) for bin_, view in judged.items()]
    write(tx, [change for view, case, is_rebooked in pairs for change in _changes(view, case, rules, now, is_rebooked)], now)


def wrong_share(tx: sa.Connection, site: str, rules: Rules) -> float:
    """The share of a site's bins about which the books are wrong: its own, else the rules'."""
    own: float | None = tx.execute(sa.select(SITES.c.wrong_share).where(SITES.c.site == site)).scalar()
    return rules.wrong_share if own is None else own


def _changes(view: View, case: Case | None, rules: Rules, now: datetime, is_rebooked: bool) -> Iterator[Change]:
    """What the rules say, as at most one change."""
    if case is not None and is_rebooked:
        # who is on the way need not turn back because something was picked meanwhile
        still_wrong = (view.p_wrong or 0.0) >= rules.mismatch
        yield (
            Change(case, "changed", "books", {**_figures(view), "kind": "mismatch"}) if still_wrong else _settled(case, None, "superseded")
        )
        return
    judged = None if view.p_wrong is None else Judged(view.p_wrong, view.likely or 0, view.cost)
    found = step(None if case is None else case.kind, judged, bool(view.unsure), rules)
    if found is None:
        if case is not None and abs(view.cost - case.cost) > _TOLD * case.cost:
            yield Change(case, "changed", "counts", _figures(view))
    elif found.kind is None:
        if case is not None:
            yield _settled(case, view, found.outcome)
    elif case is None:
        yield Change(
            Case(0, view.site, view.bin, found.kind, "open", **_figures(view), opened_at=now, changed_at=now), "opened", "counts", {}
        )
    else:
        yield Change(case, "changed", "counts", {**_figures(view), "kind": found.kind})


def _settled(case: Case, view: View | None, outcome: Outcome | None) -> Change:
    who = "counts" if outcome == "counted away" else "books"
    figures = _figures(view) if view is not None and outcome == "counted away" else {}
    return Change(case, "settled", who, {**figures, "state": SETTLED, "settled_by": who, "outcome": outcome})


def _figures(view: View) -> dict[str, Any]:
    """Of the discrepancy, by the newest count."""
    return {name: getattr(view, name) for name in ("expected", "likely", "cost", "source", "event_id")} | {"p_wrong": view.p_wrong or 0.0}
