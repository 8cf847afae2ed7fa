"""A station that does an update until it is killed, in a process that a test starts."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from pathlib import Path

import agent.updater.steps
from agent.updater.slots import sha256_of
from tests.agent.updater.device import Device, trial_in_this_process


def update(state: Path, root: bytes, url: str, shipped: Path, payload: bytes, real_trial: bool, say: Connection) -> None:
    """Say which bundle it starts with, do what the main loop does, and end when the desired one is active."""
    if not real_trial:
        agent.updater.steps.try_bundle = trial_in_this_process  # type: ignore[attr-defined]
    device = Device(state, root, url, shipped)
    say.send(sha256_of(device.start()))
    updater = device.running
    updater.desire(payload)
    while device.now.phase != "active" or device.now.reason is not None or updater._pending is not None:
        candidate, now = updater.plan().candidate, device.now
        if candidate is not None and not candidate.probation:
            updater.switched(candidate.model.digest)
        if now.phase == "probation" and now.wanted is not None:
            updater.probation_done(now.wanted.digest, None)
        time.sleep(0.005)
    say.send("active")
