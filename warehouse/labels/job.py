"""One labelling: pure but for the functions that it calls, and pickled to whoever computes its shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bintally import __version__
from bintally.errors import UsageError
from bintally.labels import Label, Labelled, LabelSheet, shard_bytes
from bintally.layouts import Cart, Ladder
from warehouse.labels.batch import Batch
from warehouse.labels.draw import KINDS, Drawing, digest
from warehouse.labels.functions import Function, Plain, function_named


@dataclass(frozen=True)
class Job:
    """What is to be drawn, and which functions label it.

    Attributes:
        ladder: the warehouse.
        drawing: of the lists.
        functions: their labels together are the sheet's.
        lists: how many.
        shard: lists in each shard but the last.
    """

    ladder: Ladder
    drawing: Drawing
    functions: tuple[Function, ...]
    lists: int
    shard: int

    def labelled(self, start: int, end: int) -> Labelled:
        """The lists from number ``start`` up to ``end``, with their labels.

        Raises:
            InputError: a function could not label one of them.
        """
        places, drawn = self.drawing.places, self.drawing.lists(start, end)
        batch = Batch(self.ladder, places, start, drawn)
        return Labelled(
            numbers=np.arange(start, end),
            kinds=drawn.kinds,
            kind_names=KINDS,
            first=drawn.first,
            columns=places.columns[drawn.chosen].astype(np.int16),
            blocks=places.blocks[drawn.chosen].astype(np.int16),
            y_m=places.y_m[drawn.chosen],
            quantities=drawn.quantities.astype(np.int32),
            labels={name: values for function in self.functions for name, values in function(batch).items()},
        )

    def shard_bytes(self, number: int) -> bytes:
        """A shard's file.

        Raises:
            InputError: as for ``labelled``.
        """
        start = number * self.shard
        return shard_bytes(self.labelled(start, min(start + self.shard, self.lists)))


def functions_of(names: Sequence[str], cart: Cart) -> tuple[Function, ...]:
    """The functions by their names, and always the shortest tour, first.

    Raises:
        UsageError: one is unknown, or two have the same label.
    """
    functions = (Plain(), *(function_named(name, cart) for name in dict.fromkeys(names) if name != "plain"))
    columns = [column for function in functions for column in function.labels]
    if len(set(columns)) < len(columns):
        raise UsageError(f"labels {', '.join(columns)}: two functions have the same name; rename one")
    return functions


def sheet_of(job: Job, cart: Cart | None) -> LabelSheet:
    """What the folder says of itself."""
    labels: dict[str, Label] = {name: label for function in job.functions for name, label in function.labels.items()}
    places = job.drawing.places
    settings = {
        "kinds": " ".join(job.drawing.kinds),
        "places": f"{len(places)}: all cells, and every half metre of blocks given in metres; digest {digest(places)}",
    }
    return LabelSheet(
        ladder=job.ladder,
        cart=cart,
        labels=labels,
        lists=job.lists,
        shard=job.shard,
        seed=job.drawing.seed,
        most_picks=job.drawing.most_picks,
        settings=settings,
        version=__version__,
    )
