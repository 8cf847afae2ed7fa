"""What a data set holds: how its classes are spread, which labels look wrong, and whether its parts leak (pure)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.dataset import DataSet, Example, Refused
from trainer.data.exploring.looks import Look
from trainer.data.exploring.twins import Twins, find_twins
from trainer.data.label_list import LabelList
from trainer.data.split import SHARES
from trainer.evaluation.metrics import MAX_COUNT, class_name

CLASS_NAMES = tuple(class_name(k) for k in range(MAX_COUNT + 2))
PARTS = tuple(SHARES)
Pair = tuple[Example, Example]


@dataclass(frozen=True)
class Balance:
    """How labels are spread over the classes 0 to 5 and «6 or more».

    Attributes:
        counts: images of each class.
        ratio: the largest class over the smallest one that is not empty; None without any image.
        effective: how many equally large classes would be as uncertain, e to the entropy; None without any image.
    """

    counts: tuple[int, ...]
    ratio: float | None
    effective: float | None

    @property
    def images(self) -> int:
        return sum(self.counts)

    @property
    def empty(self) -> tuple[str, ...]:
        """Names of the classes without any image."""
        return tuple(name for name, count in zip(CLASS_NAMES, self.counts, strict=True) if not count)


def balance(quantities: Sequence[int]) -> Balance:
    """Spread of labels over the classes.

    Source:
        Hill 1973, Diversity and Evenness (the effective number is Hill's number of order 1).
    """
    found = Counter(class_of(quantity) for quantity in quantities)
    counts = tuple(found[k] for k in range(len(CLASS_NAMES)))
    present = [count for count in counts if count]
    if not present:
        return Balance(counts, None, None)
    entropy = -sum(count / len(quantities) * math.log(count / len(quantities)) for count in present)
    return Balance(counts, max(present) / min(present), math.exp(entropy))


def class_of(quantity: int) -> int:
    """0 to 5, and 6 for every larger quantity."""
    return min(quantity, MAX_COUNT + 1)


def majority(quantities: Sequence[int]) -> int | None:
    """The most frequent count from 0 to 5, the smaller one of two; None where there is none."""
    found = Counter(quantity for quantity in quantities if quantity <= MAX_COUNT)
    return min(found, key=lambda count: (-found[count], count)) if found else None


@dataclass(frozen=True)
class Always:
    """What a counter scores that gives one answer to every picture, over the images with at most five items."""

    answer: int
    images: int
    accuracy: float
    rmse: float


def always(answer: int | None, quantities: Sequence[int]) -> Always | None:
    """Score one answer for all, as the ABID challenge scores; None where there is nothing to answer or to score."""
    truth = np.array([quantity for quantity in quantities if quantity <= MAX_COUNT])
    if answer is None or not len(truth):
        return None
    return Always(answer, len(truth), float((truth == answer).mean()), float(np.sqrt(((truth - answer) ** 2).mean())))


@dataclass(frozen=True)
class Suspect:
    """A label beside what a model thinks of it.

    Attributes:
        example: the image.
        probability: that the model gives to the label's class, 0 to 1.
        answer: name of the class that the model would give.
        confidence: probability of that class.
    """

    example: Example
    probability: float
    answer: str
    confidence: float


def suspects(examples: Sequence[Example], probabilities: NDArray[np.floating[Any]]) -> tuple[Suspect, ...]:
    """All labels, the least probable first.

    Args:
        examples: n images.
        probabilities: [n, 7], a model's.

    Source:
        Northcutt et al. 2021, Confident Learning, section 3 (ranking by self-confidence).
    """
    found = [
        Suspect(example, float(row[class_of(example.quantity)]), CLASS_NAMES[int(row.argmax())], float(row.max()))
        for example, row in zip(examples, probabilities, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.probability, one.example.image_id)))


def miscounted(examples: Sequence[Example]) -> list[Example]:
    """Examples whose quantity differs from the sum over their items, the largest difference first."""
    found = [(abs(one.listed - one.quantity), one) for one in examples if one.listed is not None and one.listed != one.quantity]
    return [one for _, one in sorted(found, key=lambda entry: (-entry[0], entry[1].image_id))]


def sharing(examples: Sequence[Example], key: Callable[[Example], str | None], differ: Callable[[Example], object]) -> list[Pair]:
    """Pairs of images that have the same key but differ: one pair for each key and each two of its values.

    Args:
        examples: of any order.
        key: what must not be shared; None for an image that has none.
        differ: in what the two must differ, for instance their part.
    """
    return [pair for members in _by(examples, key).values() for pair in combinations(_one_of_each(members, differ), 2)]


def _by(examples: Sequence[Example], key: Callable[[Example], str | None]) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if (value := key(example)) is not None:
            found[value].append(example)
    return found


def _one_of_each(members: Sequence[Example], differ: Callable[[Example], object]) -> Iterator[Example]:
    seen = set()
    for example in members:
        if differ(example) not in seen:
            seen.add(differ(example))
            yield example


@dataclass(frozen=True)
class ListCheck:
    """A list of labels beside the folder.

    Attributes:
        listed: the list.
        present: its images that the folder holds.
        absent: ids of the others.
        spellings: for each number that stands in several ids of the list («1000» and «01000»), these ids; they are not the same file.
    """

    listed: LabelList
    present: tuple[Example, ...]
    absent: tuple[str, ...]
    spellings: tuple[tuple[str, ...], ...]

    @property
    def differing(self) -> list[Example]:
        """Images that the list labels otherwise than the folder does."""
        return [one for one in self.present if self.listed.labels[one.image_id] != one.quantity]


def check_list(listed: LabelList, examples: Sequence[Example]) -> ListCheck:
    """Compare a list with a folder's images, by their ids as they are written."""
    present = tuple(example for example in examples if example.image_id in listed.labels)
    here = {example.image_id for example in present}
    spelt: dict[str, list[str]] = defaultdict(list)
    for image_id in listed.labels:
        spelt[image_id.lstrip("0")].append(image_id)
    spellings = tuple(tuple(sorted(ids)) for _, ids in sorted(spelt.items()) if len(ids) > 1)
    return ListCheck(listed, present, tuple(sorted(set(listed.labels) - here)), spellings)


@dataclass(frozen=True)
class Findings:
    """Everything that the report shows.

    Attributes:
        data: the data set; ``data.refused`` could not be used.
        unreadable: images that an index names but that can no longer be read.
        looks: by image id, without the unreadable ones.
        miscounted: quantity against the articles' quantities.
        twins: neighbouring photographs of one bin.
        leaks: by kind (``group``, ``picture``, ``twin``), pairs of images in different parts.
        relabelled: pairs of the same picture with different quantities.
        suspects: labels by what a model thinks of them, None without a model.
        checked: a list of labels beside the folder, None without one.
    """

    data: DataSet
    unreadable: tuple[Refused, ...]
    looks: Mapping[str, Look]
    miscounted: Sequence[Example]
    twins: Sequence[Twins]
    leaks: Mapping[str, Sequence[Pair]]
    relabelled: Sequence[Pair]
    suspects: Sequence[Suspect] | None
    checked: ListCheck | None


def find(
    data: DataSet,
    looks: Mapping[str, Look],
    unreadable: tuple[Refused, ...] = (),
    judged: Sequence[Suspect] | None = None,
    listed: LabelList | None = None,
) -> Findings:
    """Put together what can be said of a data set.

    Args:
        data: the data set.
        looks: by image id.
        unreadable: images without a look.
        judged: what ``suspects`` gave, None without a model.
        listed: a list of labels to compare with.
    """

    def picture(example: Example) -> str | None:
        return looks[example.image_id].digest if example.image_id in looks else None

    examples = data.examples
    pairs = find_twins(examples)
    leaks = {
        "group": sharing(examples, lambda one: one.group, lambda one: one.part),
        "picture": sharing(examples, picture, lambda one: one.part),
        "twin": [(pair.one, pair.other) for pair in pairs if pair.one.part != pair.other.part],
    }
    relabelled = sharing(examples, picture, lambda one: one.quantity)
    checked = None if listed is None else check_list(listed, examples)
    return Findings(data, unreadable, looks, miscounted(examples), pairs, leaks, relabelled, judged, checked)
