"""The command: from files to plans, and a clean stop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bintally.errors import InputError
from bintally.layouts import OrderBook
from bintally.layouts.files import book_files, read_book
from bintally.signals import stop_on_signal
from warehouse.batching.budget import stopped_by
from warehouse.pick.batch.batcher import SEARCHES, Asked
from warehouse.pick.batch.plan import Plan, plan

INTERRUPTED = 130
"""As a shell says it of a program that Ctrl-C ended."""


def batch(paths: Sequence[Path], entry_m: float | None, asked: Asked, show: Callable[[Plan], None]) -> int:
    """Batch the orders of all files; one that cannot be batched is told on standard error, and the others go on.

    A signal to stop ends the search: the best lists so far are shown, and no further file is read.

    Args:
        paths: files and folders.
        entry_m: of the literature's files, None for their own.
        asked: of each file.
        show: called with each plan.

    Returns:
        The exit code: 1 if any file failed, 130 if a signal ended it.
    """
    failed = False
    files = [file for path in paths for file in book_files(path)]
    if asked.method in SEARCHES and sys.stderr.isatty():
        print("bintally pick: searching; Ctrl-C ends it with the best lists so far", file=sys.stderr)
    with stop_on_signal() as stop, stopped_by(stop):
        for file in files:
            try:
                show(_planned(read_book(file, entry_m=entry_m), asked))
            except InputError as error:
                failed = True
                print(f"bintally pick: {error}", file=sys.stderr)
            if stop.is_set():
                print("bintally pick: stopped; these are the best lists so far", file=sys.stderr)
                return INTERRUPTED
    return int(failed)


def _planned(book: OrderBook, asked: Asked) -> Plan:
    try:
        return plan(book, asked)
    except InputError as error:
        raise InputError(f"{book.file}: {error}") from error
