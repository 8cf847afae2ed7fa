"""Split images into train, validation and test so that no bin is on both sides (pure)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Part = Literal["train", "val", "test"]
SHARES: Mapping[Part, float] = {"train": 0.8, "val": 0.1, "test": 0.1}


@dataclass(frozen=True)
class Link:
    """Two images that must be in one part, and what they have in common: «they share the article B00…»."""

    one: str
    other: str
    reason: str


def shared(images: Iterable[tuple[str, Collection[str]]], reason: str) -> list[Link]:
    """Link images that hold the same thing.

    Neighbouring ids of the Amazon Bin Image Dataset are often the same bin before and after an event, so images that hold
    the same article must not be split.

    Args:
        images: for each its id and what is in it: the ASINs of its articles, or the name of its event.
        reason: what is said of two images; ``{}`` stands for what both hold.

    Returns:
        For each image and thing a link to the first image with that thing, so that all with it hang together.
    """
    first_with: dict[str, str] = {}
    links = []
    for image, held in images:
        for thing in sorted(held):
            first = first_with.setdefault(thing, image)
            if first != image:
                links.append(Link(first, image, reason.format(thing)))
    return links


def group(images: Iterable[str], links: Iterable[Link]) -> dict[str, str]:
    """Group images that are linked, directly or through others.

    Returns:
        For each id the smallest id of its group. An image without any link is a group of its own.
    """
    parent = {image: image for image in images}

    def root(image: str) -> str:
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    for link in links:
        one, other = root(link.one), root(link.other)
        parent[max(one, other)] = min(one, other)
    return {image: root(image) for image in parent}


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
    for image, name in groups.items():
        members[name].append(image)
    order = sorted(members, key=lambda name: (-len(members[name]), _draw(seed, name)))
    missing = {part: share * len(groups) for part, share in SHARES.items()}
    parts: dict[str, Part] = {}
    for name in order:
        part = max(SHARES, key=lambda candidate: missing[candidate] / SHARES[candidate])
        missing[part] -= len(members[name])
        parts.update(dict.fromkeys(members[name], part))
    return parts


def leaking(groups: Mapping[str, str], parts: Mapping[str, Part]) -> int:
    """How many groups stand in more than one part."""
    sides: dict[str, set[Part]] = defaultdict(set)
    for image, name in groups.items():
        sides[name].add(parts[image])
    return sum(len(found) > 1 for found in sides.values())


def first_leak(links: Sequence[Link], parts: Mapping[str, Part]) -> Link | None:
    """A pair that is linked and stands in two parts; the links hold a group together, so each group that leaks has one."""
    return next((link for link in links if parts[link.one] != parts[link.other]), None)


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()
