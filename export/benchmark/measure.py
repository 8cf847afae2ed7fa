"""Measure contenders in turn, so that a machine whose speed drifts changes all of them alike."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bintally.errors import InputError
from bintally.frames import Frame, resize
from bintally.scenes import render_scene
from export.benchmark.contenders import Answer, Contender

_CALLS = 10
_WARM_UP = 2
"""Of the calls in one turn, the first do not count: the threads of the previous contender go on spinning for a moment."""
_PAUSE_S = 0.05
_CHILD_LIMIT_S = 600


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one frame."""

    median: float
    p90: float
    p99: float
    n: int


@dataclass(frozen=True)
class Start:
    """A fresh process: seconds until its first answer, with and without starting Python and its modules, and its largest memory in MB."""

    first_answer_s: float
    open_s: float
    peak_mb: float


@dataclass(frozen=True)
class Result:
    """What one contender reached; throughput as (threads, batch, frames a second)."""

    contender: Contender
    megabytes: float
    latency: Latency
    throughput: list[tuple[int, int, float]]
    start: Start


def measure(
    several: Sequence[Contender], threads: Sequence[int], batches: Sequence[int], rounds: int, tell: Callable[[str], None]
) -> list[Result]:
    """Measure all of them.

    Args:
        several: who.
        threads: numbers of threads; latency and start are measured with the first.
        batches: sizes of batches for the throughput.
        rounds: turns that each has for its latency, of eight counted calls.
        tell: is told what comes next.

    Raises:
        InputError: one cannot be opened, or does not answer.
    """
    tell("cold starts, each in a process of its own")
    starts = [start(one, threads[0]) for one in several]
    tell(f"latency of one frame, {threads[0]} threads, {rounds} rounds")
    latencies = _latencies([one.open(threads[0]) for one in several], _frames(several[0], 1), rounds)
    throughput: list[list[tuple[int, int, float]]] = [[] for _ in several]
    for number in threads:
        answers = [one.open(number) for one in several]
        for batch in batches:
            tell(f"throughput, {number} threads, batches of {batch}")
            spent = _turns(answers, _frames(several[0], batch), max(1, rounds // 4), max(3, _CALLS // batch))
            for rates, times in zip(throughput, spent, strict=True):
                rates.append((number, batch, batch / statistics.median(times)))
    return [
        Result(one, one.bundle.stat().st_size / 1e6, latency, rates, started)
        for one, latency, rates, started in zip(several, latencies, throughput, starts, strict=True)
    ]


def as_dict(result: Result) -> dict[str, object]:
    """For JSON."""
    one = result.contender
    return {
        "name": one.name,
        "bundle": str(one.bundle),
        "version": one.version,
        "target": one.target,
        "runtime": one.runtime,
        "provider": one.provider,
        "as_float": one.as_float,
        "megabytes": round(result.megabytes, 2),
        "latency_ms": asdict(result.latency),
        "throughput": [{"threads": number, "batch": batch, "frames_per_s": rate} for number, batch, rate in result.throughput],
        "start": asdict(result.start),
    }


def start(contender: Contender, threads: int) -> Start:
    """Let a fresh process open a contender and answer once.

    Raises:
        InputError: it did not.
    """
    words = json.dumps({**asdict(contender), "bundle": str(contender.bundle)})
    begun = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own module, with the caller's paths
        [sys.executable, "-m", "export.benchmark.cold", words, str(threads)],
        capture_output=True,
        text=True,
        timeout=_CHILD_LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise InputError(f"{contender.name}: {done.stderr.strip().rpartition(chr(10))[2] or 'its process ended'}")
    found = json.loads(done.stdout)
    return Start(found["answered_at"] - begun, found["open_s"], found["peak_mb"])


def _frames(contender: Contender, batch: int) -> Frame:
    return np.stack([resize(render_scene((5, number)).frame, contender.size) for number in range(batch)])


def _latencies(answers: Sequence[Answer], frame: Frame, rounds: int) -> list[Latency]:
    found = []
    for times in _turns(answers, frame, rounds, _CALLS):
        low, high = np.percentile(times, [90, 99]) * 1000
        found.append(Latency(statistics.median(times) * 1000, float(low), float(high), len(times)))
    return found


def _turns(answers: Sequence[Answer], frames: Frame, rounds: int, calls: int) -> list[list[float]]:
    """Seconds of each counted call, for each contender."""
    spent: list[list[float]] = [[] for _ in answers]
    for _ in range(rounds):
        for answer, times in zip(answers, spent, strict=True):
            time.sleep(_PAUSE_S)
            for number in range(calls):
                begun = time.perf_counter()
                answer(frames)
                if number >= min(_WARM_UP, calls - 1):
                    times.append(time.perf_counter() - begun)
    return spent
