"""Small labellings, and functions to label with."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from bintally.layouts import Cart, Ladder, PickList
from bintally.layouts.files import read_places
from warehouse.labels.draw import KINDS, Drawing
from warehouse.labels.job import Job, functions_of
from warehouse.labels.workers import Done

HALL_FILE = Path(__file__).parents[3] / "docs" / "examples" / "hall.toml"
HALL, PLACES = read_places(HALL_FILE)
CART = Cart()
FLAG = "TESTS_LABELS_FLAG"
"""The environment variable that names a file; while it exists, `deadly_s` is deadly."""


def job(*functions: str, lists: int = 40, shard: int = 10, most_picks: int = 6, seed: int = 3) -> Job:
    return Job(HALL, Drawing(PLACES, KINDS, most_picks, seed), functions_of(functions, CART), lists, shard)


def one_by_one(of: Job, numbers: Sequence[int], stop: threading.Event) -> Iterator[Done]:
    """Compute shards here, in order."""
    for number in numbers:
        if stop.is_set():
            return
        yield number, of.shard_bytes(number)


def weight_s(_ladder: Ladder, picks: PickList) -> float:
    """items that are carried

    Nothing more.
    """
    return float(picks.quantities.sum())


def failing_m(_ladder: Ladder, picks: PickList) -> float:
    if len(picks) == 4:
        raise RuntimeError("four is too many")
    return 1.0


def endless(_ladder: Ladder, picks: PickList) -> float:
    return float("inf") if len(picks) == 4 else 1.0


def plain_m(_ladder: Ladder, _picks: PickList) -> float:
    return 0.0


def deadly_s(_ladder: Ladder, picks: PickList) -> float:
    """its process is killed at a list of five places, while a file is there"""
    if len(picks) == 5 and Path(os.environ[FLAG]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return float(len(picks))


def deadly_to_ray_s(_ladder: Ladder, picks: PickList) -> float:
    """the same to the Ray node that it runs on: a worker's parent"""
    if len(picks) == 5 and Path(os.environ[FLAG]).exists():
        os.kill(os.getppid(), signal.SIGKILL)
    return float(len(picks))


NO_NUMBER = "none"
