"""``bintally pick estimate``: from files to estimated travel times, many at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bintally.errors import InputError
from bintally.layouts import PickList
from bintally.layouts.files import read_request, request_files
from warehouse.estimator import Estimates, Estimator, open_estimator
from warehouse.labels.cart import SECONDS
from warehouse.routing.exact import pack
from warehouse.routing.scattered import choose


def estimate(paths: Sequence[Path], bundle: Path, as_json: bool) -> int:
    """Estimate all lists; one that cannot be estimated is told on standard error, and the others go on.

    Args:
        paths: pick files, and folders of them.
        bundle: of the task travel-time.
        as_json: print one object a list, a line each.

    Returns:
        The exit code: 1 if any list failed.

    Raises:
        InputError: the bundle cannot be used.
    """
    estimator, failed = open_estimator(bundle), False
    files, lists = [], []
    for file in (file for path in paths for file in request_files(path)):
        try:
            lists.append(_picks(file, estimator))
            files.append(file)
        except InputError as error:
            failed = True
            print(f"bintally pick: {error if str(file) in str(error) else f'{file}: {error}'}", file=sys.stderr)
    quantities = np.concatenate([np.empty(0, np.int64), *(picks.quantities for picks in lists)])
    found = estimator.values(pack(lists), quantities)
    rows = [_row(estimator, found, number, picks) for number, picks in enumerate(lists)]
    for file, row in zip(files, rows, strict=True):
        print(json.dumps({"file": str(file), **row}) if as_json else _text(file, row))
    return int(failed)


def _picks(file: Path, estimator: Estimator) -> PickList:
    """The list of a file, if the estimator knows its warehouse and cart; a file without a cart takes the estimator's.

    Raises:
        InputError: the file cannot be used, or is of another warehouse.
    """
    request = read_request(file)
    manifest = estimator.manifest
    estimator.check(request.ladder, (request.cart or manifest.cart) if manifest.label == SECONDS else None)
    return choose(request).picks if request.scattered else request.picks()


def _row(estimator: Estimator, found: Estimates, number: int, picks: PickList) -> dict[str, object]:
    return {
        "places": len(picks),
        "items": int(picks.quantities.sum()),
        "label": estimator.manifest.label,
        "unit": estimator.manifest.what.unit,
        "value": float(found.value[number]),
        "spread": float(found.spread[number]),
        "beyond": bool(found.beyond[number]),
        "plain_m": float(found.plain_m[number]),
    }


def _text(file: Path, row: dict[str, object]) -> str:
    beyond = "; longer than any list in training" if row["beyond"] else ""
    return (
        f"{file}: {row['value']:.1f} {row['unit']} ± {row['spread']:.1%}, {row['places']} places, {row['items']} items; "
        f"shortest tour {row['plain_m']:.2f} m{beyond}"
    )
