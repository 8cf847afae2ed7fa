"""Labelled lists as tensors, and which of them a run may see."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bintally.errors import InputError, UsageError
from bintally.labels import BASES, PLAIN, Labelled, LabelSheet, Part, part_of, read_shards, read_sheet
from bintally.layouts import Ladder
from trainer.travel_time.checkpoint import Subject

_CHUNK = 4096


@dataclass(frozen=True)
class Lists:
    """n labelled lists, P places in all, on one device.

    Attributes:
        places: float32[P, 3]: column, y_m and quantity.
        first: int64[n + 1]; the places of list i are those from ``first[i]`` up to ``first[i + 1]``.
        base: float32[n, B], the subject's bases, above 0.
        value: float32[n], the label, above 0.
        longest: places of the longest one.
    """

    places: Tensor
    first: Tensor
    base: Tensor
    value: Tensor
    longest: int

    def __len__(self) -> int:
        return len(self.base)

    def to(self, device: torch.device) -> Lists:
        """The same ones on a device."""
        return Lists(self.places.to(device), self.first.to(device), self.base.to(device), self.value.to(device), self.longest)

    def picks(self, index: Tensor) -> Tensor:
        """Some lists as the network takes them, float32[len(index), longest, 3], padded behind with zeros."""
        first, end = self.first[index], self.first[index + 1]
        at = first.unsqueeze(1) + torch.arange(self.longest, device=first.device)
        inside = at < end.unsqueeze(1)
        return self.places[at.clamp(max=len(self.places) - 1)] * inside.unsqueeze(2)

    def chunks(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """All lists in order, some thousands at a time: picks, base and value."""
        for start in range(0, len(self), _CHUNK):
            index = torch.arange(start, min(start + _CHUNK, len(self)), device=self.base.device)
            yield self.picks(index), self.base[index], self.value[index]


@dataclass(frozen=True)
class LabelSet:
    """What a run learns from and is judged by.

    Attributes:
        subject: what is to be estimated.
        parts: the lists of each part.
        digest: of all that is in them; two sets with the same one are the same.
    """

    subject: Subject
    parts: dict[Part, Lists]
    digest: str


def load(folders: Sequence[Path], name: str) -> LabelSet:
    """Read folders that ``bintally pick label`` wrote, finished or not.

    Args:
        folders: at least one, all of the same warehouse.
        name: of the label.

    Raises:
        InputError: a folder cannot be read, is of another warehouse, or has a label that is no positive number.
        UsageError: there is no such label.
    """
    sheets = [read_sheet(folder) for folder in folders]
    for folder, sheet in zip(folders, sheets, strict=True):
        _refuse_another(folder, sheet, folders[0], sheets[0], name)
    labelled = [read_shards(folder) for folder in folders]
    for folder, one in zip(folders, labelled, strict=True):
        _refuse_unusable(folder, one, name)
    bases = tuple(base for base in BASES if base != name and all(base in sheet.labels for sheet in sheets))
    most_picks = max(sheet.most_picks for sheet in sheets)
    subject = Subject(sheets[0].ladder, sheets[0].cart, name, sheets[0].labels[name], bases, most_picks)
    parts: dict[Part, Lists] = {part: _joined([_chosen(one, name, bases, part) for one in labelled]) for part in ("train", "val", "test")}
    return LabelSet(subject, parts, _digest(parts))


def mirror_of(ladder: Ladder) -> list[int] | None:
    """For each column the one that it becomes when left and right change places; None if the ladder is not the same then."""
    last = ladder.columns - 1
    mirrored = [(last - place.column, place.cross_aisle, place.walk_m) for place in (ladder.start, *ladder.ends)]
    depots = [(place.column, place.cross_aisle, place.walk_m) for place in (ladder.start, *ladder.ends)]
    same_x = np.allclose(np.add(ladder.x_m, ladder.x_m[::-1]), ladder.x_m[0] + ladder.x_m[-1], atol=1e-6)
    same_ways = ladder.ways.columns == ladder.ways.columns[::-1] and not any(ladder.ways.cross_aisles)
    same_depots = mirrored[0] == depots[0] and sorted(mirrored[1:]) == sorted(depots[1:])
    return list(range(last, -1, -1)) if same_x and same_ways and same_depots and ladder.aisles == ladder.aisles[::-1] else None


def _refuse_another(folder: Path, sheet: LabelSheet, first_folder: Path, first: LabelSheet, name: str) -> None:
    if name not in sheet.labels:
        raise UsageError(f"--label {name}: {folder} has no such label; it has {', '.join(sheet.labels)}")
    for what in ("ladder", "cart"):
        if getattr(sheet, what) != getattr(first, what):
            raise InputError(f"{folder}: is of another {what} than {first_folder}; one network learns one warehouse, train on each alone")
    if sheet.labels[name].unit != first.labels[name].unit:
        raise InputError(f"{folder}: {name} is in {sheet.labels[name].unit}, in {first_folder} in {first.labels[name].unit}")


def _refuse_unusable(folder: Path, lists: Labelled, name: str) -> None:
    usable = np.isfinite(lists.labels[name]) & ((lists.labels[name] > 0) | (lists.labels[PLAIN] == 0))
    if not usable.all():
        at = int(np.argmin(usable))
        raise InputError(
            f"{folder}: {name} of list {lists.numbers[at]} is {lists.labels[name][at]:g}; errors are relative, so a label must be above 0"
        )


def _chosen(lists: Labelled, name: str, bases: Sequence[str], part: Part) -> Lists:
    """A part's lists; those without a way to go are left out, a relative error says nothing of them."""
    rows = np.flatnonzero((part_of(lists.numbers) == part) & (lists.labels[PLAIN] > 0))
    lengths = np.diff(lists.first)[rows]
    first = np.concatenate([[0], np.cumsum(lengths)])
    at = np.repeat(lists.first[:-1][rows] - first[:-1], lengths) + np.arange(first[-1])
    places = np.stack([lists.columns[at], lists.y_m[at], lists.quantities[at]], 1).astype(np.float32)
    base = np.stack([lists.labels[base][rows] for base in bases], 1)
    known, value = (torch.from_numpy(found.astype(np.float32)) for found in (base, lists.labels[name][rows]))
    return Lists(torch.from_numpy(places), torch.from_numpy(first), known, value, int(lengths.max(initial=1)))


def _joined(parts: Sequence[Lists]) -> Lists:
    ends = np.cumsum([0, *(len(part.places) for part in parts)]).tolist()
    return Lists(
        torch.cat([part.places for part in parts]),
        torch.cat([torch.zeros(1, dtype=torch.int64), *(part.first[1:] + end for part, end in zip(parts, ends, strict=False))]),
        torch.cat([part.base for part in parts]),
        torch.cat([part.value for part in parts]),
        max(part.longest for part in parts),
    )


def _digest(parts: dict[Part, Lists]) -> str:
    found = hashlib.sha256()
    for one in parts.values():
        for tensor in (one.places, one.first, one.base, one.value):
            found.update(tensor.numpy().tobytes())
    return found.hexdigest()
