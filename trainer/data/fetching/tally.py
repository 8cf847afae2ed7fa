"""What a fetch did, counted while it goes and shown as it goes."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from bintally.errors import UnavailableError

HOPELESS = 25
"""So many failures in a row mean that the store is gone, not that some objects are bad."""

_LOG_EVERY_S = 10.0

Kind = Literal["fetched", "already", "missing", "failed"]
log = structlog.get_logger()


@dataclass(frozen=True)
class Outcome:
    """What became of an image: how many bytes were fetched for it, and what was wrong."""

    image_id: str
    kind: Kind
    size_bytes: int = 0
    reason: str = ""


@dataclass
class Tally:
    """What was done so far.

    Attributes:
        total: how many images are wanted; of so many in each class perhaps fewer will be found.
        kinds: number of images by what became of them; an image is ``fetched`` where one of its two files was.
        size_bytes: fetched.
        looked: images of which the count was asked to fill the classes.
        problems: the missing and the failed ones.
        short: by a class's name, how many images are not to be found.
        stopped: a signal came before the end.
    """

    total: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    size_bytes: int = 0
    looked: int = 0
    problems: list[Outcome] = field(default_factory=list)
    short: dict[str, int] = field(default_factory=dict)
    stopped: bool = False
    _failed_in_a_row: int = 0

    @property
    def complete(self) -> bool:
        """All that was wanted is there."""
        return not (self.problems or self.short or self.stopped)

    def add(self, outcome: Outcome) -> None:
        """Count an image.

        Raises:
            UnavailableError: too many failed, one after the other.
        """
        self.kinds[outcome.kind] += 1
        self.size_bytes += outcome.size_bytes
        if outcome.kind in ("missing", "failed"):
            self.problems.append(outcome)
        self._failed_in_a_row = self._failed_in_a_row + 1 if outcome.kind == "failed" else 0
        if self._failed_in_a_row == HOPELESS:
            raise UnavailableError(f"{HOPELESS} images in a row could not be fetched; the last: {outcome.reason}")

    def problems_csv(self) -> str:
        """The missing and failed images as a table, an id in the first column."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("id", "kind", "reason"))
        rows.writerows((one.image_id, one.kind, one.reason) for one in self.problems)
        return text.getvalue()

    def as_json(self) -> dict[str, Any]:
        """The figures, for programs."""
        kinds = {kind: self.kinds[kind] for kind in ("fetched", "already", "missing", "failed")}
        return {
            "wanted": self.total,
            **kinds,
            "bytes": self.size_bytes,
            "looked": self.looked,
            "short": self.short,
            "stopped": self.stopped,
        }

    def as_text(self, missing_file: str) -> str:
        """The figures, for a person."""
        lines = [f"fetched {self.kinds['fetched']:>9} images, {self.size_bytes / 1e6:.1f} MB", f"already {self.kinds['already']:>9} images"]
        if self.problems:
            lines.append(f"missing {self.kinds['missing']:>9}, failed {self.kinds['failed']}; each with its reason in {missing_file}")
        lines += [f"short: of class {name} there are {lacking} too few" for name, lacking in self.short.items()]
        if self.stopped:
            lines.append("stopped before the end; run the same command again to go on")
        return "\n".join(lines)


@contextmanager
def shown_on_stderr() -> Iterator[Callable[[Tally], None]]:
    """A bar on a terminal, and otherwise a log line now and then; what is yielded is to be called after every image."""
    if not sys.stderr.isatty():
        yield _logger()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("fetching", total=None)
        yield lambda tally: bar.update(task, total=tally.total, completed=tally.kinds.total(), description=_in_words(tally))


def _logger() -> Callable[[Tally], None]:
    last_at = time.monotonic()

    def show(tally: Tally) -> None:
        nonlocal last_at
        if time.monotonic() - last_at >= _LOG_EVERY_S:
            last_at = time.monotonic()
            log.info("fetching", images=tally.kinds.total(), of=tally.total, looked=tally.looked, mb=round(tally.size_bytes / 1e6, 1))

    return show


def _in_words(tally: Tally) -> str:
    looked = f", {tally.looked} looked at" if tally.looked else ""
    return f"{tally.size_bytes / 1e6:.0f} MB{looked}"
