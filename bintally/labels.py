"""Labelled pick lists: what ``bintally pick label`` writes and the trainer reads.

A folder holds ``labels.json``, a `LabelSheet`, and its lists in shards, ``lists-00000.parquet`` and so on, each with COLUMNS and one column
of float64 for each label. A shard is only there when it is complete. List i is the same, labels and all, whoever made it and when: it is
drawn with the random numbers of (seed, i) alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
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
ALONG = "along_s"
"""The label beside a cart's times: of the best schedule that takes the places in the order of the shortest tour."""
BASES = (PLAIN, ALONG)
"""Labels that are found in microseconds, so that an estimator of others may be given them."""

Part = Literal["train", "val", "test"]
_HELD_OUT = 20
"""Of so many lists in a row the last but one is validated on and the last one tested on: 5 % each."""


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


@dataclass(frozen=True)
class Labelled:
    """n labelled lists in flat arrays; each is sorted by column and y_m, as a `PickList` is.

    Attributes:
        numbers: int64[n], i.
        kinds: int64[n], indices of kind_names: how each was drawn.
        kind_names: texts.
        first: int64[n + 1]; the places of the list at index k are those from ``first[k]`` up to ``first[k + 1]``.
        columns, blocks: int16[places].
        y_m: float64[places].
        quantities: int32[places].
        labels: by name, float64[n].
    """

    numbers: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]
    kind_names: tuple[str, ...]
    first: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int16]
    blocks: npt.NDArray[np.int16]
    y_m: npt.NDArray[np.float64]
    quantities: npt.NDArray[np.int32]
    labels: Mapping[str, npt.NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.numbers)


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


def part_of(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.str_]:
    """The part of each list: whether one may learn from it. It depends on its number alone, so that a set which grows moves no list."""
    rest = numbers % _HELD_OUT
    return np.where(rest == _HELD_OUT - 2, "val", np.where(rest == _HELD_OUT - 1, "test", "train"))


def shard_bytes(lists: Labelled) -> bytes:
    """A shard as a Parquet file: the same lists always give the same bytes, with the same release of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def packed(values: npt.NDArray[Any]) -> pa.ListArray:
        return pa.ListArray.from_arrays(pa.array(lists.first, pa.int32()), pa.array(values))

    places = {name: packed(getattr(lists, name)) for name in ("columns", "blocks", "y_m", "quantities")}
    kinds = pa.array(np.array(lists.kind_names, object)[lists.kinds], pa.string())
    table = pa.table({"number": lists.numbers, "kind": kinds, **places, **lists.labels})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_shards(folder: Path, shards: Sequence[str] | None = None) -> Labelled:
    """Read labelled lists, in the order of their numbers.

    Args:
        folder: as ``bintally pick label`` leaves it, finished or not.
        shards: names of those to read; by default all that are there.

    Raises:
        InputError: the sheet or a shard is missing or damaged, or no shard is there yet.
    """
    sheet = read_sheet(folder)
    names = [name for name in sheet.shards() if (folder / name).exists()] if shards is None else shards
    if not names:
        raise InputError(f"{folder}: no shard is complete yet; let 'bintally pick label' go on")
    parts = [_read_shard(folder / name, sheet) for name in names]
    kind_names = tuple(sorted({kind for part in parts for kind in part.kind_names}))
    ends = np.cumsum([0, *(part.first[-1] for part in parts)])
    return Labelled(
        numbers=np.concatenate([part.numbers for part in parts]),
        kinds=np.concatenate([np.array([kind_names.index(kind) for kind in part.kind_names])[part.kinds] for part in parts]),
        kind_names=kind_names,
        first=np.concatenate([[0], *(part.first[1:] + end for part, end in zip(parts, ends, strict=False))]),
        columns=np.concatenate([part.columns for part in parts]),
        blocks=np.concatenate([part.blocks for part in parts]),
        y_m=np.concatenate([part.y_m for part in parts]),
        quantities=np.concatenate([part.quantities for part in parts]),
        labels={name: np.concatenate([part.labels[name] for part in parts]) for name in sheet.labels},
    )


def _read_shard(path: Path, sheet: LabelSheet) -> Labelled:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).combine_chunks()
        begin = sheet.shard * sheet.shards().index(path.name)
        numbers = table["number"].to_numpy()
        if not np.array_equal(numbers, np.arange(begin, min(begin + sheet.shard, sheet.lists))):
            raise InputError(f"{path}: does not hold the lists from {begin} on; delete it, and 'bintally pick label' makes it again")
        return _labelled(table, sheet)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is not there; let 'bintally pick label' go on") from error
    except (OSError, pa.ArrowException, KeyError) as error:
        raise InputError(f"{path}: is damaged ({error}); delete it, and 'bintally pick label' makes it again") from error


def _labelled(table: Any, sheet: LabelSheet) -> Labelled:
    """A shard's table; its numbers are right."""
    columns = {name: table[name].chunk(0) for name in table.column_names}
    kinds = columns["kind"].dictionary_encode()
    return Labelled(
        numbers=columns["number"].to_numpy(),
        kinds=kinds.indices.to_numpy().astype(np.int64),
        kind_names=tuple(kinds.dictionary.to_pylist()),
        first=columns["columns"].offsets.to_numpy().astype(np.int64),
        columns=columns["columns"].values.to_numpy(),
        blocks=columns["blocks"].values.to_numpy(),
        y_m=columns["y_m"].values.to_numpy(),
        quantities=columns["quantities"].values.to_numpy(),
        labels={name: columns[name].to_numpy() for name in sheet.labels},
    )
