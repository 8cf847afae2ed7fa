import math

import pytest

from bintally.errors import InputError
from bintally.layouts import Cart


@pytest.mark.parametrize(
    ("walk_m_s", "push_m_s"), [(1.4, 1.5), (1.4, 0.0), (1.4, -1.0), (1e-300, 1e-310), (1e200, 1.0), (math.nan, 0.7), (1.4, math.nan)]
)
def test_speeds_that_nobody_walks_are_refused(walk_m_s: float, push_m_s: float) -> None:
    with pytest.raises(InputError, match=r"both must be from 0\.01 to 100, and the cart never the faster one"):
        Cart(walk_m_s=walk_m_s, push_m_s=push_m_s)


@pytest.mark.parametrize("seconds", [-1.0, 1e20, math.inf, math.nan])
def test_times_beside_which_no_walk_counts_are_refused(seconds: float) -> None:
    with pytest.raises(InputError, match=r"both must be from 0 to 1e\+06"):
        Cart(park_s=seconds)
    with pytest.raises(InputError, match=r"both must be from 0 to 1e\+06"):
        Cart(pick_s=seconds)


def test_hands_for_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="hands for 0 items"):
        Cart(hands=0)
