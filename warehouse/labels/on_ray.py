"""Shards computed on a Ray cluster.

Ray ends its driver's process when the cluster is gone. So the driver is a process of its own here, which hands over what is done: if it ends
too early, that can be told, and what was written stays. Nothing is shared with the cluster but what the driver sends: no disk.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from bintally.errors import BintallyError, UnavailableError, UsageError
from warehouse.labels.job import Job
from warehouse.labels.workers import Done

_LOOK_S, _CONNECT_S = 0.2, 5.0
_PATIENCE_S = 20.0
"""To let the driver leave the cluster, or end the one that it started."""
_GONE = "the shards done so far are kept: call the same command again when the cluster is there"


def on_ray(job: Job, numbers: Sequence[int], address: str, workers: int, stop: threading.Event) -> Iterator[Done]:
    """Compute shards as tasks of a cluster, and give each when it is done.

    Args:
        job: what to do.
        numbers: of the shards.
        address: of a running cluster, or ``local`` to start one on this machine, which ends with the labelling.
        workers: of the local one.
        stop: when it is set, no more is given.

    Raises:
        InputError: a function could not label a list.
        UnavailableError: the cluster cannot be reached, or went away.
        UsageError: Ray is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError("--ray needs Ray, which is not installed; run: pip install 'bintally[ray]'")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    driver = context.Process(target=_drive, args=(theirs, job, list(numbers), address, workers), name="ray-driver")
    driver.start()
    theirs.close()
    try:
        yield from _received(ours, len(numbers), address, stop)
    finally:
        ours.close()
        driver.join(_PATIENCE_S)
        driver.kill()
        driver.join()


def _received(ours: Connection, count: int, address: str, stop: threading.Event) -> Iterator[Done]:
    while count and not stop.is_set():
        if not ours.poll(_LOOK_S):
            continue
        try:
            message = ours.recv()
        except EOFError as error:
            raise UnavailableError(f"Ray cluster {address}: it went away; {_GONE}") from error
        if isinstance(message, BintallyError):
            raise message
        yield message
        count -= 1


def _drive(theirs: Connection, job: Job, numbers: list[int], address: str, workers: int) -> None:
    """The driver: sends what is done, or an error, until all is done or the other side is closed."""
    import ray

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    try:
        _join_cluster(address, workers)
        for done in _computed(job, numbers, theirs):
            theirs.send(done)
    except BintallyError as error:
        theirs.send(error)
    except (OSError, ray.exceptions.RayError) as error:
        text = " ".join(str(error).split())[:300]
        theirs.send(UnavailableError(f"Ray cluster {address}: {text}; {_GONE}"))
    finally:
        ray.shutdown()
        theirs.close()


def _join_cluster(address: str, workers: int) -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody outside is told
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        ray.init(num_cpus=workers, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        return
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        # Ray itself would try for minutes, and say so on standard error
        socket.create_connection((host, int(port)), _CONNECT_S).close()
    ray.init(address=address, **quiet)


def _computed(job: Job, numbers: list[int], theirs: Connection) -> Iterator[Done]:
    import ray

    task = ray.remote(_compute)
    shared = ray.put(job)
    waiting: list[Any] = []
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    at_once = 2 * max(1, int(resources.get("CPU", 1)))
    while numbers or waiting:
        while numbers and len(waiting) < at_once:
            waiting.append(task.remote(shared, numbers.pop(0)))
        done, waiting = ray.wait(waiting, timeout=_LOOK_S)
        for one in ray.get(done):
            if isinstance(one, BintallyError):
                raise one
            yield one
        if theirs.poll():  # closed: nothing is ever sent this way
            return


def _compute(job: Job, number: int) -> Done | BintallyError:
    """A task. Its errors are values, as Ray would wrap them in its own."""
    try:
        return number, job.shard_bytes(number)
    except BintallyError as error:
        return error
