"""What people may order of a roll-out that is under way, from the command line and from the page."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.fleet.rollout.plan import Status
from deploy.fleet.rollout.store import Store


@dataclass(frozen=True)
class Order:
    """An order.

    Attributes:
        status: what the roll-out becomes.
        allowed: in which statuses it makes sense.
        told: what happened, for people.
        outcome: how the roll-out is to end, where it is ``returning`` first.
    """

    status: Status
    allowed: tuple[Status, ...]
    told: str
    outcome: Status | None = None


ORDERS = {
    "pause": Order("paused", ("running",), "paused"),
    "resume": Order("running", ("paused",), "running"),
    "abort": Order("aborted", ("running", "paused"), "aborted"),
    "roll-back": Order("returning", ("running", "paused"), "is being taken back", "aborted"),
}


def give_order(store: Store, rollout: str, name: str, who: str, now: float) -> str:
    """Write an order down; the controller follows it.

    Args:
        store: the database.
        rollout: its id.
        name: of the order, a key of ``ORDERS``.
        who: gives it.
        now: Unix seconds.

    Returns:
        What happened, for people.

    Raises:
        InputError: there is no such roll-out.
        UsageError: it stands otherwise.
    """
    order = ORDERS[name]
    store.order(rollout, order.status, who, now, allowed=order.allowed, outcome=order.outcome)
    return f"{rollout}: {order.told}"
