"""When a search stops."""

from __future__ import annotations

import threading

from warehouse.batching.budget import Budget, stopped_by


def test_an_event_ends_the_searches_that_began_under_it_and_no_others() -> None:
    event = threading.Event()
    before = Budget(iterations=10)
    with stopped_by(event):
        during = Budget(iterations=10)
    after = Budget(iterations=10)
    assert during.spent(3, 3) == 0.3
    assert during.left_s() is None
    event.set()
    assert during.spent(3, 3) == 1.0
    assert during.left_s() == 0.0
    assert before.spent(3, 3) == after.spent(3, 3) == 0.3
