"""What ``bintally pick batch`` prints."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bintally.layouts.clock import clock
from warehouse.pick.batch.plan import Plan
from warehouse.pick.batch.schedule import ON_TIME_S, Batch, Turn

_NARROWEST = 40
"""Columns of the orders' names, however narrow the terminal."""


@dataclass(frozen=True)
class Shown:
    """Plans as lines for people or for programs.

    Attributes:
        as_json: one JSON object a file.
        lists: text tells every pick list, too.
    """

    as_json: bool
    lists: bool

    def __call__(self, plan: Plan) -> None:
        """Show the plan of a file."""
        if self.as_json:
            print(json.dumps(as_json(plan)), flush=True)
        else:
            print("\n".join([summary(plan), *(details(plan) if self.lists else ())]), flush=True)


def as_json(plan: Plan) -> dict[str, Any]:
    """A plan for programs; docs/batching.md describes the keys."""
    turns: Sequence[Turn | None] = plan.turns or [None] * len(plan.batches)
    return {
        "file": plan.book.file,
        "method": plan.method,
        "with_cart": plan.with_cart,
        "total_length_m": plan.total_length_m,
        "total_time_s": plan.total_time_s,
        "lower_bound_m": plan.lower_bound_m,
        "seconds": plan.seconds,
        "batches": [_names(plan, batch) for batch in plan.batches],
        "lists": [_list(plan, batch, turn) for batch, turn in zip(plan.batches, turns, strict=True)],
        "late": [{"order": plan.book.orders[order].name, "late_s": late_s} for order, late_s in sorted(plan.late_s.items())],
        "parts": {plan.book.orders[order].name: zones for order, zones in _in_parts(plan).items()},
    }


def _list(plan: Plan, batch: Batch, turn: Turn | None) -> dict[str, Any]:
    late = [] if turn is None else [order for order in batch.orders if turn.ends_s > _due_s(plan, order) + ON_TIME_S]
    return {
        "orders": _names(plan, batch),
        "wave": batch.wave,
        "zone": batch.zone,
        "length_m": batch.length_m,
        "time_s": batch.time_s,
        "picker": None if turn is None else turn.picker,
        "begins": None if turn is None else clock(turn.begins_s),
        "ends": None if turn is None else clock(turn.ends_s),
        "due": None if batch.due_s == math.inf else clock(batch.due_s),
        "late": [plan.book.orders[order].name for order in late],
    }


def summary(plan: Plan) -> str:
    """How much is to be walked, and how much of that is certain."""
    orders, lists = _many(len(plan.book.orders), "order"), _many(len(plan.batches), "list")
    above = 100 * (plan.total_length_m / plan.lower_bound_m - 1) if plan.lower_bound_m else 0.0
    walk = "with the cart" if plan.with_cart else f"for {plan.total_length_m:.2f} m, at most {above:.1f} % above the shortest"
    late = f", {_many(len(plan.late_s), 'order')} late" if plan.late_s else ""
    return f"{plan.book.file}: {orders} in {lists}, {plan.total_time_s / 3600:.2f} h {walk}{late}; {plan.method}, {plan.seconds:.1f} s"


def details(plan: Plan) -> list[str]:
    """List by list, and what is late or picked in parts."""
    rows = [_row(plan, number) for number in _sequence(plan)]
    kept = [column for column in rows[0] if any(row[column] for row in rows)]
    widths = {column: max(len(column), *(len(row[column]) for row in rows)) for column in kept}
    texts = {"wave", "zone", "orders"}
    lines = []
    for row in [{column: column for column in kept}, *rows]:
        cells = [row[column].ljust(widths[column]) if column in texts else row[column].rjust(widths[column]) for column in kept]
        lines += _wrapped("  ".join(cells[:-1]), cells[-1].rstrip())
    late = [f"{plan.book.orders[order].name} by {clock(math.ceil(late_s))}" for order, late_s in sorted(plan.late_s.items())]
    parts = [f"{plan.book.orders[order].name} ({', '.join(zones)})" for order, zones in _in_parts(plan).items()]
    notes = (("late", late), ("in parts", parts))
    return lines + list(itertools.chain.from_iterable(_wrapped(f"{what}:", ", ".join(named)) for what, named in notes if named))


def _sequence(plan: Plan) -> list[int]:
    """The lists as they begin."""
    if plan.turns is None:
        return list(range(len(plan.batches)))
    return [number for _, _, number in sorted((turn.begins_s, turn.picker, number) for number, turn in enumerate(plan.turns))]


def _row(plan: Plan, number: int) -> dict[str, str]:
    told = _list(plan, plan.batches[number], plan.turns[number] if plan.turns else None)
    return {
        "list": str(number),
        "wave": told["wave"] or "",
        "zone": told["zone"] or "",
        "picker": "" if told["picker"] is None else str(told["picker"]),
        "begins": told["begins"] or "",
        "ends": told["ends"] or "",
        "due": told["due"] or "",
        "metres": f"{told['length_m']:.2f}",
        "seconds": f"{told['time_s']:.1f}",
        "orders": ", ".join(f"{name} (late)" if name in told["late"] else name for name in told["orders"]),
    }


def _wrapped(head: str, text: str) -> list[str]:
    """The head, and beside it the text on as many lines as it needs in this terminal."""
    width = max(_NARROWEST, shutil.get_terminal_size((150, 24)).columns - len(head) - 5)
    first, *more = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"  {head}  {first}", *(f"  {'':{len(head)}}  {line}" for line in more)]


def _in_parts(plan: Plan) -> dict[int, list[str]]:
    """The orders that are picked in several zones, and the zones' names."""
    zones: dict[int, list[str]] = {}
    for batch in plan.batches:
        for order in batch.orders:
            zones.setdefault(order, []).append(batch.zone or "")
    return {order: zones[order] for order in sorted(zones) if len(zones[order]) > 1}


def _names(plan: Plan, batch: Batch) -> list[str]:
    return [plan.book.orders[order].name for order in batch.orders]


def _due_s(plan: Plan, order: int) -> float:
    due_s = plan.book.orders[order].due_s
    return math.inf if due_s is None else due_s


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
