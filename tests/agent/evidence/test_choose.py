"""Which counts' pictures are kept."""

# ruff: noqa: S311 - nothing here is secret
from __future__ import annotations

import random
from typing import Any

import pytest

from agent.evidence.choose import choose
from bintally.messages import CountData
from tests.agent.evidence.folders import count, verified

UNSURE: dict[str, Any] = {"counted": None, "unsure": True}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (verified("mismatch"), "mismatch"),
        (verified("unsure"), "unsure"),
        (verified("match"), None),
        (count(1, **UNSURE).data, "unsure"),
        (verified("mismatch").model_copy(update=UNSURE), "mismatch"),
        (count(1).data, None),
    ],
)
def test_doubtful_counts_are_kept_whatever_is_drawn(data: CountData, reason: str | None) -> None:
    assert choose(data, 0.0, random.Random(1)) == reason
    assert choose(data, 1.0, random.Random(1)) == (reason or "random")


def test_the_share_of_ordinary_counts_is_kept() -> None:
    rng = random.Random(5)
    kept = sum(choose(count(1).data, 0.1, rng) == "random" for _ in range(5000))
    assert 400 < kept < 600


def test_doubtful_counts_do_not_change_what_is_drawn_for_the_others() -> None:
    one, other = random.Random(7), random.Random(7)
    choose(verified("mismatch"), 0.5, one)
    assert [choose(count(1).data, 0.5, one) for _ in range(50)] == [choose(count(1).data, 0.5, other) for _ in range(50)]
