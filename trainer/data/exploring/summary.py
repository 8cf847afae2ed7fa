"""Findings as plain values for programs, and as sentences for people (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, NamedTuple

import numpy as np

from trainer.data.dataset import Example
from trainer.data.exploring.looks import Look
from trainer.data.exploring.statistics import CLASS_NAMES, PARTS, Findings, ListCheck, Pair, Suspect, always, balance, class_of, majority

NAMED = 200
"""How many suspects, pairs and absent images are named one by one; their number is always given."""
DOUBTED = 0.02
"""A label that a model finds less probable than this is worth a look."""
IMBALANCED = 10
"""From this ratio of the largest class to the smallest on, a plain loss learns little of the smallest."""


def summary(findings: Findings) -> dict[str, Any]:
    """All findings but the pictures, ready for JSON."""
    data = findings.data
    return {
        "source": data.source,
        "seed": data.seed,
        "digest": data.digest,
        "images": len(data.examples),
        "groups": len({example.group for example in data.examples}),
        "refused": [asdict(entry) for entry in (*data.refused, *findings.unreadable)],
        "parts": {part: _spread(findings, part) for part in ("all", *PARTS)},
        "list": None if findings.checked is None else _of_list(findings.checked),
        "pictures": _pictures(findings),
        "labels": {
            "miscounted": [{**_named(one), "listed": one.listed} for one in findings.miscounted],
            "without_items": sum(one.listed is None for one in data.examples),
            "same_picture": _some(findings.relabelled),
            "model": None if findings.suspects is None else _of_model(findings.suspects),
        },
        "twins": _of_twins(findings),
        "articles": _of_articles(data.examples),
        "leaks": {kind: _some(pairs) for kind, pairs in findings.leaks.items()},
    }


def _spread(findings: Findings, part: str) -> dict[str, Any]:
    examples = [one for one in findings.data.examples if part in ("all", one.part)]
    learnt = majority([one.quantity for one in findings.data.part("train")])
    return spread([one.quantity for one in examples], learnt)


def spread(quantities: Sequence[int], answer: int | None) -> dict[str, Any]:
    """Spread of labels over the classes, and what a counter scores that always gives the one answer."""
    found, constant = balance(quantities), always(answer, quantities)
    return {
        "images": found.images,
        "classes": dict(zip(CLASS_NAMES, found.counts, strict=True)),
        "shares": {name: count / max(found.images, 1) for name, count in zip(CLASS_NAMES, found.counts, strict=True)},
        "quantities": dict(sorted(Counter(quantities).items())),
        "ratio": found.ratio,
        "effective_classes": found.effective,
        "empty": list(found.empty),
        "always": None if constant is None else asdict(constant),
    }


def _of_list(checked: ListCheck) -> dict[str, Any]:
    labels = checked.listed.labels
    answer = majority(list(labels.values()))
    return {
        "source": checked.listed.source,
        **spread(list(labels.values()), answer),
        "here": spread([labels[one.image_id] for one in checked.present], answer),
        "absent": {"images": len(checked.absent), "first": checked.absent[:NAMED]},
        "differing": [{**_named(one), "list_says": labels[one.image_id]} for one in checked.differing],
        "spellings": [{one: labels[one] for one in ids} for ids in checked.spellings],
    }


def _pictures(findings: Findings) -> dict[str, Any]:
    sizes = Counter((one.width_px, one.height_px) for one in findings.looks.values())
    return {
        "sizes": [
            {"width_px": w, "height_px": h, "images": n} for (w, h), n in sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0]))
        ],
        "width_px": quantiles([one.width_px for one in findings.looks.values()]),
        "height_px": quantiles([one.height_px for one in findings.looks.values()]),
        "aspect": quantiles([one.width_px / one.height_px for one in findings.looks.values()]),
        "brightness": _by_class(findings, [one.brightness for one in by_class(findings, None)], "brightness"),
        "contrast": _by_class(findings, [one.contrast for one in by_class(findings, None)], "contrast"),
    }


def by_class(findings: Findings, name: str | None) -> list[Look]:
    """Looks of one class, or of all."""
    looks, chosen = findings.looks, findings.data.examples
    return [looks[one.image_id] for one in chosen if one.image_id in looks and name in (None, CLASS_NAMES[class_of(one.quantity)])]


def _by_class(findings: Findings, everything: Sequence[float], measure: str) -> dict[str, Any]:
    return {"all": quantiles(everything)} | {
        name: quantiles([getattr(one, measure) for one in by_class(findings, name)]) for name in CLASS_NAMES
    }


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """Smallest, 5 %, median, 95 % and largest of some values; None without any."""
    if not values:
        return None
    names = ("min", "p5", "median", "p95", "max")
    return dict(zip(names, map(float, np.quantile(values, (0, 0.05, 0.5, 0.95, 1))), strict=True))


def _of_model(judged: Sequence[Suspect]) -> dict[str, Any]:
    doubted = [one for one in judged if one.probability < DOUBTED]
    return {
        "images": len(judged),
        "agrees": sum(one.answer == CLASS_NAMES[class_of(one.example.quantity)] for one in judged),
        "doubted_below": DOUBTED,
        "doubted": len(doubted),
        "doubted_parts": {part: sum(one.example.part == part for one in doubted) for part in PARTS},
        "first": [
            {**_named(one.example), "probability": one.probability, "answer": one.answer, "confidence": one.confidence}
            for one in judged[:NAMED]
        ],
    }


def _of_twins(findings: Findings) -> dict[str, Any]:
    with_twin = {one.image_id for pair in findings.twins for one in (pair.one, pair.other)}
    return {
        "pairs": len(findings.twins),
        "images": len(with_twin),
        "share": len(with_twin) / max(len(findings.data.examples), 1),
        "differences": dict(sorted(Counter(pair.difference for pair in findings.twins).items())),
        "same_quantity": sum(pair.difference == 0 for pair in findings.twins),
    }


def _of_articles(examples: Sequence[Example]) -> dict[str, Any]:
    known = [one for one in examples if one.articles is not None]
    return {
        "known": len(known),
        "bins": dict(sorted(Counter(one.articles for one in known if one.articles is not None).items())),
        "by_class": {
            name: dict(sorted(Counter(one.articles for one in known if one.articles is not None and class_of(one.quantity) == k).items()))
            for k, name in enumerate(CLASS_NAMES)
        },
    }


def _named(example: Example) -> dict[str, Any]:
    return {"image_id": example.image_id, "part": example.part, "quantity": example.quantity}


def _some(pairs: Sequence[Pair]) -> dict[str, Any]:
    return {"pairs": len(pairs), "first": [[_named(one) for one in pair] for pair in pairs[:NAMED]]}


class Note(NamedTuple):
    """A sentence at the top of the report: whether it asks for action, and the section that says more."""

    kind: Literal["warning", "note", "fine"]
    text: str
    section: str


def notes(found: Mapping[str, Any]) -> list[Note]:
    """What a reader should know first, from what ``summary`` gave; what asks for action comes first."""
    every = [*_about_files(found), *_about_classes(found), *_about_labels(found), *_about_list(found["list"]), *_about_parts(found)]
    return sorted(every, key=lambda note: ("warning", "note", "fine").index(note.kind))


def _about_files(found: Mapping[str, Any]) -> Iterator[Note]:
    refused, sizes = len(found["refused"]), found["pictures"]["sizes"]
    if refused:
        yield Note("warning", f"{amount(refused, 'file')} cannot be used; each is listed with its reason", "refused")
    else:
        yield Note("fine", "every file of the folder can be used", "refused")
    if len(sizes) == 1:
        width, height = sizes[0]["width_px"], sizes[0]["height_px"]
        squashed = "; if a camera took them, they were squashed or cropped" if width == height else ""
        yield Note("note", f"all pictures are {width}×{height} px{squashed}", "pictures")


def _about_classes(found: Mapping[str, Any]) -> Iterator[Note]:
    everywhere = found["parts"]["all"]["empty"]
    for part, spread in found["parts"].items():
        empty = [name for name in spread["empty"] if part == "all" or name not in everywhere]
        if not spread["images"]:
            yield Note("warning", f"{_PLACES[part]} holds no image", "classes")
        elif empty:
            yield Note("warning", f"no image with {' or '.join(empty)} items in {_PLACES[part]}", "classes")
    ratio = found["parts"]["all"]["ratio"]
    if ratio is not None and ratio >= IMBALANCED:
        yield Note("warning", f"the largest class is {ratio:.0f} times the smallest; weigh or sample the classes", "classes")


_PLACES = {"all": "the whole set", "train": "the training part", "val": "the validation part", "test": "the test part"}


def _about_labels(found: Mapping[str, Any]) -> Iterator[Note]:
    labels = found["labels"]
    miscounted, same, model = len(labels["miscounted"]), labels["same_picture"]["pairs"], labels["model"]
    if miscounted:
        yield Note("warning", f"label and item list disagree for {amount(miscounted, 'image')}", "labels")
    if same:
        yield Note("warning", f"in {amount(same, 'case')} two files show the same picture with different labels", "labels")
    if model:
        kind: Literal["warning", "fine"] = "warning" if model["doubted"] else "fine"
        yield Note(
            kind, f"the model finds {amount(model['doubted'], 'label')} less probable than {100 * model['doubted_below']:.0f} %", "labels"
        )


def _about_list(listed: Mapping[str, Any] | None) -> Iterator[Note]:
    if listed is None:
        return
    absent, differing, spelt = listed["absent"]["images"], len(listed["differing"]), len(listed["spellings"])
    if absent:
        yield Note("warning", f"{absent:,} of the list's {listed['images']:,} images are not in this folder", "list")
    if differing:
        yield Note("warning", f"list and folder label {amount(differing, 'image')} differently", "list")
    if spelt:
        yield Note(
            "warning",
            f"the list has {amount(spelt, 'number')} in more than one spelling, such as {' and '.join(listed['spellings'][0])}",
            "list",
        )


def _about_parts(found: Mapping[str, Any]) -> Iterator[Note]:
    kinds = {"group": "group of related images", "picture": "pair of equal pictures", "twin": "pair of twins"}
    leaks = [f"{leak['pairs']:,} × {kinds[kind]}" for kind, leak in found["leaks"].items() if leak["pairs"]]
    if leaks:
        yield Note("warning", f"the split leaks, parts share: {', '.join(leaks)}", "parts")
    else:
        yield Note("fine", "the parts share no group of related images, no picture and no twins", "parts")
    if found["twins"]["pairs"]:
        yield Note("note", f"{100 * found['twins']['share']:.0f} % of the images have a twin; a split image by image would leak", "twins")


def amount(number: int, noun: str) -> str:
    """«1 file», «3,000 files»."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
