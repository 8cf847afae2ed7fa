"""Read a folder of labelled images: every image and label is checked, grouped and split."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bintally import abid
from bintally.errors import InputError
from bintally.frames import read_frame
from trainer.data.dataset import DataSet, Example, Refused
from trainer.data.split import Part, group_by_asin, split_groups

SPLIT_SEED = 2026


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
    examples = tuple(_example(path, found, groups[path.stem], parts[path.stem]) for path, found in usable)
    return DataSet(str(folder.resolve()), seed, examples, tuple(refused))


def _example(path: Path, found: abid.Metadata, group: str, part: Part) -> Example:
    articles = len(found.asins) if found.asins or not found.quantity else None
    return Example(path.stem, str(path.resolve()), found.quantity, group, part, articles, found.listed, found.volume_l, found.centres)


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
