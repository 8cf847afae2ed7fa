"""Label lists into a folder, or go on with it."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bintally.errors import UnavailableError, UsageError
from bintally.files import make_folder, write_atomically
from bintally.labels import SHEET, LabelSheet, read_sheet
from warehouse.labels.workers import Done

Compute = Callable[[Sequence[int], threading.Event], Iterator[Done]]
"""Computes the shards of these numbers, in any order, until the event is set."""


def label(folder: Path, sheet: LabelSheet, compute: Compute, stop: threading.Event, show: Callable[[int], None]) -> bool:
    """Write the sheet and all shards that are not there yet.

    Args:
        folder: made if need be.
        sheet: what is to be in it.
        compute: makes the shards; whatever it raises is passed on, and what is there stays.
        stop: ends it early.
        show: called with the number of lists that are done, at first and after each shard.

    Returns:
        Whether all are done.

    Raises:
        UsageError: the folder holds other lists.
        UnavailableError: the disk is full, the folder cannot be written to, or another process labels into it.
    """
    names = sheet.shards()
    with _alone_in(make_folder(folder)):
        _begin_or_go_on(folder, sheet)
        left = [number for number, name in enumerate(names) if not (folder / name).exists()]
        done = sheet.lists - sum(_lists_of(sheet, number) for number in left)
        show(done)
        for number, data in compute(left, stop) if left else ():
            write_atomically(folder / names[number], data)
            done += _lists_of(sheet, number)
            show(done)
    return done == sheet.lists


def _lists_of(sheet: LabelSheet, number: int) -> int:
    return min(sheet.shard, sheet.lists - number * sheet.shard)


def _begin_or_go_on(folder: Path, sheet: LabelSheet) -> None:
    if not (folder / SHEET).exists():
        if any(folder.glob("lists-*.parquet")):
            raise UsageError(f"{folder}: holds shards without their {SHEET}; choose another folder, or empty this one")
        write_atomically(folder / SHEET, sheet.model_dump_json(by_alias=True, indent=2) + "\n")
        return
    before, now = (one.model_dump(mode="json") for one in (read_sheet(folder), sheet))
    if differing := [f"{key}: {_short(before[key])}, now {_short(now[key])}" for key in now if before[key] != now[key]]:
        raise UsageError(f"{folder}: was begun with other settings ({'; '.join(differing)}); use the same, or choose another folder")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:100]}…{text[-99:]}"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from labelling into a folder, and tidy up after one that was killed while it wrote."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)
        yield
    except BlockingIOError as error:
        raise UnavailableError(f"{folder}: another process labels into it; wait for it, or choose another folder") from error
    finally:
        os.close(handle)
