"""``bintally pick route --from-ledger``: the recount tour of a site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from bintally.messages import utc_now
from warehouse.ledger import Ledger
from warehouse.pick.route import patience
from warehouse.walks.from_ledger import plan_recounts, send
from warehouse.walks.models import LeftOut, Recounts, RecountStop
from warehouse.walks.pictures import draw
from warehouse.walks.recounts import Limits
from warehouse.walks.told import recount_list

_SHOWN = 12


@dataclass(frozen=True)
class Asked:
    """What is wanted.

    Attributes:
        ledger: database URL.
        site: its name.
        limits: of the tour.
        person: who is sent; None: nobody, the tour is only shown.
        as_json: one JSON object instead of text.
        plot: draw it into this file.
    """

    ledger: str
    site: str
    limits: Limits
    person: str | None
    as_json: bool
    plot: Path | None


def recounts(asked: Asked) -> int:
    """Plan the tour, send somebody if asked to, and show it."""
    with Ledger(asked.ledger) as ledger, patience():
        plan = plan_recounts(ledger, asked.site, asked.limits, asked.person)
        if asked.person is not None:
            send(ledger, asked.site, plan.tour, asked.person, getuser(), utc_now())
    if asked.plot:
        draw(asked.plot, plan.ladder, f"Recounts: {asked.site}", plan.tour.walk)
    told = recount_list(asked.site, plan.tour, plan.listed, plan.ladder, pictures=False)
    told = told.model_copy(update={"assigned_to": asked.person})
    print(told.model_dump_json() if asked.as_json else "\n".join(text(told)))
    return 0


def text(told: Recounts) -> list[str]:
    """For people; places are numbered as in the picture, where bins that share one have one number."""
    all_cost = told.cost + sum(out.cost for out in told.left_out)
    number = len(told.stops) + len(told.left_out)
    whose = f", for {told.assigned_to}" if told.assigned_to else ""
    head = f"{told.site}: {len(told.stops)} of {number} discrepancies, cost {told.cost:.2f} of {all_cost:.2f}"
    width = max((len(stop.bin) for stop in told.stops), default=0)
    lines = [f"{head}; {told.length_m:.1f} m, {told.seconds / 60:.1f} min{whose}"]
    spots = [(stop.aisle, stop.block, stop.position_m) for stop in told.stops]
    turn = {spot: turn for turn, spot in enumerate(dict.fromkeys(spots), 1)}
    return [*lines, *(_stop(turn[spot], stop, width) for spot, stop in zip(spots, told.stops, strict=True)), *_left_out(told.left_out)]


def _stop(turn: int, stop: RecountStop, width: int) -> str:
    where = f"aisle {stop.aisle:>3}, block {stop.block}, {stop.position_m:6.2f} m"
    says = f"the books say {stop.expected}, likely {stop.likely}, wrong with {100 * stop.p_wrong:.0f} %"
    return f"  {turn:>3}  {stop.bin:<{width}}  {where}  cost {stop.cost:8.2f}  no. {stop.number}, {stop.kind}: {says}"


def _left_out(left_out: Sequence[LeftOut]) -> list[str]:
    lines = []
    for reason in dict.fromkeys(out.reason for out in left_out):
        some = [out for out in left_out if out.reason == reason]
        more = ", …" if len(some) > _SHOWN else ""
        names = ", ".join(out.bin for out in some[:_SHOWN])
        lines.append(f"  left out, {reason}: {len(some)}, cost {sum(out.cost for out in some):.2f}: {names}{more}")
    return lines
