"""Read a folder of labelled images: every image and label is checked, grouped and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bintally.errors import InputError
from trainer.data.check import Checked, check
from trainer.data.dataset import DataSet, Example, Refused
from trainer.data.layouts import Layout, find_layout
from trainer.data.look_alikes import LookAlike, find_look_alikes
from trainer.data.split import Link, Part, first_leak, group, leaking, shared, split_groups
from trainer.data.split_file import GivenSplit

SPLIT_SEED = 2026


@dataclass(frozen=True)
class Plan:
    """How a folder is to be split.

    Attributes:
        seed: another seed gives another split.
        given: a split made elsewhere, in place of one's own; images that it does not name are left out.
        allow_leak: take a given split even where it leaks.
        join_look_alikes: keep images that look alike in one part.
    """

    seed: int = SPLIT_SEED
    given: GivenSplit | None = None
    allow_leak: bool = False
    join_look_alikes: bool = True


@dataclass(frozen=True)
class Survey:
    """A data set, and what else was seen on the way to it.

    Attributes:
        data: the data set.
        layout: the name of the folder's layout.
        sizes_px: of each example the width and height.
        in_events: how many of the examples ``groups.csv`` puts into an event.
        look_alikes: pairs of image ids that look the same, with the measure of it.
        given: the split that was given, if any.
        left_out: images that could be used but that a given split does not name.
        leak: a pair that stands in two parts of a given split, and why it should not.
    """

    data: DataSet
    layout: str
    sizes_px: tuple[tuple[int, int], ...]
    in_events: int
    look_alikes: tuple[tuple[str, str, LookAlike], ...]
    given: GivenSplit | None
    left_out: tuple[str, ...]
    leak: str | None


def scan(folder: Path, seed: int = SPLIT_SEED) -> DataSet:
    """Read a folder in ABID's or a site's layout: check every image and label, group and split.

    Raises:
        InputError: the folder has another layout, or nothing in it can be used.
    """
    return survey(folder, Plan(seed)).data


def survey(folder: Path, plan: Plan) -> Survey:
    """Like ``scan``, with what the report tells beside.

    Images are of one group, and so in one part, if they share an article, look alike, or are of one event in a site's ``groups.csv``,
    directly or through others.

    Raises:
        InputError: see ``scan``; or a given split names none of the images, or leaks.
    """
    layout = find_layout(folder)
    events, usable, refused = _read(folder, layout)
    used = usable if plan.given is None else [image for image in usable if image.image_id in plan.given.parts]
    if not used:
        raise InputError(f"{folder}: {', '.join(plan.given.files if plan.given else ())} names none of its {len(usable)} images")
    pairs = _look_alikes(used) if plan.join_look_alikes else []
    links = _links(used, events, pairs)
    groups = group((image.image_id for image in used), links)
    parts = {i: plan.given.parts[i] for i in groups} if plan.given else split_groups(groups, plan.seed)
    leaks, leak = leaking(groups, parts), _leak(used, links, parts)
    if leak and not plan.allow_leak:
        raise InputError(_refusal(plan.given, leaks, leak))
    examples = tuple(_example(image, groups[image.image_id], parts[image.image_id]) for image in used)
    return Survey(
        data=DataSet(str(folder.resolve()), plan.seed, examples, tuple(refused), leaks),
        layout=layout.name,
        sizes_px=tuple((image.width_px, image.height_px) for image in used),
        in_events=len(events.keys() & groups.keys()),
        look_alikes=tuple((used[pair.one].image_id, used[pair.other].image_id, pair) for pair in pairs),
        given=plan.given,
        left_out=tuple(sorted({image.image_id for image in usable} - groups.keys())),
        leak=leak,
    )


def _read(folder: Path, layout: Layout) -> tuple[Mapping[str, str], list[Checked], list[Refused]]:
    try:
        events = layout.events()
        usable, refused = check(layout)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error})") from error
    if not usable:
        raise InputError(f"{folder}: nothing in it can be used; the first of {len(refused)} reasons: {refused[0].reason}")
    return events, usable, refused


def _look_alikes(images: Sequence[Checked]) -> list[LookAlike]:
    empty = np.array([image.label.quantity == 0 for image in images])
    return find_look_alikes(np.stack([image.thumbnail for image in images]), empty)


def _links(images: Sequence[Checked], events: Mapping[str, str], pairs: Sequence[LookAlike]) -> list[Link]:
    links = shared(((image.image_id, image.label.asins) for image in images), "share the article {}")
    links += shared(((i.image_id, [events[i.image_id]]) for i in images if i.image_id in events), "are of the group {} in groups.csv")
    for pair in pairs:
        reason = f"look alike: their hashes differ in {pair.distance} of 64 bits, and they correlate by {pair.correlation}"
        links.append(Link(images[pair.one].image_id, images[pair.other].image_id, reason))
    return links


def _leak(images: Sequence[Checked], links: Sequence[Link], parts: Mapping[str, Part]) -> str | None:
    link = first_leak(links, parts)
    if link is None:
        return None
    paths = {image.image_id: image.path for image in images}
    return f"{paths[link.one]} ({parts[link.one]}) and {paths[link.other]} ({parts[link.other]}) {link.reason}"


def _refusal(given: GivenSplit | None, leaks: int, leak: str) -> str:
    return (
        f"{', '.join(given.files if given else ())}: this split leaks: {leak}. {leaks} groups of images stand in more than one part. "
        "A random split, as the ABID challenge's own, leaks through twins: one bin before and after an event. "
        "Leave --split-file out for a split that does not, or take this one with --allow-leak; the report then says how much it leaks"
    )


def _example(image: Checked, group_name: str, part: Part) -> Example:
    label = image.label
    articles = len(label.asins) if label.asins or not label.quantity else None
    path = str(image.path.resolve())
    return Example(image.image_id, path, label.quantity, group_name, part, articles, label.listed, label.volume_l, label.centres)
