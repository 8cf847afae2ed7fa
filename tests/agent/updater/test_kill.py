"""The device is killed at random moments of an update: it always has one whole, verified bundle to start with, and gets there in the end."""

from __future__ import annotations

import multiprocessing
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.updater.record import Record
from agent.updater.slots import Slots, sha256_of, start_bundle
from bintally.messages.model import Limits
from tests.agent.updater.conftest import Fleet
from tests.agent.updater.serving import Fault, Serving
from tests.agent.updater.victim import update


@dataclass
class Victims:
    """Starts of one station; each is a process that can be killed."""

    state: Path
    ours: Fleet
    server: Serving
    shipped: Path
    real_trial: bool

    def start(self, payload: bytes, allowed: set[str], live_s: float) -> tuple[str, bool, float]:
        """Let it live for so long, counted from the bundle that it starts with; that bundle, whether it was killed, and how long it lived."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.agent.updater.victim"])
        hear, say = context.Pipe(duplex=False)
        victim = context.Process(
            target=update, args=(self.state, self.ours.root, self.server.url, self.shipped, payload, self.real_trial, say)
        )
        victim.start()
        say.close()
        assert hear.poll(60)
        opened, began = hear.recv(), time.monotonic()
        assert opened in allowed
        victim.join(live_s)
        killed = victim.is_alive()
        victim.kill()
        victim.join()
        assert killed or victim.exitcode == 0
        return opened, killed, time.monotonic() - began

    def check_whole(self, allowed: set[str]) -> Record:
        """What would start now is one whole bundle of those that may be, and nothing was found damaged to get there."""
        slots = Slots(self.state)
        record = slots.load()
        after, path = start_bundle(slots, record, self.shipped)
        assert after is record
        assert sha256_of(path) in allowed
        assert not list(slots.folder.glob("*damaged*"))
        return record


@pytest.mark.parametrize(
    ("kills", "real_trial"), [(8, False), pytest.param(200, False, marks=pytest.mark.long), pytest.param(60, True, marks=pytest.mark.long)]
)
@pytest.mark.timeout(1500)
def test_an_update_survives_any_kill(ours: Fleet, server: Serving, bundle: Path, tmp_path: Path, kills: int, real_trial: bool) -> None:
    rng = random.Random(8)  # noqa: S311 - repeatable
    victims = Victims(tmp_path / "state", ours, server, bundle, real_trial)
    known, started_with, phases = {str(sha256_of(bundle))}, set(), set()
    killed, version, longest_s = 0, 0, 60.0  # the first one lives, and tells how long an update takes here
    while killed < kills:
        version += 1
        model = ours.publish(f"{version}.0.0")
        wish = ours.desire(model, limits=Limits(crashes=1000))
        server.faults[:] = [Fault(model.digest, slow_chunk_s=0.004)]
        allowed, was_killed = {*known, model.digest}, True
        while was_killed:
            last = killed >= kills or version == 1
            opened, was_killed, lived_s = victims.start(wish, allowed, 60.0 if last else rng.uniform(0, longest_s))
            longest_s = lived_s * 1.2 if version == 1 else longest_s
            killed += was_killed
            started_with.add(opened)
            phases.add(victims.check_whole(allowed).phase)
        known.add(model.digest)
        record = victims.check_whole({model.digest})
        assert (record.phase, record.wanted and record.wanted.model) == ("active", model)
    assert len(started_with) > 1
    assert phases & {"downloading", "verified", "warming", "shadow", "probation"}  # it was killed in the middle
    print(f"{killed} kills in {version} updates, of {longest_s / 1.2:.2f} s each; found then: {', '.join(sorted(phases))}")
