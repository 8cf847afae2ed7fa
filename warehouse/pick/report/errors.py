"""Figure 6: relative errors of estimates, on labelled lists that training did not see, or on lists that are drawn and calculated now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bintally.errors import InputError
from bintally.labels import PLAIN, Labelled, LabelSheet, part_of, read_shards, read_sheet
from bintally.layouts import Cart
from warehouse.estimator import Estimator
from warehouse.labels.workers import cores
from warehouse.pick.bench.estimator import FRESH, Draw, signed_errors
from warehouse.routing.exact import PackedLists
from warehouse.routing.exact.sweep import Floats

_CHUNK = 20


@dataclass(frozen=True)
class Errors:
    """Of n lists.

    Attributes:
        source: where these come from, in words.
        signed: float64[n], estimated ÷ calculated − 1.
        spread: float64[n], the relative standard deviation that was expected.
    """

    source: str
    signed: Floats
    spread: Floats


def on_held_out(folder: Path, estimator: Estimator, most: int) -> Errors:
    """Judge by labelled lists that are for testing.

    Args:
        folder: as ``bintally pick label`` leaves it, finished or not.
        estimator: of one of its labels.
        most: lists; the first ones are taken.

    Raises:
        InputError: the folder cannot be read, is of another warehouse, cart or label, or holds no lists for testing yet.
    """
    sheet = sheet_for(folder, estimator)
    parts: list[tuple[Floats, Floats]] = []
    for shard in _shards(folder, sheet):
        if (left := most - sum(len(signed) for signed, _ in parts)) > 0:
            parts.append(_judged(read_shards(folder, [shard]), estimator, left))
    signed, spread = (np.concatenate(values) for values in zip(*parts, strict=True))
    if not len(signed):
        raise InputError(f"{folder}: holds no lists for testing, of which there is one in 20; label more")
    return Errors(f"held-out lists of {folder.name}, seed {sheet.seed}", signed, spread)


def sheet_for(folder: Path, estimator: Estimator) -> LabelSheet:
    """The sheet of labelled lists by which an estimator can be judged.

    Raises:
        InputError: the folder cannot be read, or is of another warehouse, cart or label.
    """
    sheet, name = read_sheet(folder), estimator.manifest.label
    if name not in sheet.labels:
        raise InputError(f"{folder}: has no label {name}, which the estimator gives, but {', '.join(sheet.labels)}; choose another folder")
    estimator.check(sheet.ladder, sheet.cart)
    return sheet


def _shards(folder: Path, sheet: LabelSheet) -> list[str]:
    there = [name for name in sheet.shards() if (folder / name).exists()]
    if not there:
        raise InputError(f"{folder}: no shard is complete yet; let 'bintally pick label' go on")
    return there


def _judged(lists: Labelled, estimator: Estimator, most: int) -> tuple[Floats, Floats]:
    """Errors and spreads of the test lists; those without a way to go are left out, a relative error says nothing of them."""
    rows = np.flatnonzero((part_of(lists.numbers) == "test") & (lists.labels[PLAIN] > 0))[:most]
    lengths = np.diff(lists.first)[rows]
    first = np.concatenate([[0], np.cumsum(lengths)])
    at = np.repeat(lists.first[:-1][rows] - first[:-1], lengths) + np.arange(first[-1])
    packed = PackedLists(first, lists.columns[at].astype(np.int64), lists.blocks[at].astype(np.int64), lists.y_m[at])
    found = estimator.values(packed, lists.quantities[at])
    return found.value / lists.labels[estimator.manifest.label][rows] - 1, found.spread


def on_fresh(draw: Draw, estimator: Estimator, cart: Cart, lists: int, seed: int) -> Errors:
    """Judge by lists that are drawn now, of the same kinds as labelled ones, and calculated as these are.

    Args:
        draw: draws them.
        estimator: of the cart's time.
        cart: the worker and the cart.
        lists: how many.
        seed: that ``draw`` has.
    """
    starts = range(FRESH, FRESH + lists, _CHUNK)
    with ThreadPoolExecutor(cores(), "fresh-lists") as threads:
        parts = list(threads.map(lambda start: signed_errors(estimator, draw(start, min(start + _CHUNK, FRESH + lists)), cart), starts))
    signed, spread = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Errors(f"lists drawn and calculated for this report, seed {seed}", signed, spread)
