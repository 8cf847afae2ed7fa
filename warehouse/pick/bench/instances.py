"""The literature's instances: is every proven optimum met?"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from pathlib import Path

from bintally.errors import InputError
from bintally.layouts.files import read_request
from warehouse.pick.bench.tables import table
from warehouse.routing.exact import optimal_length_m

_COLUMNS = {1: "optimum_one_block", 2: "optimum_two_block"}


def measure(folder: Path) -> None:
    """Compare with ``optima.csv``.

    Raises:
        InputError: there is none.
    """
    try:
        with (folder / "optima.csv").open(newline="") as file:
            optima = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"{folder / 'optima.csv'}: {error.strerror}; the folder must hold instances and this list of their optima"
        ) from error
    table("Instances with a proven optimum", ("blocks", "instances", "equal", "worst gap", "seconds"), _rows(folder, optima))


def _rows(folder: Path, optima: list[dict[str, str]]) -> Iterator[tuple[object, ...]]:
    for blocks, column in _COLUMNS.items():
        begin, gaps = time.perf_counter(), []
        for row in optima:
            request = read_request(folder / row["file"], blocks=blocks)
            gaps.append(optimal_length_m(request.ladder, request.picks()) / float(row[column]) - 1)
        equal = sum(abs(gap) < 1e-9 for gap in gaps)
        yield blocks, len(gaps), equal, f"{max(gaps, key=abs):.4%}", f"{time.perf_counter() - begin:.1f}"
