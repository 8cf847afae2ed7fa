"""Read what people found in bins that were drawn at random."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from bintally.errors import InputError

_MOST_TOLD = 20


def read_found(path: Path) -> dict[str, int]:
    """Read a CSV with the columns ``bin`` and ``quantity``, others are ignored.

    A bin without a quantity was not looked into, and who leaves out what is hard to reach no longer has a random sample: all must be filled in.

    Returns:
        Bin → quantity.

    Raises:
        InputError: the file cannot be read, or lines are wrong; the first 20 are named, and nothing is to be taken in.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from error
    if not lines or not {"bin", "quantity"} <= set(lines[0]):
        raise InputError(f"{path}: must have lines, and the columns bin and quantity; bintally wms rates --draw writes such a file")
    found, wrong = dict[str, int](), list[str]()
    for number, line in enumerate(lines, 2):
        bin_, quantity = line["bin"] or "", (line["quantity"] or "").strip()
        if not bin_ or bin_ in found or not (quantity.isascii() and quantity.isdigit()):
            wrong.append(f"line {number}: bin {bin_!r}, quantity {quantity!r}")
        else:
            found[bin_] = int(quantity)
    if wrong:
        told = "; ".join(wrong[:_MOST_TOLD])
        raise InputError(f"{path}: every bin must stand there once, with a whole number: {told}{'; …' if len(wrong) > _MOST_TOLD else ''}")
    return found
