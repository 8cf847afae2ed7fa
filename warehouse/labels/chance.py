"""Random numbers that depend on (seed, i) alone, in machine code: list i is the same whoever draws it, and in whatever order.

Source: Steele, Lea & Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from warehouse.routing.compiled import compiled

Chance = npt.NDArray[np.uint64]
"""uint64[1], a generator's state."""

_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@compiled
def mixed(bits: np.uint64) -> np.uint64:
    """Each bit of the result depends on all bits."""
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


@compiled
def begin(chance: Chance, seed: np.uint64, number: int) -> None:
    """Put a generator to the beginning of list ``number``."""
    chance[0] = mixed(mixed(seed) + _STEP * np.uint64(number))


@compiled
def drawn(chance: Chance) -> float:
    """The next number in [0, 1)."""
    chance[0] += _STEP
    return float(mixed(chance[0]) >> np.uint64(11)) * 2.0**-53


@compiled
def below(chance: Chance, count: int) -> int:
    """The next whole number from 0 to count - 1."""
    return int(drawn(chance) * count)


@compiled
def spread(chance: Chance, mean: float) -> float:
    """The next number of a Laplace distribution around 0; half of its values are positive, and their mean is as given."""
    size = -mean * float(np.log(1.0 - drawn(chance)))
    return size if drawn(chance) < 0.5 else -size
