"""What ``data prepare`` reports of a data set, for programs and for a person (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from trainer.data.dataset import Example
from trainer.data.exploring.twins import find_twins
from trainer.data.scan import Survey
from trainer.data.site import GROUPS, SiteFolder
from trainer.data.split import SHARES
from trainer.data.split_file import GivenSplit
from trainer.evaluation.metrics import MAX_COUNT, class_name

CLASS_NAMES = tuple(class_name(k) for k in range(MAX_COUNT + 2))


def report(found: Survey) -> dict[str, Any]:
    """Everything that was found; also what ``load`` needs beside the index."""
    data = found.data
    widths, heights = zip(*found.sizes_px, strict=True)
    sizes = Counter(example.group for example in data.examples)
    return {
        "source": data.source,
        "layout": found.layout,
        "seed": data.seed,
        "digest": data.digest,
        "images": len(data.examples),
        "groups": len(sizes),
        "largest_group": max(sizes.values()),
        "width_px": {"least": min(widths), "most": max(widths)},
        "height_px": {"least": min(heights), "most": max(heights)},
        "parts": {part: _part(data.part(part)) for part in SHARES},
        "given_split": None if found.given is None else _given(found.given, found),
        "leaks": data.leaks,
        "leak": found.leak,
        "twins": len(find_twins(data.examples)),
        "in_events": found.in_events,
        "look_alikes": [_pair(one, other, asdict(pair)) for one, other, pair in found.look_alikes],
        "label_disagreements": [
            {"image_id": e.image_id, "quantity": e.quantity, "listed": e.listed}
            for e in data.examples
            if e.listed is not None and e.listed != e.quantity
        ],
        "refused": [asdict(entry) for entry in data.refused],
    }


def _part(examples: Sequence[Example]) -> dict[str, Any]:
    quantities = Counter(example.quantity for example in examples)
    classes = Counter(class_name(min(example.quantity, MAX_COUNT + 1)) for example in examples)
    return {
        "images": len(examples),
        "classes": {name: classes[name] for name in CLASS_NAMES},
        "quantities": dict(sorted(quantities.items())),
    }


def _pair(one: str, other: str, measured: Mapping[str, Any]) -> dict[str, Any]:
    return {"one": one, "other": other, "distance": measured["distance"], "correlation": measured["correlation"]}


def _given(given: GivenSplit, found: Survey) -> dict[str, Any]:
    """How a given split fits the images; the quantity of an image is what its metadata says, not the split's file."""
    here = {example.image_id: example for example in found.data.examples}
    return {
        "files": list(given.files),
        "left_out": list(found.left_out),
        "without_image": len(given.parts.keys() - here.keys()),
        "disagreements": [
            {"image_id": image, "quantity": here[image].quantity, "split_file": label}
            for image, label in given.labels.items()
            if image in here and here[image].quantity != label
        ],
    }


def warnings(found: Survey) -> Iterator[str]:
    """What is no error and may spoil training or figures, one line each."""
    data = found.data
    if found.layout == SiteFolder.name and not found.in_events:
        yield (
            f"{GROUPS} is missing or empty, so only images that look alike stay in one part, and a bin before and after a pick may be in two "
            "(of 3,634 such pairs in ABID 21 look alike): figures may be too good"
        )
    for part in SHARES:
        held = _part(data.part(part))
        missing = [name for name, count in held["classes"].items() if not count]
        if not held["images"]:
            yield f"{part} holds no image"
        elif missing:
            yield f"{part} holds no image of class {', '.join(missing)}, so nothing about it can be learnt or measured there"
    name, size = Counter(example.group for example in data.examples).most_common(1)[0]
    if size > max(min(SHARES.values()) * len(data.examples), 3):
        yield (
            f"the group of {name} holds {size} of {len(data.examples)} images, so the parts cannot be 80/10/10; "
            "if its bins only look alike, say in groups.csv what belongs together and use --ignore-look-alikes"
        )


def as_text(facts: Mapping[str, Any]) -> str:
    """The report as lines for a person."""
    lines = [f"{'':<7}{'images':>8}" + "".join(f"{name:>7}" for name in CLASS_NAMES)]
    for part, held in facts["parts"].items():
        lines.append(f"{part:<7}{held['images']:>8}" + "".join(f"{held['classes'][name]:>7}" for name in CLASS_NAMES))
    return "\n".join([*lines, *(f"{label:<22}{value}" for label, value in _facts(facts))])


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    width, height = facts["width_px"], facts["height_px"]
    yield "groups", f"{facts['groups']} (the largest: {facts['largest_group']} images)"
    yield "twins", f"{facts['twins']} pairs of neighbouring images that are of one group"
    yield "look-alikes", f"{len(facts['look_alikes'])} pairs"
    yield "labels", f"{len(facts['label_disagreements'])} differ from the sum of the articles"
    yield "sizes", f"{width['least']} to {width['most']} px wide, {height['least']} to {height['most']} px high"
    if given := facts["given_split"]:
        yield "given split", f"{len(given['left_out'])} images left out, {given['without_image']} names without an image"
        yield "", f"{len(given['disagreements'])} counts differ from the metadata, which were taken"
        yield "leaks", f"{facts['leaks']} groups stand in more than one part" + (f"; {facts['leak']}" if facts["leak"] else "")
    refused = facts["refused"]
    yield "refused", f"{len(refused)} files" + (f"; the first: {refused[0]['reason']}" if refused else "")
