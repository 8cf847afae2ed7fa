"""Regions cut a view without copying, and say what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

from agent.counting.regions import check_region, cut
from bintally.errors import InputError
from bintally.messages import Region

FRAME = np.arange(480 * 640 * 3, dtype=np.uint32).astype(np.uint8).reshape(480, 640, 3)


def test_a_region_is_a_view_of_its_part() -> None:
    part = cut(FRAME, Region(left=0.25, top=0.5, right=0.75, bottom=1.0))
    assert part.shape == (240, 320, 3)
    assert np.shares_memory(part, FRAME)
    assert np.array_equal(part, FRAME[240:, 160:480])
    assert cut(FRAME, Region()).shape == FRAME.shape


def test_two_regions_that_touch_share_no_pixel_and_leave_none() -> None:
    left, right = cut(FRAME, Region(right=0.333)), cut(FRAME, Region(left=0.333))
    assert left.shape[1] + right.shape[1] == 640


@pytest.mark.parametrize(
    ("region", "what"),
    [
        (Region(bin="A-1", left=0.6, right=0.5), "region 'A-1': left 0.6 must be less than right 0.5"),
        (Region(top=0.5, bottom=0.5), "region: top 0.5 must be less than bottom 0.5"),
    ],
)
def test_edges_in_the_wrong_order_are_refused(region: Region, what: str) -> None:
    with pytest.raises(InputError, match=what):
        check_region(region)
    with pytest.raises(InputError, match=what):
        cut(FRAME, region)


def test_too_few_pixels_are_refused_with_both_sizes() -> None:
    with pytest.raises(InputError, match=r"6×480 pixels of this 640×480 frame.*camera send larger frames"):
        cut(FRAME, Region(left=0.5, right=0.51))
