import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts.generate import regular_ladder, uniform_list


def test_a_list_may_take_every_place_but_no_more() -> None:
    ladder = regular_ladder(2, 3, block_m=2.0)
    picks = uniform_list(np.random.default_rng(0), ladder, 12)
    assert picks.y_m.tolist() == [0.5, 1.0, 1.5, 2.5, 3.0, 3.5] * 2
    with pytest.raises(UsageError, match="13 different places: 2 aisles"):
        uniform_list(np.random.default_rng(0), ladder, 13)


def test_blocks_without_half_metres_are_refused() -> None:
    with pytest.raises(UsageError, match="have no room"):
        uniform_list(np.random.default_rng(0), regular_ladder(2, 2, block_m=0.4), 1)
