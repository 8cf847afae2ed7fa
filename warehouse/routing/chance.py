"""Random numbers for compiled loops, the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from warehouse.routing.compiled import inner

Chance = npt.NDArray[np.uint64]
"""uint64[1], the state of a generator."""


def chance(seed: int, stream: int = 0) -> Chance:
    """A generator; each stream of a seed gives other numbers."""
    return np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64) | np.uint64(1)  # never 0, where it would stay


@inner
def drawn(state: Chance) -> float:
    """The next number in [0, 1): xorshift64 (Marsaglia, Journal of Statistical Software 8, 2003)."""
    bits = state[0]
    bits ^= bits << np.uint64(13)
    bits ^= bits >> np.uint64(7)
    bits ^= bits << np.uint64(17)
    state[0] = bits
    return float(bits >> np.uint64(11)) * 2.0**-53


@inner
def below(state: Chance, number: int) -> int:
    """A whole number from 0 up to ``number`` - 1."""
    return int(drawn(state) * number)
