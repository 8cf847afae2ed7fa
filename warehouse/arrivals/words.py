"""Days as text, for people: a table of the rules, and in sentences what a table hides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warehouse.arrivals.demand import Demand, clock
from warehouse.arrivals.figures import Figures

_Cell = Callable[[Figures, Demand], str]
_ROWS: tuple[tuple[str, _Cell], ...] = (
    ("walked, km", lambda f, _: f"{f.walked_m / 1000:.1f}"),
    ("walked an order, m", lambda f, d: f"{f.walked_m / len(d):.1f}"),
    ("pick lists", lambda f, _: f"{f.lists:,}"),
    ("orders a list", lambda f, d: f"{len(d) / f.lists:.1f}"),
    ("cart filled, %", lambda f, _: f"{100 * f.fill:.0f}"),
    ("until a picker leaves, min: mean", lambda f, _: f"{f.to_release_s / 60:.1f}"),
    ("  95 % within", lambda f, _: f"{f.to_release_95_s / 60:.1f}"),
    ("until at the depot, min: mean", lambda f, _: f"{f.to_depot_s / 60:.1f}"),
    ("  95 % within", lambda f, _: f"{f.to_depot_95_s / 60:.1f}"),
    ("late, %", lambda f, _: "–" if f.late is None else f"{100 * f.late:.1f}"),
    ("  by, min (mean of the late)", lambda f, _: f"{f.late_s / 60:.1f}" if f.late else "–"),
    ("pickers at work, %", lambda f, _: f"{100 * f.at_work:.0f}"),
    ("most orders waiting", lambda f, _: f"{f.most_waiting:,}"),
    ("  at", lambda f, _: clock(f.most_at_s)),
    ("last picker back", lambda f, _: clock(f.ends_s)),
)


def heading(demand: Demand, pickers: int) -> str:
    """What was simulated."""
    came = f"{clock(float(demand.came_s[0]))} to {clock(float(demand.came_s[-1]))}"
    return f"{demand.file}: {_many(len(demand), 'order')} came from {came}; {_many(pickers, 'picker')}"


def table(demand: Demand, figures: Sequence[Figures]) -> str:
    """A column for each rule."""
    names = [one.rule for one in figures]
    wide = max(len(label) for label, _ in _ROWS)
    cells = [names, *([cell(one, demand) for one in figures] for _, cell in _ROWS)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    labels = ["", *(label for label, _ in _ROWS)]
    return "\n".join(
        f"{label:<{wide}}  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for label, row in zip(labels, cells, strict=True)
    )


def overload(demand: Demand, pickers: int, figures: Figures) -> str | None:
    """Where the pickers did not keep up, what that means."""
    if not figures.overloaded:
        return None
    last_s = float(demand.came_s[-1])
    hours, day_hours = figures.work_s / 3600 / pickers, (last_s - demand.begin_s) / 3600
    return (
        f"{figures.rule}: OVERLOAD. {_many(pickers, 'picker')} cannot keep up: the lists are {hours:.1f} hours of work for each, and the orders came within "
        f"{day_hours:.1f} hours. The queue grew to {figures.most_waiting:,} orders at {clock(figures.most_at_s)}; {figures.last_waiting:,} still "
        f"waited when the last one came at {clock(last_s)}, and picking went on until {clock(figures.ends_s)}."
    )


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)
