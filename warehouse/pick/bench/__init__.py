"""``bintally pick bench``: what the routing can do on this machine, as tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bintally.errors import UnavailableError, UsageError
from warehouse.pick.bench import batch_growth, batching, cart, estimator, growth, instances, policies, speed, two_lists

PARTS = ("instances", "speed", "cart", "policies", "growth", "estimator", "two-lists", "batching", "batch-growth")
LONG = ("two-lists", "batching", "batch-growth")
"""Parts that take so long that they are measured only if named."""


def bench(
    parts: Sequence[str],
    folder: Path | None,
    out: Path | None,
    lists: int,
    seed: int,
    trained: tuple[Path, Path] | None = None,
    seconds: float = 10.0,
) -> None:
    """Measure and print.

    Args:
        parts: names of PARTS; none means all but LONG, without ``instances`` if no folder of them is given, without ``estimator`` if
            there is none.
        folder: instances with their proven optima, or of batching with their best known lengths.
        out: where plots go, and what batching has measured so far; without it there are none.
        lists: of each kind, at least 1.
        seed: of the random lists, at least 0.
        trained: an estimator's bundle, and the layout file of its warehouse.
        seconds: of each annealing on estimates, or each search on a batching instance.

    Raises:
        UsageError: an unknown part, no folder for the instances, or no estimator.
        UnavailableError: the folder for the plots cannot be made.
    """
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise UsageError(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for part in ("instances", "batching"):
        if part in parts and folder is None:
            raise UsageError(f"{part}: say where the instances are, with --instances DIR")
    for part in ("estimator", "two-lists"):
        if part in parts and trained is None:
            raise UsageError(f"{part}: this needs an estimator; say which, with --estimator BUNDLE and --layout FILE")
    given = {"instances": folder, "estimator": trained}
    wanted = parts or [part for part in PARTS if given.get(part, part) and part not in LONG]
    if out:
        _make_folder(out)
    if "instances" in wanted and folder:
        instances.measure(folder)
    if "speed" in wanted:
        speed.measure(lists, seed)
    if "cart" in wanted:
        cart.measure(lists, seed)
    if "policies" in wanted:
        policies.measure(lists, seed, out)
    if "growth" in wanted:
        growth.measure(seed, out)
    if "estimator" in wanted and trained:
        estimator.measure(*trained, lists, seed)
    if "two-lists" in wanted and trained:
        two_lists.measure(*trained, seed, seconds=seconds)
    if "batching" in wanted and folder:
        batching.measure(folder, seconds, seed, out)
    if "batch-growth" in wanted:
        batch_growth.measure(seed, out)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"{out}: no folder for the plots can be made here ({error.strerror}); choose another") from error
