"""Data sets on disk: what a scan found, written as an index that training and evaluation read."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path

from bintally.errors import BintallyError, InputError, UsageError
from bintally.files import make_folder, write_atomically
from trainer.data.dataset import DataSet, Example, Refused
from trainer.data.report import report
from trainer.data.scan import SPLIT_SEED, Plan, Survey, scan, survey
from trainer.data.split import Part

INDEX, REPORT = "index.csv", "report.json"


def prepare(folder: Path, out: Path, seed: int = SPLIT_SEED) -> DataSet:
    """Scan a folder and write ``index.csv`` and ``report.json`` (counts, refused files with reasons) to ``out``.

    Raises:
        InputError: nothing in the folder can be used.
        UnavailableError: ``out`` cannot be written to.
    """
    found = survey(folder, Plan(seed))
    write(found, out)
    return found.data


def write(found: Survey, out: Path) -> None:
    """Write ``index.csv`` and ``report.json``.

    Raises:
        UnavailableError: ``out`` cannot be written to.
    """
    make_folder(out)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(Example.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(example), "centres": json.dumps(example.centres)} for example in found.data.examples)
    write_atomically(out / REPORT, json.dumps(report(found), indent=1))
    write_atomically(out / INDEX, text.getvalue())


def load(folder: Path) -> DataSet:
    """Open a data set: a folder that ``prepare`` wrote, or one in ABID's or a site's layout, which is scanned and split alike.

    Raises:
        InputError: the folder is neither, or its index is damaged.
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name one of labelled images or one that 'bintally data prepare' wrote")
    index = folder / INDEX
    if not index.exists():
        return scan(folder)
    try:
        facts = json.loads((folder / REPORT).read_text())
        with index.open(newline="") as lines:
            examples = tuple(_example(row) for row in csv.DictReader(lines))
        refused = tuple(Refused(**entry) for entry in facts["refused"])
        data = DataSet(facts["source"], facts["seed"], examples, refused, facts.get("leaks", 0))
        if facts["digest"] != data.digest:
            raise InputError(f"{index}: does not match {REPORT}; run 'bintally data prepare' again")
    except BintallyError:
        raise
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{index}: damaged ({error!r}); run 'bintally data prepare' again") from error
    return data


def _example(row: dict[str, str]) -> Example:
    parts: dict[str, Part] = {"train": "train", "val": "val", "test": "test"}
    centres = json.loads(row["centres"])
    return Example(
        image_id=row["image_id"],
        image=row["image"],
        quantity=int(row["quantity"]),
        group=row["group"],
        part=parts[row["part"]],
        articles=int(row["articles"]) if row["articles"] else None,
        listed=int(row["listed"]) if row["listed"] else None,
        volume_l=float(row["volume_l"]) if row["volume_l"] else None,
        centres=None if centres is None else tuple((x, y) for x, y in centres),
    )
