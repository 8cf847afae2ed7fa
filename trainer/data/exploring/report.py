"""Explore a data set: read every image once, put the findings together, and write one page that opens offline."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, StrictUndefined
from rich.console import Console
from rich.progress import Progress

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.files import make_folder, write_atomically
from bintally.frames import read_frame, resize
from trainer.data.dataset import Example
from trainer.data.exploring.looks import Look, look_at
from trainer.data.exploring.plots import plots
from trainer.data.exploring.statistics import CLASS_NAMES, Findings, Pair, Suspect, class_of, find, suspects
from trainer.data.exploring.summary import notes, summary
from trainer.data.label_list import read_list
from trainer.data.prepare import load
from trainer.evaluation.calibration import softmax
from trainer.evaluation.models import Model, open_model

TEMPLATE = "report.html.j2"
_BATCH = 32
_THUMB_PX = 150
_EXAMPLES, _SUSPECTS, _MISCOUNTED, _TWINS, _EXTREMES, _PAIRS = 9, 45, 18, 12, 9, 8
"""How many pictures of each kind are shown; a row holds nine."""
_ARTICLES, _REFUSED = 8, 1000
"""The last column of the table of articles, and the rows of the table of refused files."""


def explore(folder: Path, out: Path, list_path: Path | None = None, model: str | None = None) -> dict[str, Any]:
    """Explore a data set and write the report.

    Args:
        folder: a data set, as ``trainer.data.prepare.load`` opens it.
        out: the HTML file.
        list_path: a list of labels to compare with, see ``trainer.data.label_list``.
        model: a checkpoint or bundle that gives a second opinion on the labels, or ``default`` for the shipped bundle.

    Returns:
        What ``trainer.data.exploring.summary.summary`` gives.

    Raises:
        InputError: data, list or model cannot be used.
        UnavailableError: ``out`` cannot be written; found out before the work begins.
        UsageError: ``out`` is a folder, or there is no such data set.
    """
    _check_writable(out)
    listed = None if list_path is None else read_list(list_path)
    opened = None if model is None else open_model(model)
    data = load(folder)
    looks, unreadable = look_at(data.examples)
    if not looks:
        raise InputError(f"{folder}: none of its {len(data.examples)} images can be read; the first: {unreadable[0].reason}")
    judged = None if opened is None else _judge(opened, [one for one in data.examples if one.image_id in looks])
    findings = find(data, looks, unreadable, judged, listed)
    found = summary(findings)
    write_atomically(out, render(findings, found, None if opened is None else opened.name))
    return found


def _check_writable(out: Path) -> None:
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; name the HTML file to write")
    try:
        tempfile.TemporaryFile(dir=make_folder(out.parent)).close()
    except OSError as error:
        raise UnavailableError(f"{out}: cannot be written ({error.strerror or error}); choose another folder") from error


def _judge(model: Model, examples: Sequence[Example]) -> tuple[Suspect, ...]:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        starts = progress.track(range(0, len(examples), _BATCH), description="asking the model")
        logits = np.concatenate([model.ask(examples[start : start + _BATCH]) for start in starts])
    return suspects(examples, softmax(logits, model.temperature or 1.0))


def render(findings: Findings, found: dict[str, Any], model: str | None) -> str:
    """The page.

    Args:
        findings: what is shown.
        found: what ``summary`` gave of it.
        model: name of the model that was asked, or None.
    """
    shown = _shown(findings)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("trainer.data.exploring") / TEMPLATE).read_text("utf-8"))
    return template.render(
        findings=findings,
        found=found,
        notes=notes(found),
        classes=CLASS_NAMES,
        plots=plots(findings, found),
        heat=_heat(found["articles"]["by_class"]),
        shown=shown,
        thumbs=_thumbs(shown),
        model=model,
        refused_shown=_REFUSED,
    )


def _heat(by_class: dict[str, dict[int, int]]) -> dict[str, Any]:
    """Of each class the shares of its bins with 0, 1 … and so many articles or more."""
    rows = {
        name: [
            sum(bins for articles, bins in row.items() if min(articles, _ARTICLES) == column) / max(sum(row.values()), 1)
            for column in range(_ARTICLES + 1)
        ]
        for name, row in by_class.items()
    }
    return {"columns": [*range(_ARTICLES), f"{_ARTICLES}+"], "rows": rows}


def _shown(findings: Findings) -> dict[str, Any]:
    """Which images the page shows: examples and twins drawn by the data set's seed, of the rest the first."""
    data, looks = findings.data, findings.looks
    rng = np.random.default_rng(data.seed)
    seen = [one for one in data.examples if one.image_id in looks]
    return {
        "examples": {
            name: _draw(rng, [one for one in seen if class_of(one.quantity) == k], _EXAMPLES) for k, name in enumerate(CLASS_NAMES)
        },
        "extremes": _extremes(seen, looks),
        "miscounted": [one for one in findings.miscounted if one.image_id in looks][:_MISCOUNTED],
        "differing": [] if findings.checked is None else [one for one in findings.checked.differing if one.image_id in looks][:_MISCOUNTED],
        "suspects": (findings.suspects or ())[:_SUSPECTS],
        "twins": _draw(rng, _readable(((pair.one, pair.other) for pair in findings.twins), looks), _TWINS),
        "relabelled": findings.relabelled[:_PAIRS],
        "leaks": {kind: _readable(pairs, looks)[:_PAIRS] for kind, pairs in findings.leaks.items()},
    }


