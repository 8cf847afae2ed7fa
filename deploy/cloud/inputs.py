"""The channels of a job as paths for ``bintally train``."""

from __future__ import annotations

import csv
import os
import shutil
from functools import partial
from pathlib import Path

from bintally.errors import InputError
from bintally.files import make_folder, write_atomically, write_with
from deploy.cloud.contract import Given, Job
from deploy.cloud.items import INDEX, REPORT, as_csv
from deploy.cloud.jobs import BEGIN, WEIGHTS


def given_inputs(job: Job, folder: Path, scratch: Path) -> Given:
    """Find each channel's files.

    Args:
        job: names the channels.
        folder: that SageMaker has put the channels into; it may be read-only.
        scratch: folder for what must be written.

    Raises:
        InputError: there is no data, a channel is empty, or ``weights`` does not hold exactly one file.
        UnavailableError: the disk is full.
    """
    data = [_data(folder / name, scratch) for name in job.channels if name not in (WEIGHTS, BEGIN)]
    if not data:
        raise InputError("the job has no channel with data; give at least one")
    weights = _files(folder / WEIGHTS) if WEIGHTS in job.channels else []
    if len(weights) > 1:
        raise InputError(f"channel {WEIGHTS}: must hold one file, and holds {', '.join(path.name for path in weights)}")
    begin = _files(folder / BEGIN) if BEGIN in job.channels else []
    return Given(data, weights[0] if weights else None, begin)


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    if not found:
        raise InputError(f"channel {folder.name}: holds no file; check its address in the bucket")
    return found


def _data(channel: Path, scratch: Path) -> Path:
    """A channel's folder; for a prepared one a copy of its index that names its images by their whole paths."""
    if not channel.is_dir() or not any(channel.iterdir()):
        raise InputError(f"channel {channel.name}: is empty; check its address in the bucket")
    index = channel / INDEX
    if not index.exists():
        return channel
    try:
        with index.open(newline="", encoding="utf-8") as lines:
            rows = [{**row, "image": os.fspath(channel / row["image"])} for row in csv.DictReader(lines)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{index}: damaged ({error!r}); upload the folder again") from error
    copy = make_folder(scratch / channel.name)
    write_atomically(copy / INDEX, as_csv(rows))
    if (channel / REPORT).exists():
        write_with(copy / REPORT, partial(shutil.copyfile, channel / REPORT))
    return copy
