"""Table 1: how long training took, by the records of the runs themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bintally.errors import InputError

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Training:
    """What a run did on one device.

    Attributes:
        run: its folder.
        device: as the run calls it.
        epochs: passes over the training lists on this device.
        lists: passed in all of them.
        seconds: that they took, validation included.
        error: on the validation lists, after the best of all epochs of the run.
    """

    run: str
    device: str
    epochs: int
    lists: int
    seconds: float
    error: float

    @property
    def million_s(self) -> float:
        """Seconds for a million examples."""
        return 1e6 * self.seconds / self.lists

    @property
    def on_gpu(self) -> bool:
        """Whether the device is none of the processors."""
        return not self.device.startswith("CPU")


def trainings(folder: Path) -> list[Training]:
    """What a run did, on each device that it has been on.

    Args:
        folder: of ``bintally train --task travel-time``, finished or not.

    Raises:
        InputError: its records are missing, or not what they must be.
    """
    path = folder / METRICS
    epochs = _epochs(path)
    error = min(epoch["error"] for epoch in epochs)
    found = []
    for device in dict.fromkeys(epoch["device"] for epoch in epochs):
        on_it = [epoch for epoch in epochs if epoch["device"] == device]
        lists, seconds = (sum(epoch[key] for epoch in on_it) for key in ("lists", "seconds"))
        found.append(Training(folder.name, device, len(on_it), lists, seconds, error))
    return found


def _epochs(path: Path) -> list[Mapping[str, Any]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); name the folder of a run of 'bintally train --task travel-time'") from error
    if not lines:
        raise InputError(f"{path}: no epoch is done yet; let the run go on")
    return [_epoch(path, number, line) for number, line in enumerate(lines, 1)]


def _epoch(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        epoch = json.loads(line)
        good = isinstance(epoch["device"], str) and all(0 < float(epoch[key]) < math.inf for key in ("lists", "seconds", "error"))
    except (ValueError, TypeError, KeyError):
        good = False
    if not good:
        raise InputError(f"{path}: line {number} does not tell error, seconds, lists and device of an epoch; train with this release")
    return dict(epoch)
