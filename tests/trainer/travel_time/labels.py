"""Folders of labelled lists for tests: a small symmetric hall, and a label that is a plain formula of the picks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bintally.labels import ALONG, PLAIN, SHEET, Label, Labelled, LabelSheet, shard_bytes
from bintally.layouts import Ladder, PickList, Place, Ways
from bintally.layouts.generate import uniform_list

NAME = "toil_s"
HALL = Ladder(
    x_m=(0.0, 3.0, 4.5, 6.0, 9.0),
    y_m=(0.0, 8.0, 14.0),
    start=Place(2, 0),
    ends=(Place(2, 0),),
    aisles=(True, True, False, True, True),
    ways=Ways((0,) * 5, (0,) * 3),
)
"""Four aisles, the depot in the middle of the front, two blocks of different length."""


def plain_m(ladder: Ladder, picks: PickList) -> float:
    """A stand-in for the shortest tour: every aisle from the front to its last pick and back, and the front cross aisle."""
    if not len(picks):
        return 0.0
    depths = sum(2 * picks.y_m[picks.columns == column].max() for column in set(picks.columns.tolist()))
    return float(depths + 2 * abs(np.array(ladder.x_m)[picks.columns] - ladder.x_m[ladder.start.column]).max())


def toil_s(ladder: Ladder, picks: PickList) -> float:
    """The label: the walk, 2 s an item, and 5 s for every sub-aisle that is entered."""
    entered = len(set(zip(picks.columns.tolist(), picks.blocks.tolist(), strict=True)))
    return plain_m(ladder, picks) / 1.4 + 2.0 * float(picks.quantities.sum()) + 5.0 * entered


def draw(number: int, ladder: Ladder = HALL) -> PickList:
    """List i."""
    rng = np.random.default_rng((9, number))
    return uniform_list(rng, ladder, int(rng.integers(1, 9)), most_items=4)


def packed(lists: list[PickList], begin: int, ladder: Ladder, scale: float = 1.0) -> Labelled:
    """Lists as a shard holds them."""
    return Labelled(
        numbers=np.arange(begin, begin + len(lists)),
        kinds=np.zeros(len(lists), np.int64),
        kind_names=("uniform",),
        first=np.cumsum([0, *map(len, lists)]),
        columns=np.concatenate([one.columns for one in lists]).astype(np.int16),
        blocks=np.concatenate([one.blocks for one in lists]).astype(np.int16),
        y_m=np.concatenate([one.y_m for one in lists]),
        quantities=np.concatenate([one.quantities for one in lists]).astype(np.int32),
        labels={
            PLAIN: np.array([plain_m(ladder, one) for one in lists]),
            NAME: scale * np.array([toil_s(ladder, one) for one in lists]),
        },
    )


def write_labels(
    folder: Path, lists: int = 400, ladder: Ladder = HALL, shard: int = 100, unit: str = "s", scale: float = 1.0, also: bool = False
) -> Path:
    """A folder as ``bintally pick label`` leaves it; also with a second base."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = {PLAIN: Label(unit="m", about="a tour"), NAME: Label(unit=unit, about="a made-up time")}
    labels |= {ALONG: Label(unit="s", about="twice the tour")} if also else {}
    sheet = LabelSheet(
        schema=1, ladder=ladder, cart=None, labels=labels, lists=lists, shard=shard, seed=9, most_picks=8, settings={}, version="0"
    )
    (folder / SHEET).write_text(sheet.model_dump_json(by_alias=True), "utf-8")
    for index, name in enumerate(sheet.shards()):
        numbers = range(index * shard, min((index + 1) * shard, lists))
        shard_lists = packed([draw(number, ladder) for number in numbers], numbers.start, ladder, scale)
        found = {ALONG: 2 * shard_lists.labels[PLAIN]} if also else {}
        (folder / name).write_bytes(shard_bytes(replace(shard_lists, labels={**shard_lists.labels, **found})))
    return folder
