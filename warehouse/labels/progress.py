"""How far a labelling is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVERY_S = 30.0


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show progress on standard error.

    Args:
        total: lists.

    Yields:
        What is to be called with the number of lists that are done.
    """
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("lists", total=total)
        yield lambda done: bar.update(task, completed=done)


class _Lines:
    """The first, the last, and one every half minute."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun: tuple[float, int] | None = None
        self._shown_at = 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        begun_at, before = self._begun = self._begun or (now, done)
        if done < self._total and now - self._shown_at < _EVERY_S:
            return
        self._shown_at = now
        rate = (done - before) / (now - begun_at) if done > before else 0.0
        left = f", {rate:,.0f} a second, {(self._total - done) / rate / 60:.1f} minutes left" if rate else ""
        print(f"{done:,} of {self._total:,} lists{left}", file=sys.stderr, flush=True)
