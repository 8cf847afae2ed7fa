"""The evaluation as one HTML page that opens without a network."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, StrictUndefined

from bintally.errors import UnavailableError, UsageError
from bintally.files import write_atomically
from bintally.frames import read_frame
from trainer.evaluation.metrics import MAX_COUNT, class_name
from trainer.evaluation.models import Speed
from trainer.evaluation.plots import reliability_plot, risk_plot, roc_plot
from trainer.evaluation.published import PUBLISHED
from trainer.evaluation.task import SEED, Evaluation, worst
from trainer.evaluation.verification import RARE
from trainer.evaluation.words import findings, kept, share

_PICTURE_PX = 220
CLASSES = [class_name(k) for k in range(MAX_COUNT + 2)]


@dataclass(frozen=True)
class Mistake:
    """One wrong answer, for the page: a JPEG as data URI, and what was said of it."""

    picture: str
    image_id: str
    quantity: int
    answer: str
    probabilities: list[float]
    truth: int


def check_place(path: Path) -> None:
    """See before the long work whether a report can be written.

    Raises:
        UsageError: the name is no page's, or the folder does not exist.
        UnavailableError: the folder may not be written to.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--report {path}: a report's name ends with .html")
    if path.is_dir():
        raise UsageError(f"--report {path}: this is a folder; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"--report {path}: there is no folder {path.parent}; make it first")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written ({error.strerror or error}); choose another folder") from error


def write_report(path: Path, evaluation: Evaluation, speed: Speed, comparison: dict[str, Any] | None, today: str) -> None:
    """Write the page.

    Args:
        path: where to.
        evaluation: what it tells.
        speed: how fast the model is here.
        comparison: of two models, or None.
        today: the date, for the reader.

    Raises:
        InputError: a picture cannot be read.
        UnavailableError: it cannot be written.
    """
    write_atomically(path, page(evaluation, speed, comparison, today))


def page(evaluation: Evaluation, speed: Speed, comparison: dict[str, Any] | None, today: str) -> str:
    """The page as text; arguments as in ``write_report``."""
    outcome = evaluation.outcome
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["share"] = share
    environment.filters["points"] = lambda value: share(value).removesuffix("\N{NO-BREAK SPACE}%")
    source = files("trainer.evaluation").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        outcome=outcome,
        model=evaluation.model,
        findings=findings(outcome),
        kept=kept,
        published=PUBLISHED,
        trained_on=_trained_on(evaluation),
        classes=CLASSES,
        top=MAX_COUNT,
        confusion=_by_row(outcome["confusion"]),
        reliability={when: reliability_plot(when, outcome["calibration"][when]) for when in ("before", "after")},
        risk=risk_plot("risk", outcome["selective"], outcome["abstain"]),
        roc=roc_plot("roc", outcome["verification"]),
        mistakes=[_mistake(evaluation, position) for position in worst(evaluation)],
        speed=speed,
        comparison=comparison,
        today=today,
        seed=SEED,
        rare=RARE,
    )


def _trained_on(evaluation: Evaluation) -> str:
    """How many images of this data set the model was trained on, for the table."""
    number = evaluation.outcome["training_images"]
    if number is None:
        return "other data"
    return f"{number:,}" + (" + other" if len(evaluation.model.trained_on()) > 1 else "")


def _by_row(matrix: list[list[int]]) -> list[list[tuple[int, float]]]:
    """Each cell with its share of the row."""
    return [[(cell, cell / max(1, sum(row))) for cell in row] for row in matrix]


def _mistake(evaluation: Evaluation, position: int) -> Mistake:
    example = evaluation.examples[position]
    row = evaluation.sureness.probabilities[position]
    return Mistake(
        picture=_picture(Path(example.image)),
        image_id=example.image_id,
        quantity=example.quantity,
        answer=CLASSES[int(row.argmax())],
        probabilities=[float(p) for p in row],
        truth=int(evaluation.classes[position]),
    )


def _picture(path: Path) -> str:
    frame = read_frame(path)
    scale = min(1.0, _PICTURE_PX / max(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return "data:image/jpeg;base64," + base64.b64encode(np.asarray(data).tobytes()).decode()
