"""Split images into train, validation and test so that no bin is on both sides (pure)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

Part = Literal["train", "val", "test"]
SHARES: Mapping[Part, float] = {"train": 0.8, "val": 0.1, "test": 0.1}


def group_by_asin(images: Sequence[tuple[str, frozenset[str]]]) -> dict[str, str]:
    """Group images that share any ASIN, directly or through others.

    Neighbouring ids of the Amazon Bin Image Dataset are often the same bin before and after an event, so images that hold
    the same article must not be split.

    Args:
        images: for each its id and the ASINs in it. An image without any is a group of its own.

    Returns:
        For each id the smallest id of its group.
    """
    parent = {image: image for image, _ in images}

    def root(image: str) -> str:
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    first_with: dict[str, str] = {}
    for image, asins in images:
        for asin in asins:
            one, other = root(first_with.setdefault(asin, image)), root(image)
            parent[max(one, other)] = min(one, other)
    return {image: root(image) for image, _ in images}


def split_groups(groups: Mapping[str, str], seed: int) -> dict[str, Part]:
    """Deal whole groups to the three parts, 80/10/10 by images.

    The largest groups come first, equal ones in an order drawn from the seed; each goes where most is missing.

    Args:
        groups: for each image id its group.
        seed: another seed gives another split.

    Returns:
        For each image id its part.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for image, group in groups.items():
        members[group].append(image)
    order = sorted(members, key=lambda group: (-len(members[group]), _draw(seed, group)))
    missing = {part: share * len(groups) for part, share in SHARES.items()}
    parts: dict[str, Part] = {}
    for group in order:
        part = max(SHARES, key=lambda name: missing[name] / SHARES[name])
        missing[part] -= len(members[group])
        parts.update(dict.fromkeys(members[group], part))
    return parts


def _draw(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}:{group}".encode()).digest()
