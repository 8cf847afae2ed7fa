"""Twins: neighbouring photographs of one bin, before and after an item was put in or taken out (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.data.dataset import Example

NEAR = 2
"""Ids at most this far apart are neighbours: in ABID three images in four have such a twin."""


@dataclass(frozen=True)
class Twins:
    """Two images of one bin, in the order of their ids."""

    one: Example
    other: Example

    @property
    def difference(self) -> int:
        """Items that came in from the one to the other; negative where they were taken out."""
        return self.other.quantity - self.one.quantity


def find_twins(examples: Sequence[Example]) -> list[Twins]:
    """Pairs with ids at most two apart that are of one group.

    At such a distance one group is a common article: over ABID's first 8,497 images groups give 3,634 pairs, the articles themselves 3,628.

    Args:
        examples: of any order; one whose id does not end with a number has no neighbours.
    """
    numbered = sorted(((int(digits), one) for one in examples if (digits := _digits(one))), key=_by_number)
    pairs = []
    for position, (number, one) in enumerate(numbered):
        for later in range(position + 1, len(numbered)):
            apart = numbered[later][0] - number
            if apart > NEAR:
                break
            if apart and numbered[later][1].group == one.group:  # ids may differ in their leading zeros alone
                pairs.append(Twins(one, numbered[later][1]))
    return pairs


def _by_number(entry: tuple[int, Example]) -> tuple[int, str]:
    return entry[0], entry[1].image_id


def _digits(example: Example) -> str:
    found = re.search(r"[0-9]{1,18}$", example.image_id)
    return found[0] if found else ""
