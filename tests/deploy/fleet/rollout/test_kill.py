"""A controller killed between any two steps: the next one comes to the same end, and no station is moved twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bintally.desired import verify_desired
from deploy.fleet.rollout import rows
from deploy.fleet.rollout.store import Store
from tests.deploy.fleet.rollout.world import KEYS, NEW, Broker, World, world
from tests.fakes.stations import Habit

STATIONS, STEP_S = 6, 120.0
ROUNDS = 22
"""Enough for two cohorts, each of six phases and a short watch, and for a kill."""


class KilledError(BaseException):
    """As abrupt as SIGKILL: nothing of ours catches it."""


class Executioner:
    """Counts the steps, and kills before or behind one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.steps, self._kill_at = 0, kill_at

    def step(self) -> None:
        self.steps += 1
        if self.steps == self._kill_at:
            raise KilledError

    def watch(self, patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            self.step()
            result = original(*arguments, **named)
            self.step()
            return result

        patch.setattr(owner, name, watched)


def lived(folder: Path, habit: Habit, kill_at: int | None) -> tuple[World, int]:
    """A whole roll-out with one kill on the way; how many steps there were."""
    folder.mkdir()
    killer = Executioner(kill_at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda _: "same")
        here = world(folder, STATIONS, habit)
        here.start(shares=(0.5, 1.0), least=1, least_counts=0, soak_s=STEP_S)
        for owner, name in ((Store, "save"), (Store, "apply"), (Store, "said"), (Store, "hold"), (Broker, "publish")):
            killer.watch(patch, owner, name)
        killer.watch(patch, rows, "desire")  # inside the transaction, too
        for _ in range(ROUNDS):
            try:
                here.pass_time(STEP_S / 3600, STEP_S)
            except KilledError:
                here.controller = here.new_controller("two")
    here.store.close()
    return here, killer.steps


def end(here: World) -> dict[str, Any]:
    """All that must be the same, whatever happened on the way."""
    (rollout,) = here.store.rollouts()
    return {
        "status": rollout.status,
        "given": {source: (one.revision, one.cohort, one.is_back) for source, one in rollout.given.items()},
        "models": {one.source: one.model.digest for one in here.stations},
        "retained": here.broker.desired.keys(),
        "unsaid": here.store.unsaid(),
    }


@pytest.mark.parametrize(("habit", "status"), [(Habit(), "done"), (Habit(ends="rolled_back"), "halted")], ids=["good", "bad"])
@pytest.mark.parametrize(
    ("first", "stride"), [(1, 25), *(pytest.param(first, 8, marks=pytest.mark.long) for first in range(1, 9))], ids=str
)
def test_the_end_is_the_same_wherever_the_controller_is_killed(tmp_path: Path, habit: Habit, status: str, first: int, stride: int) -> None:
    whole, steps = lived(tmp_path / "whole", habit, None)
    expected = end(whole)
    assert expected["status"] == status
    for number, kill_at in enumerate(range(first, steps, stride)):
        killed, _ = lived(tmp_path / str(number), habit, kill_at)
        assert end(killed) == expected, f"killed at step {kill_at}"
        assert_revisions_grow(killed)
        # whether a station rolls back by itself or is told first, is a matter of minutes
        assert all([digest for _, digest in one.moves].count(NEW.digest) <= 1 for one in killed.stations)


def assert_revisions_grow(here: World) -> None:
    """What is said to a station never has a smaller revision than before; the same revision only in the same words."""
    heard: dict[str, tuple[int, bytes]] = {}
    for source, payload in here.broker.published:
        revision = verify_desired(payload, KEYS).revision
        before, words = heard.get(source, (0, b""))
        assert revision > before or (revision == before and payload == words)
        heard[source] = (revision, payload)
