"""Fixtures of the page's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.fleet.rollout.advance import Begin, Give
from deploy.fleet.rollout.plan import Cohort, Target
from deploy.fleet.rollout.view import Tally
from tests.deploy.fleet.page.asking import Desk
from tests.deploy.fleet.rollout.conftest import _fast_database, _own_log
from tests.deploy.fleet.rollout.views import new, view
from tests.deploy.fleet.rollout.world import NEW, OLD, START, plan

__all__ = ["_fast_database", "_own_log"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
def rollout(desk: Desk) -> str:
    """A roll-out whose first cohort, of two, has the new model at one station; its id."""
    desk.store.save([new("berlin/a"), view("berlin/b"), view("lyon/c")])
    name = desk.store.start(plan(least=2), lambda _: None, "ben@shop", START)
    assert desk.store.hold("one", START)
    old, target = (Target(path=f"counter/{one.version}-cpu.onnx", model=one) for one in (OLD, NEW))
    gives = [Give(source, 0, target, old, 0) for source in ("berlin/a", "berlin/b")]
    begin = Begin(Cohort(0, 2, START, {"berlin/a": Tally()}))
    assert desk.store.apply(desk.store.rollout(name), [begin, *gives], "one", START)
    return name
