"""Labelled pick lists: what ``bintally pick label`` writes and the trainer reads.

A folder holds ``labels.json``, a `LabelSheet`, and its lists in shards, ``lists-00000.parquet`` and so on, each with COLUMNS and one column
of float64 for each label. A shard is only there when it is complete. List i is the same, labels and all, whoever made it and when: it is
drawn with the random numbers of (seed, i) alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder

SHEET = "labels.json"
COLUMNS = {
    "number": "int64, i",
    "kind": "string, how it was drawn",
    "columns": "list of int16, the ladder's column of each place; sorted by column and y_m, as a `PickList` is",
    "blocks": "list of int16",
    "y_m": "list of float64",
    "quantities": "list of int32",
}
"""Of each shard, in this order; the labels follow."""
PLAIN = "plain_m"
"""The label that is always there: the length of the shortest tour."""


class Label(BaseModel):
    """One labelled function of pick lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Literal["m", "s"] | str  # noqa: PYI051 - the usual ones are named
    about: str = Field(description="what it is, and how it was computed")


class LabelSheet(BaseModel):
    """What a folder of labelled lists says of itself.

    Attributes:
        ladder: the warehouse of all lists.
        cart: the worker and the cart of the labels that need one.
        labels: by the name of their column; PLAIN among them.
        lists: how many there are to be; while labelling goes on, shards are missing.
        shard: lists in each shard but the last.
        seed: of the lists.
        most_picks: places of the longest list.
        settings: of the drawing and labelling, by name; with another one a folder is not gone on with.
        version: of bintally.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_number: Literal[1] = Field(1, alias="schema")
    ladder: Ladder
    cart: Cart | None
    labels: dict[str, Label]
    lists: int = Field(ge=1)
    shard: int = Field(ge=1)
    seed: int = Field(ge=0)
    most_picks: int = Field(ge=1)
    settings: dict[str, str]
    version: str

    def shards(self) -> list[str]:
        """Their names."""
        return [f"lists-{number:05d}.parquet" for number in range(-(-self.lists // self.shard))]


def read_sheet(folder: Path) -> LabelSheet:
    """Read ``labels.json``.

    Raises:
        InputError: it is missing, or not what it must be.
    """
    path = folder / SHEET
    try:
        return LabelSheet.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); 'bintally pick label' makes such folders") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; label the lists again") from error
