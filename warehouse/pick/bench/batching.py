"""Order batching: the literature's instances beside their best known lengths."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from bintally.errors import InputError, UnavailableError
from bintally.layouts import OrderBook
from bintally.layouts.files import read_book
from warehouse.batching import BatchProblem, alns, batch_problem, random, savings
from warehouse.pick.bench.tables import table

ENTRY_M = 1.5
"""From a cross aisle's centre line to the first cell, as the reference values assume."""
RANDOMS = 10
"""Random splits, of which the mean is taken."""
_FIELDS = ("file", "orders", "capacity", "best_known", "random", "savings", "alns", "iterations", "seconds", "seed")
Row = dict[str, str]


def measure(folder: Path, seconds: float, seed: int, out: Path | None) -> None:
    """Compare with ``best_known.csv``: random, savings, and the adaptive large neighbourhood search.

    Args:
        folder: the instances, and the list of their best known lengths.
        seconds: of each search.
        seed: of the random numbers.
        out: a folder for ``batching.csv``, which gets a line after each instance. Instances that are in it already, measured with the same
            seconds and seed, are not measured again.

    Raises:
        InputError: there is no list of best known lengths, or a file is no instance.
        UnavailableError: the lines cannot be written.
    """
    known = _best_known(folder)
    path = out / "batching.csv" if out else None
    done = {row["file"]: row for row in _rows(path) if (row["seconds"], row["seed"]) == (f"{seconds:g}", str(seed))} if path else {}
    for number, (file, best_m) in enumerate(known.items(), 1):
        if file not in done:
            done[file] = _measured(folder / file, best_m, seconds, seed)
            if path:
                _append(path, done[file])
        print(f"\r{number} of {len(known)} instances", end="", flush=True)
    headings = ("orders", "capacity", "instances", "random", "savings", "alns", "alns, worst", "best known, m")
    table(f"Batching, {seconds:g} s an instance: gaps to the best known lengths", headings, _table([done[file] for file in known]))


def problem_of(book: OrderBook) -> BatchProblem:
    """A book without waves and zones as one problem."""
    orders = [(order.name, order.lines) for order in book.orders]
    return batch_problem(book.ladder, book.shelves, orders, book.loads, list(book.limits.values()), book.carts)


def _best_known(folder: Path) -> dict[str, float]:
    path = folder / "best_known.csv"
    try:
        with path.open(newline="") as file:
            return {row["file"]: float(row["best_known"]) for row in csv.DictReader(file)}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; the folder must hold instances and this list of their best known lengths") from error
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: {error}; it must be a table with the columns file and best_known, metres") from error


def _measured(path: Path, best_m: float, seconds: float, seed: int) -> Row:
    book = read_book(path, entry_m=ENTRY_M)
    problem = problem_of(book)
    found = alns(problem, seconds=seconds, seed=seed)
    of_random = mean(random(problem, seed + number).total_length_m for number in range(RANDOMS))
    lengths = (best_m, of_random, savings(problem).total_length_m, found.total_length_m)
    values = (path.name, len(problem), f"{problem.limits[0]:g}", *(f"{one:.3f}" for one in lengths), found.iterations, f"{seconds:g}", seed)
    return dict(zip(_FIELDS, map(str, values), strict=True))


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        # where a run was killed, a line may be cut off
        return [row for row in csv.DictReader(file) if all(row.get(name) for name in _FIELDS)]


def _append(path: Path, row: Row) -> None:
    try:
        before = path.read_bytes() if path.exists() else b""
        with path.open("a", newline="") as file:
            if before and not before.endswith(b"\n"):
                file.write("\n")  # behind a line that was cut off
            writer = csv.DictWriter(file, _FIELDS)
            if not before:
                writer.writeheader()
            writer.writerow(row)
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written ({error.strerror}); choose another folder with --out") from error


def _table(rows: list[Row]) -> Iterator[tuple[object, ...]]:
    """A line for each number of orders and capacity, and one for all."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["orders"], row["capacity"]].append(row)
    for (orders, capacity), group in sorted(groups.items(), key=lambda item: (float(item[0][0]), float(item[0][1]))):
        yield orders, capacity, *_line(group)
    yield "all", "all", *_line(rows)


def _line(rows: list[Row]) -> tuple[object, ...]:
    gaps = {name: [float(row[name]) / float(row["best_known"]) - 1 for row in rows] for name in ("random", "savings", "alns")}
    means = [f"{mean(values):.2%}" for values in gaps.values()]
    return len(rows), *means, f"{max(gaps['alns']):.2%}", f"{mean(float(row['best_known']) for row in rows):.1f}"
