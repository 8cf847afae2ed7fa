"""The values that stand for a data set: labelled images, what was refused, and the parts (pure)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from trainer.data.split import Part


@dataclass(frozen=True)
class Example:
    """One labelled image: where it is, what it holds, and to which part it belongs.

    Attributes:
        image_id: unique in its data set.
        image: path of the file.
        quantity: the label, 0 or more.
        group: images of one group share an article, look alike or are of one event; they stay in one part.
        part: ``train``, ``val`` or ``test``.
        articles: number of distinct articles, None where unknown.
        listed: sum of the quantities of the articles, None where unknown.
        volume_l: litres that the items take together, None where unknown.
        centres: (x, y) of each item in shares of width and height, None where unknown; rendered bins know them.
    """

    image_id: str
    image: str
    quantity: int
    group: str
    part: Part
    articles: int | None = None
    listed: int | None = None
    volume_l: float | None = None
    centres: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True)
class Refused:
    """A file that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class DataSet:
    """Everything that was found in a folder: what can be used, and what cannot.

    Attributes:
        source: path of the folder.
        seed: of the split; without a meaning where a split was given.
        examples: what can be used, by path.
        refused: what cannot.
        leaks: groups that stand in more than one part; only a given split can have any.
    """

    source: str
    seed: int
    examples: tuple[Example, ...]
    refused: tuple[Refused, ...]
    leaks: int = 0

    def part(self, name: Part | None) -> list[Example]:
        """The examples of one part, or all of them."""
        return [example for example in self.examples if name in (None, example.part)]

    @property
    def digest(self) -> str:
        """SHA-256 over ids, quantities and parts, to name in checkpoints and bundles what was trained on."""
        lines = "\n".join(f"{e.image_id},{e.quantity},{e.part}" for e in self.examples)
        return hashlib.sha256(lines.encode()).hexdigest()
