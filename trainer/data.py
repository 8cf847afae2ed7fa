"""Data sets on disk: checked, grouped, split, and written as an index that training and evaluation read."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from bintally import abid
from bintally.errors import BintallyError, InputError, UsageError
from bintally.files import make_folder, write_atomically
from bintally.frames import read_frame
from trainer.split import Part, group_by_asin, split_groups

INDEX, REPORT = "index.csv", "report.json"
SPLIT_SEED = 2026


@dataclass(frozen=True)
class Example:
    """One labelled image: where it is, what it holds, and to which part it belongs."""

    image_id: str
    image: str
    quantity: int
    group: str
    part: Part


@dataclass(frozen=True)
class Refused:
    """A file that was left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class DataSet:
    """Everything that was found in a folder: what can be used, and what cannot."""

    source: str
    seed: int
    examples: tuple[Example, ...]
    refused: tuple[Refused, ...]

    def part(self, name: Part | None) -> list[Example]:
        """The examples of one part, or all of them."""
        return [example for example in self.examples if name in (None, example.part)]

    @property
    def digest(self) -> str:
        """SHA-256 over ids, quantities and parts, to name in checkpoints and bundles what was trained on."""
        lines = "\n".join(f"{e.image_id},{e.quantity},{e.part}" for e in self.examples)
        return hashlib.sha256(lines.encode()).hexdigest()


def scan(folder: Path, seed: int = SPLIT_SEED) -> DataSet:
    """Read a folder in ABID's layout: check every image and label, group by ASIN and split.

    Raises:
        InputError: the folder has another layout, or nothing in it can be used.
    """
    paths = abid.image_paths(folder)
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(_check, paths))
    first: dict[str, Path] = {}
    for number, path in enumerate(paths):
        if first.setdefault(path.stem, path) is not path:
            outcomes[number] = Refused(str(path), f"{path}: {first[path.stem].name} has the same id; keep one of them")
    usable = [(path, found) for path, found in zip(paths, outcomes, strict=True) if isinstance(found, abid.Metadata)]
    refused = [found for found in outcomes if isinstance(found, Refused)]
    refused += _orphans(folder, paths)
    if not usable:
        raise InputError(f"{folder}: none of {len(paths)} images can be used; the first: {refused[0].reason}")
    groups = group_by_asin([(path.stem, found.asins) for path, found in usable])
    parts = split_groups(groups, seed)
    examples = tuple(Example(path.stem, str(path.resolve()), found.quantity, groups[path.stem], parts[path.stem]) for path, found in usable)
    return DataSet(str(folder.resolve()), seed, examples, tuple(refused))


def _check(path: Path) -> abid.Metadata | Refused:
    try:
        metadata = abid.read_metadata(abid.metadata_path(path))
        read_frame(path)
    except InputError as error:
        return Refused(str(path), str(error))
    return metadata


def _orphans(folder: Path, images: Sequence[Path]) -> list[Refused]:
    known = {path.stem for path in images}
    found = sorted((folder / abid.METADATA).glob("*.json"))
    return [Refused(str(path), f"{path}: no image for this metadata file") for path in found if path.stem not in known]


def prepare(folder: Path, out: Path, seed: int = SPLIT_SEED) -> DataSet:
    """Scan a folder and write ``index.csv`` and ``report.json`` (counts, refused files with reasons) to ``out``.

    Raises:
        InputError: nothing in the folder can be used.
        UnavailableError: ``out`` cannot be written to.
    """
    data = scan(folder, seed)
    make_folder(out)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(Example.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(example) for example in data.examples)
    write_atomically(out / REPORT, json.dumps(report(data), indent=1))
    write_atomically(out / INDEX, text.getvalue())
    return data


def report(data: DataSet) -> dict[str, object]:
    """What was found, for a person and for programs."""
    per_part: dict[Part, Counter[int]] = {"train": Counter(), "val": Counter(), "test": Counter()}
    for example in data.examples:
        per_part[example.part][example.quantity] += 1
    return {
        "source": data.source,
        "seed": data.seed,
        "digest": data.digest,
        "images": len(data.examples),
        "groups": len({example.group for example in data.examples}),
        "parts": {part: {"images": sum(c.values()), "quantities": dict(sorted(c.items()))} for part, c in per_part.items()},
        "refused": [asdict(entry) for entry in data.refused],
    }


def load(folder: Path) -> DataSet:
    """Open a data set: a folder that ``prepare`` wrote, or one in ABID's layout, which is scanned and split alike.

    Raises:
        InputError: the folder is neither, or its index is damaged.
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name one in ABID's layout or one that 'bintally data prepare' wrote")
    index = folder / INDEX
    if not index.exists():
        return scan(folder)
    try:
        facts = json.loads((folder / REPORT).read_text())
        with index.open(newline="") as lines:
            examples = tuple(_example(row) for row in csv.DictReader(lines))
        refused = tuple(Refused(**entry) for entry in facts["refused"])
        data = DataSet(facts["source"], facts["seed"], examples, refused)
        if facts["digest"] != data.digest:
            raise InputError(f"{index}: does not match {REPORT}; run 'bintally data prepare' again")
    except BintallyError:
        raise
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{index}: damaged ({error!r}); run 'bintally data prepare' again") from error
    return data


def _example(row: dict[str, str]) -> Example:
    parts: dict[str, Part] = {"train": "train", "val": "val", "test": "test"}
    return Example(row["image_id"], row["image"], int(row["quantity"]), row["group"], parts[row["part"]])
