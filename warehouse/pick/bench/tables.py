"""Tables, and how time is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown, each row as soon as it is known."""
    widths = [max(len(heading), 14) for heading in headings]
    print(f"\n{title}\n")
    print("| " + " | ".join(heading.rjust(width) for heading, width in zip(headings, widths, strict=True)) + " |")
    print("|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|")
    for row in rows:
        print("| " + " | ".join(str(cell).rjust(width) for cell, width in zip(row, widths, strict=True)) + " |", flush=True)


def median_s(calls: Iterable[Callable[[], object]]) -> float:
    """The median of the seconds that calls take, one after the other."""
    seconds = []
    for call in calls:
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)
