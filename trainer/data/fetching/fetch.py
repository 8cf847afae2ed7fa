"""Fetch the Amazon Bin Image Dataset: many files at a time, each checked, kept whole, and not fetched twice.

Source: https://registry.opendata.aws/amazon-bin-imagery/
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from bintally import abid
from bintally.errors import InputError, UsageError
from trainer.data.fetching.destination import Destination, Found
from trainer.data.fetching.ids import ALL_CLASSES, Labels, Quota, choose, class_of, image_name, quantity_in, read_ids
from trainer.data.fetching.s3 import Bucket, FaultyError, NotThereError
from trainer.data.fetching.tally import Outcome, Tally

MISSING = "fetch-missing.csv"
MOST_WORKERS = 256

_AHEAD = 8
"""Tasks in hand for each worker: enough that one slow object does not make the others wait, and few to hold in memory."""

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Plan:
    """Which images are wanted.

    Attributes:
        labels: ids, with their counts where these are known; None means all that the bucket holds.
        per_class: so many images of each class only; None means all.
        seed: decides which images of a class.
    """

    labels: Labels | None = None
    per_class: int | None = None
    seed: int = 0


def plan_for(everything: bool, ids: Path | None, per_class: int | None, seed: int, workers: int) -> Plan:
    """The plan that command-line options ask for; ``ids`` is a file that ``read_ids`` reads.

    Raises:
        InputError: the file cannot be used.
        UsageError: the options contradict each other, or a number is out of its range.
    """
    if everything and (ids or per_class is not None):
        raise UsageError("--all fetches every image; leave it out to use --ids or --per-class")
    if not (everything or ids or per_class is not None):
        raise UsageError("which images? Give --per-class N, --ids FILE or --all")
    if per_class is not None and per_class < 1:
        raise UsageError(f"--per-class is {per_class}; it must be 1 or more")
    if not 1 <= workers <= MOST_WORKERS:
        raise UsageError(f"--workers is {workers}; it must be from 1 to {MOST_WORKERS}")
    return Plan(None if ids is None else read_ids(ids), per_class, seed)


def fetch(
    source: Bucket,
    destination: Destination,
    plan: Plan,
    workers: int,
    stop: threading.Event,
    shown: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Fetch images with their metadata; what is there whole already is left alone.

    Args:
        source: a bucket in ABID's layout.
        destination: where to.
        plan: which images.
        workers: how many files at a time.
        stop: once it is set, no further image is begun.
        shown: is given what was done, after each image.

    Returns:
        What was done; what is missing stands in ``fetch-missing.csv`` at the destination, too.

    Raises:
        InputError: the bucket holds no images.
        UnavailableError: source or destination is out of reach, or the disk is full; what is whole is kept.
    """
    source.check()
    labels = dict.fromkeys(_all_ids(source, stop)) if plan.labels is None else plan.labels
    quota = None if plan.per_class is None else _quota(labels, plan.per_class)
    tally = Tally(total=len(labels) if quota is None else quota.total)
    with _pool(workers, stop) as pool:
        run = _Run(source, destination, labels, tally, shown, pool, stop, workers * _AHEAD)
        for outcome in run.in_order(run.copy, labels if quota is None else choose(run.counted(plan.seed), quota)):
            if stop.is_set():
                break  # a stop also ends further attempts, so what fails now is no finding
            tally.add(outcome)
            shown(tally)
    tally.stopped = stop.is_set()
    tally.short = {} if quota is None or tally.stopped else quota.short
    destination.write(MISSING, tally.problems_csv())
    return tally


def _all_ids(source: Bucket, stop: threading.Event) -> list[str]:
    names = (PurePosixPath(key) for key in source.keys(f"{abid.IMAGES}/"))
    numbers = sorted(int(name.stem) for name in names if name.suffix == ".jpg" and name.stem.isascii() and name.stem.isdecimal())
    if not numbers and not stop.is_set():
        raise InputError(f"{source.where}: no {abid.IMAGES}/<id>.jpg in it; is this the right bucket?")
    return [image_name(number) for number in numbers]


def _quota(labels: Labels, per_class: int) -> Quota:
    """Of a list with counts only the classes that it names can be had; of others, any."""
    known = {class_of(count) for count in labels.values() if count is not None}
    return Quota(per_class, known or ALL_CLASSES)


@dataclass(frozen=True)
class _Run:
    """One fetch at work; ``look`` and ``copy`` are called from the pool's threads."""

    source: Bucket
    destination: Destination
    labels: Labels
    tally: Tally
    shown: Callable[[Tally], None]
    pool: ThreadPoolExecutor
    stop: threading.Event
    ahead: int

    def in_order(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """Results in the order of ``items``, of which at most ``ahead`` are in hand; ends early when ``stop`` is set."""
        waiting: deque[Future[B]] = deque()
        for item in items:
            if self.stop.is_set():
                return
            waiting.append(self.pool.submit(work, item))
            if len(waiting) >= self.ahead:
                yield waiting.popleft().result()
        while waiting and not self.stop.is_set():
            yield waiting.popleft().result()

    def counted(self, seed: int) -> Iterator[tuple[str, int]]:
        """The images in random order with their counts; those of which none can be had are left out."""
        order = random.Random(seed).sample(sorted(self.labels), len(self.labels))  # noqa: S311
        for image_id, count in self.in_order(self.look, order):
            self.tally.looked += 1
            self.shown(self.tally)
            if isinstance(count, Outcome):
                self.tally.add(count)
            elif count is not None:
                yield image_id, count

    def look(self, image_id: str) -> tuple[str, int | Outcome | None]:
        """The count that the list gives, or that an earlier fetch saw, or that the metadata holds."""
        count = self.labels[image_id]
        return image_id, self._count_in_metadata(image_id) if count is None else count

    def _count_in_metadata(self, image_id: str) -> int | Outcome | None:
        known = self.destination.quantity(image_id)
        if known is not None:
            return known
        try:
            content = self.source.get(f"{abid.METADATA}/{image_id}.json")
        except NotThereError:
            return None
        except FaultyError as error:
            return Outcome(image_id, "failed", reason=str(error))
        count = None if content is None else quantity_in(content)
        if count is not None:
            self.destination.remember(image_id, count)
        return count

    def copy(self, image_id: str) -> Outcome:
        """Fetch an image and its metadata; neither is kept where the other cannot be had."""
        keys = (f"{abid.METADATA}/{image_id}.json", f"{abid.IMAGES}/{image_id}.jpg")
        try:
            contents = {key: self._content(key, self.destination.find(key)) for key in keys}
            for key, content in contents.items():
                if content is not None:
                    self.destination.keep(key, content)
        except NotThereError as error:
            return Outcome(image_id, "missing", reason=str(error))
        except FaultyError as error:
            return Outcome(image_id, "failed", reason=str(error))
        fetched = [content for content in contents.values() if content is not None]
        return Outcome(image_id, "fetched" if fetched else "already", sum(map(len, fetched)))

    def _content(self, key: str, found: Found | None) -> bytes | None:
        """What is to be kept, None where it is there already."""
        if found is not None and found.whole:
            return None
        content = self.source.get(key, unless_md5=None if found is None else found.md5)
        if found is None:
            return content
        if content is None:
            self.destination.adopt(key, found.md5)
        elif found.recorded is None:
            raise FaultyError(
                f"{self.destination.where}: its {key} is not the data set's and was not fetched; move it away, or choose another place"
            )
        return content


@contextmanager
def _pool(workers: int, stop: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """Threads that finish what they have in hand and begin nothing more when something goes wrong."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="fetch")
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
