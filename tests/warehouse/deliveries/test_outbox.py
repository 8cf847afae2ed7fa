"""The outbox: claimed once, in the order of each topic, again after a claim's end, and never an older quantity after a newer one."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from datetime import datetime, timedelta, timezone

import pytest

from bintally.errors import UsageError
from bintally.messages import DiscrepancyData, DiscrepancyEvent, parse_discrepancy
from tests.fakes.events import EPOCH
from warehouse.ledger import Ledger, deliveries, webhooks
from warehouse.ledger.deliveries import CLAIM
from warehouse.ledger.webhooks import Webhook

NOW = datetime(2026, 11, 22, 8, tzinfo=timezone.utc)


def _due(ledger: Ledger, kind: deliveries.Kind, now: datetime = NOW, most: int = 100, target: str | None = None) -> list[str]:
    with ledger.begin() as tx:
        assert deliveries.is_due(tx, kind, now, target) or not deliveries.due(tx, kind, now, most, target)
        return [one.payload for one in deliveries.due(tx, kind, now, most, target)]


def event(site: str = "berlin", number: int = 1) -> DiscrepancyEvent:
    data = DiscrepancyData(
        site=site,
        bin="A-1",
        number=number,
        kind="mismatch",
        state="open",
        expected=3,
        likely=2,
        p_wrong=0.9,
        cost=1.5,
        opened_at=NOW,
        changed_at=NOW,
    )
    return DiscrepancyEvent(id=EPOCH, subject="A-1", time=NOW, data=data)


def test_what_is_claimed_is_nobody_elses_until_the_claim_ends(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        deliveries.enqueue_all(tx, "discrepancy", [("t", "1"), ("t", "2"), ("u", "3")], NOW)
    assert _due(ledger, "discrepancy", most=1) == ["1"]
    assert _due(ledger, "discrepancy") == ["3"]  # the second waits for the first
    assert _due(ledger, "discrepancy", NOW + CLAIM) == ["1", "2", "3"]


def test_what_was_delivered_is_gone_and_what_failed_comes_at_its_time(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        deliveries.enqueue_all(tx, "webhook", [("a", "1"), ("a", "2"), ("b", "3")], NOW)
        first, second, third = deliveries.due(tx, "webhook", NOW, 10)
        deliveries.done(tx, [first.number, third.number])
        deliveries.failed(tx, second.number, "x" * 1000, NOW + timedelta(seconds=7))
        assert deliveries.waiting(tx) == {"webhook": 1}
        assert webhooks.backlog(tx, "a") == webhooks.Backlog(1, "x" * 500)
    assert _due(ledger, "webhook", NOW + timedelta(seconds=6)) == []
    with ledger.begin() as tx:
        (again,) = deliveries.due(tx, "webhook", NOW + timedelta(seconds=7), 10, "a")
    assert (again.payload, again.attempts) == ("2", 1)


def test_a_webhooks_failure_holds_up_none_of_its_other_messages(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        deliveries.enqueue_all(tx, "webhook", [("a", "1"), ("a", "2")], NOW)
        (first,) = deliveries.due(tx, "webhook", NOW, 1)
        deliveries.failed(tx, first.number, "no", NOW + timedelta(hours=1))
    assert _due(ledger, "webhook", target="a") == ["2"]


def test_only_the_newest_untried_quantity_of_a_bin_is_kept(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        deliveries.enqueue(tx, "expected", "t", "1", NOW)
        assert [one.payload for one in deliveries.due(tx, "expected", NOW, 1)] == ["1"]
        for quantity in ("2", "3", ""):
            deliveries.enqueue(tx, "expected", "t", quantity, NOW)
        assert deliveries.waiting(tx) == {"expected": 2}
    assert _due(ledger, "expected") == []  # somebody may be saying the first just now
    assert _due(ledger, "expected", NOW + CLAIM) == ["1", ""]


def test_whoever_delivers_and_whoever_dies_the_newest_quantity_is_the_last_that_is_said(ledger: Ledger) -> None:
    """Couriers take, deliver in order, fail or vanish, at random."""
    chance = random.Random(3)  # noqa: S311 - no secret
    now, said, wanted = NOW, defaultdict[str, list[int]](list), dict[str, int]()
    for step in range(200):
        now += timedelta(seconds=chance.choice([0, 1, 20]))
        with ledger.begin() as tx:
            if chance.random() < 0.5:
                target = f"t{chance.randrange(3)}"
                wanted[target] = step
                deliveries.enqueue(tx, "expected", target, str(step), now)
            claimed = deliveries.due(tx, "expected", now, chance.randint(1, 4))
            delivered = claimed[: chance.randint(0, len(claimed))]
            for one in delivered:
                said[one.target].append(int(one.payload))
            if chance.random() < 0.8:  # else it died before it could note them
                deliveries.done(tx, [one.number for one in delivered])
                for one in claimed[len(delivered) :]:
                    deliveries.failed(tx, one.number, "no", now + timedelta(seconds=chance.randint(1, 90)))
    for _ in range(20):
        now += timedelta(hours=1)
        with ledger.begin() as tx:
            claimed = deliveries.due(tx, "expected", now, 100)
            for one in claimed:
                said[one.target].append(int(one.payload))
            deliveries.done(tx, [one.number for one in claimed])
    assert {target: heard[-1] for target, heard in said.items()} == wanted


def test_couriers_that_claim_at_once_have_nothing_twice(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        deliveries.enqueue_all(tx, "discrepancy", [(f"t{number % 7}", str(number)) for number in range(200)], NOW)
    claimed: list[str] = []

    def courier() -> None:
        while True:
            with ledger.begin() as tx:
                found = deliveries.due(tx, "discrepancy", NOW, 9)
                deliveries.done(tx, [one.number for one in found])
            if not found:
                return
            claimed.extend(one.payload for one in found)

    threads = [threading.Thread(target=courier) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(claimed, key=int) == [str(number) for number in range(200)]


def test_a_discrepancy_goes_to_its_sites_topic_and_to_the_webhooks_that_want_it(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        for name, site in (("all", None), ("mine", "berlin"), ("theirs", "paris")):
            webhooks.add(tx, Webhook(name, f"https://{name}.example", "whsec_x", site))
        deliveries.announce(tx, [event("berlin")], NOW)
        found = deliveries.due(tx, "discrepancy", NOW, 9) + deliveries.due(tx, "webhook", NOW, 9)
    assert [one.target for one in found] == ["bintally/v1/berlin/discrepancy", "all", "mine"]
    assert all(parse_discrepancy(one.payload.encode()) == event("berlin") for one in found)


def test_webhooks_have_names_of_their_own_and_go_with_what_they_have_not_taken(ledger: Ledger) -> None:
    hook = Webhook("wms", "https://wms.example", "whsec_x")
    with ledger.begin() as tx:
        webhooks.add(tx, hook)
        with pytest.raises(UsageError, match="there is one of that name"):
            webhooks.add(tx, hook)
        assert webhooks.all_of(tx) == [hook]
        assert webhooks.find(tx, "wms") == hook
        deliveries.announce(tx, [event()], NOW)
        assert webhooks.remove(tx, "wms")
        assert not webhooks.remove(tx, "wms")
        assert deliveries.waiting(tx) == {"discrepancy": 1}
        assert webhooks.find(tx, "wms") is None
