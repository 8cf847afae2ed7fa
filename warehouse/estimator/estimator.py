"""From pick lists to estimates: plain router, padding, network; in parts of bounded memory, one a core at a time.

The network corrects what is found in microseconds: the length of the shortest tour, and a worker's time with the cart along it. Lists of similar length are padded to
the longest of them and run together: one list alone costs the runtime as much as ten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bintally.errors import InputError, UsageError
from bintally.layouts import Cart, Ladder
from bintally.travel_time import TravelTimeManifest
from bintally.travel_time.network import TravelTimeNetwork, open_network
from warehouse.estimator.fit import cart_differences, ladder_differences
from warehouse.estimator.padding import Ground, padded
from warehouse.routing.exact import PackedLists
from warehouse.routing.exact.solve import check_places
from warehouse.routing.exact.sweep import Floats, Ints

MOST_LISTS, LEAST_LISTS, MOST_PICKS = 512, 64, 1 << 16
"""Of a part: beyond, nothing is won but memory lost; below, the runtime's own cost weighs more than a second core helps."""
_PARTS = 4
"""Into how many parts lists are split, if that makes none too small. It does not depend on the cores, so that answers do not."""


@dataclass(frozen=True)
class Estimates:
    """What is expected of n lists; 0 of those that are empty.

    Attributes:
        value: float64[n], in the label's unit.
        spread: float64[n], the relative standard deviation of the error that the network expects.
        plain_m: float64[n], the length of the shortest tour, exact.
        beyond: bool[n], lists with more places than any in training: nobody has measured how good value and spread are for these.
    """

    value: Floats
    spread: Floats
    plain_m: Floats
    beyond: npt.NDArray[np.bool_]


class Estimator:
    """Estimates one function of pick lists in one warehouse; threads may share it.

    Args:
        network: opened.
        threads: parts that are computed at the same time.
    """

    def __init__(self, network: TravelTimeNetwork, threads: int) -> None:
        self._network, self._threads = network, threads
        self._ground = Ground.of(network.manifest)

    @property
    def manifest(self) -> TravelTimeManifest:
        """What the bundle says of itself."""
        return self._network.manifest

    def check(self, ladder: Ladder, cart: Cart | None) -> None:
        """Compare a warehouse and a cart with those that the network was trained for.

        Args:
            ladder: where lists are to be estimated.
            cart: worker and cart whose times are wanted, None for a label without them. Its ``pick_s`` does not matter: labels are
                without picking.

        Raises:
            InputError: they differ; the text says in what.
        """
        manifest = self.manifest
        differences = ladder_differences(manifest.ladder, ladder) or cart_differences(manifest.label, manifest.cart, cart)
        if differences:
            raise InputError(
                f"{self._network.path}: trained for another warehouse or cart: {'; '.join(differences)}. "
                "Label lists of this one, train and export, or choose another estimator"
            )

    def values(self, lists: PackedLists, quantities: Ints) -> Estimates:
        """Estimate.

        Args:
            lists: n lists of places in the trained ladder.
            quantities: int64[picks], items at each place, from 1.

        Raises:
            InputError: a place lies outside the ladder, a quantity is none, or the network gives no time for a list.
        """
        manifest = self.manifest
        check_places(manifest.ladder, lists.columns, lists.blocks, lists.y_m)
        quantities = _checked(quantities, len(lists.y_m))
        lengths = np.diff(lists.first)
        found = np.zeros((3, len(lists)))

        def estimate(part: Ints) -> None:
            picks, base = padded(self._ground, lists, quantities, part)
            found[:2, part] = self._network.run(picks, base.astype(np.float32))
            found[2, part] = base[:, 0]

        parts = list(_parts(lengths))
        if self._threads == 1 or len(parts) <= 1:
            for part in parts:
                estimate(part)
        else:
            with ThreadPoolExecutor(min(self._threads, len(parts)), "estimator") as pool:
                list(pool.map(estimate, parts))
        self._check_numbers(found, lengths)
        return Estimates(found[0], found[1], found[2], lengths > manifest.most_picks)

    def _check_numbers(self, found: Floats, lengths: Ints) -> None:
        value, spread = found[0], found[1]
        # written so that NaN fails, too
        good = (lengths == 0) | ((value > 0) & (value < np.inf) & (spread >= 0) & (spread < np.inf))
        if not good.all():
            worst = int(np.argmin(good))
            raise InputError(
                f"{self._network.path}: gives {value[worst]:g} ± {spread[worst]:g} for list {worst} of {lengths[worst]} places, which is no "
                "travel time; train the network again, or use exact times"
            )


def open_estimator(path: Path, threads: int = 0) -> Estimator:
    """Open a travel-time bundle.

    Args:
        path: the ``.onnx`` file.
        threads: that work on one call; 0 for one a core.

    Raises:
        InputError: the bundle is missing, damaged, altered, of another task, or answers differently on this machine.
        UsageError: fewer threads than none.
    """
    if threads < 0:
        raise UsageError(f"{threads} threads: at least 1, or 0 for one a core")
    return Estimator(open_network(path, threads=1), threads or os.cpu_count() or 1)


def _checked(quantities: Ints, picks: int) -> Ints:
    if quantities.shape != (picks,) or quantities.dtype.kind not in "iu":
        raise InputError(f"quantities must be whole numbers, one for each of {picks} picks; they are {quantities.dtype} {quantities.shape}")
    if (quantities < 1).any():
        pick = int(np.argmax(quantities < 1))
        raise InputError(f"pick {pick}: {quantities[pick]} items cannot be picked; at least 1")
    return np.ascontiguousarray(quantities, np.int64)


def _parts(lengths: Ints) -> Iterator[Ints]:
    """Numbers of lists that are run together: similarly long ones, the longest first; those that are empty in none."""
    order = np.argsort(-lengths, kind="stable")
    order = order[: np.count_nonzero(lengths)]
    number = min(max(-(-len(order) // _PARTS), LEAST_LISTS), MOST_LISTS)
    begin = 0
    while begin < len(order):
        end = begin + min(number, max(1, MOST_PICKS // int(lengths[order[begin]])))
        yield order[begin:end]
        begin = end
