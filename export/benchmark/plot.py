"""Latency and throughput of the contenders as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bintally.files import write_with
from export.benchmark.measure import Result

_FIRST, _SECOND, _FAINT = "#1f5fbf", "#c2540a", "#68707a"


def plot(results: Sequence[Result], path: Path, title: str) -> None:
    """Draw the results.

    Args:
        results: of one run.
        path: a .png or .svg file.
        title: machine, threads and day.

    Raises:
        UnavailableError: it cannot be written.
    """
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10}):
        figure = Figure(figsize=(10, 1.6 + 0.55 * len(results)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        figure.suptitle(title)
        rows = range(len(results))
        medians = [one.latency.median for one in results]
        ends = [[0.0] * len(results), [one.latency.p99 - one.latency.median for one in results]]
        left.barh(rows, medians, 0.6, color=_FIRST, xerr=ends, error_kw={"ecolor": _FAINT, "capsize": 3})
        for row, one in zip(rows, results, strict=True):
            left.text(one.latency.p99, row, f"  {one.latency.median:.1f}", va="center", fontweight="bold")
        left.set(yticks=list(rows), yticklabels=[one.contender.name for one in results], xlabel="ms for one frame: median, and up to p99")
        left.margins(x=0.15)
        best = [max(one.throughput, key=lambda entry: entry[2]) for one in results]
        right.barh(rows, [rate for _, _, rate in best], 0.6, color=_SECOND)
        for row, (threads, batch, rate) in zip(rows, best, strict=True):
            right.text(rate, row, f"  {rate:.0f} ({threads} threads, batch {batch})", va="center")
        right.set(xlabel="frames a second, at best")
        right.margins(x=0.6)
        left.invert_yaxis()
        write_with(path, lambda temporary: figure.savefig(temporary, format=path.suffix[1:], dpi=110))