def _readable(pairs: Iterable[Pair], looks: Mapping[str, Look]) -> list[Pair]:
    return [pair for pair in pairs if all(one.image_id in looks for one in pair)]


def _extremes(seen: Sequence[Example], looks: Mapping[str, Look]) -> dict[str, list[Example]]:
    def first(measure: Callable[[Look], float]) -> list[Example]:
        return sorted(seen, key=lambda one: (measure(looks[one.image_id]), one.image_id))[:_EXTREMES]

    return {
        "the darkest": first(lambda one: one.brightness),
        "the brightest": first(lambda one: -one.brightness),
        "the flattest (least contrast)": first(lambda one: one.contrast),
    }


def _draw(rng: np.random.Generator, some: Sequence[Any], number: int) -> list[Any]:
    chosen = rng.choice(len(some), min(number, len(some)), replace=False)
    return [some[place] for place in sorted(chosen)]


def _thumbs(shown: dict[str, Any]) -> dict[str, str]:
    wanted = {one.image_id: one for one in _examples(shown)}
    with ThreadPoolExecutor() as pool:
        return dict(zip(wanted, pool.map(_thumb, wanted.values()), strict=True))


def _examples(shown: Any) -> Iterator[Example]:
    """Every example in nested dicts and sequences."""
    if isinstance(shown, Example):
        yield shown
    elif isinstance(shown, Suspect):
        yield shown.example
    else:
        for one in shown.values() if isinstance(shown, dict) else shown:
            yield from _examples(one)


def _thumb(example: Example) -> str:
    frame = read_frame(Path(example.image))
    height, width = frame.shape[:2]
    scale = min(1.0, _THUMB_PX / max(height, width))
    small = resize(frame, (max(1, round(height * scale)), max(1, round(width * scale))))
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])[1]
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()


def as_table(found: dict[str, Any]) -> str:
    """The classes of each part and what to know first, for a terminal."""
    columns = dict(found["parts"])
    if found["list"]:
        columns["list"] = found["list"]
    head = "class  " + "".join(f"{name:>16}" for name in columns)
    rows = [
        f"{name:<7}" + "".join(f"{one['classes'][name]:>8,}{one['shares'][name]:>8.1%}" for one in columns.values()) for name in CLASS_NAMES
    ]
    foot = "images " + "".join(f"{one['images']:>8,}        " for one in columns.values()).rstrip()
    said = [f"{'!' if note.kind == 'warning' else ' '} {note.text}" for note in notes(found)]
    return "\n".join([head, *rows, foot, "", *said])
