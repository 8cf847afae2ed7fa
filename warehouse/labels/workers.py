"""Shards computed by processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection

from bintally.errors import UnavailableError
from warehouse.labels.job import Job

Done = tuple[int, bytes]
"""A shard's number and its file."""
_LOOK_S = 0.2
_job: Job  # of a worker


def cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0))


def on_this_machine(job: Job, numbers: Sequence[int], workers: int, stop: threading.Event) -> Iterator[Done]:
    """Compute shards, and give each when it is done.

    Args:
        job: what to do.
        numbers: of the shards.
        workers: processes.
        stop: when it is set, the workers are ended at once, in the middle of their shards, and no more is given.

    Raises:
        InputError: a function could not label a list.
        UnavailableError: a worker died.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that the router's threads hold
    lives, lifeline = context.Pipe(duplex=False)
    with lives, lifeline, ProcessPoolExecutor(workers, context, _begin, (job, lives)) as pool:
        try:
            yield from _as_completed(pool, list(numbers), 2 * workers, stop)
        except BrokenProcessPool as error:
            raise UnavailableError(
                "a worker died, perhaps for want of memory; the shards done so far are kept: call the same command again, with fewer --workers"
            ) from error
        finally:
            lifeline.close()  # ends the workers; pool.__exit__ would wait for their shards


def _as_completed(pool: ProcessPoolExecutor, numbers: list[int], at_once: int, stop: threading.Event) -> Iterator[Done]:
    waiting: set[Future[Done]] = set()
    while (numbers or waiting) and not stop.is_set():
        while numbers and len(waiting) < at_once:
            waiting.add(pool.submit(_compute, numbers.pop(0)))
        done, waiting = wait(waiting, _LOOK_S, FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _begin(job: Job, lives: Connection) -> None:
    """A worker's first act. It ends with its parent, however that ends: the parent alone holds the other end of the pipe."""
    global _job  # noqa: PLW0603 - the pool has no other place for what all of a worker's tasks share
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    threading.Thread(target=_end_with, args=(lives,), name="lifeline", daemon=True).start()


def _end_with(lives: Connection) -> None:
    with suppress(EOFError, OSError):
        lives.recv_bytes()
    os._exit(1)


def _compute(number: int) -> Done:
    return number, _job.shard_bytes(number)
