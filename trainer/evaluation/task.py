"""Models on one part of a data set: each is opened and asked once, then scored or compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bintally.errors import InputError, UsageError
from trainer.data.dataset import DataSet, Example
from trainer.data.prepare import load
from trainer.data.split import Part
from trainer.evaluation.bootstrap import intervals
from trainer.evaluation.calibration import calibration, softmax
from trainer.evaluation.compare import compare
from trainer.evaluation.metrics import MAX_COUNT, always_the_same, confusion, scores
from trainer.evaluation.models import Model, Speed, measure_speed, open_model
from trainer.evaluation.selective import promise, selective
from trainer.evaluation.sureness import Sureness, cross_fit, fit, given
from trainer.evaluation.verification import verification

SEED = 2026
PROMISED = 0.9
"""Accuracy above the abstain threshold, where the model brings no promise of its own."""
Which = Literal["train", "val", "test", "all"]


@dataclass(frozen=True)
class Evaluation:
    """One model on one part, with everything that a report shows.

    Attributes:
        model: what was asked.
        examples: the part.
        sureness: the answers.
        outcome: the figures, as ``--json`` gives them.
    """

    model: Model
    examples: list[Example]
    sureness: Sureness
    outcome: dict[str, Any]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The true class of each example, int [n]."""
        return classes_of(self.examples)


class Task:
    """A part of a data set on which models are asked; each model is opened and asked once."""

    def __init__(self, folder: Path, which: Which) -> None:
        """Open the data.

        Args:
            folder: a data set.
            which: part of it, or ``all``.

        Raises:
            InputError: the data cannot be used, or the part is empty.
            UsageError: there is no such folder.
        """
        self.data: DataSet = load(folder)
        self.which = which
        part: Part | None = None if which == "all" else which
        self.examples = self.data.part(part)
        if not self.examples:
            raise InputError(f"{folder}: no image in its {which} part; take --split all")
        self.quantities = np.array([example.quantity for example in self.examples])
        self.groups = [example.group for example in self.examples]
        self._asked: dict[str, tuple[Model, NDArray[np.float64]]] = {}

    def ask(self, model: str) -> tuple[Model, NDArray[np.float64]]:
        """Open a model and ask it for the logits [n, 7] of the part.

        Raises:
            InputError: the model or an image cannot be used.
        """
        if model not in self._asked:
            opened = open_model(model)
            self._asked[model] = opened, opened.ask(self.examples)
        return self._asked[model]

    def evaluate(self, name: str, promised: float | None = None) -> Evaluation:
        """Score a model.

        Args:
            name: path of a checkpoint or bundle, or ``default`` for the shipped bundle.
            promised: accuracy that the abstain threshold of a checkpoint shall promise, 0 to 1; 0.9 where None.

        Raises:
            InputError: the model or an image cannot be used.
            UsageError: a promise was given for a bundle, which brings its own, or is no share.
        """
        if promised is not None and not 0 <= promised <= 1:
            raise UsageError(f"--promised {promised}: must be from 0 to 1")
        model, logits = self.ask(name)
        if promised is not None and model.promised is not None:
            raise UsageError(
                f"--promised {promised}: {model.path} is a bundle, whose threshold was fitted for {model.promised}; leave it out"
            )
        own = softmax(logits, model.temperature or 1.0)
        sure = self._sureness(model, logits, PROMISED if promised is None else promised)
        about = {
            "model": str(model.path),
            "model_digest": model.digest,
            "data": self.data.source,
            "data_digest": self.data.digest,
            "split": self.which,
            "groups": len(set(self.groups)),
            "refused": len(self.data.refused),
            "leaks": self.data.leaks,
            "trained_here": self._trained_here(model),
            "training_images": len(self.data.part("train")) if self._trained_here(model) == "same split" else None,
        }
        figures = _figures(own, softmax(logits), sure, self.quantities, self.groups)
        return Evaluation(model, self.examples, sure, {**scores(own, self.quantities), **figures, **about})

    def compare(self, a: str, b: str) -> dict[str, Any]:
        """Compare two models: ``a``, ``b`` (paths) and what ``trainer.evaluation.compare.Comparison`` holds.

        Raises:
            InputError: a model or an image cannot be used.
        """
        (model_a, logits_a), (model_b, logits_b) = self.ask(a), self.ask(b)
        found = compare(logits_a, logits_b, self.quantities, self.groups, SEED)
        about = {"data": self.data.source, "data_digest": self.data.digest, "split": self.which}
        return {"a": str(model_a.path), "b": str(model_b.path), **about, **asdict(found)}

    def speed(self, name: str) -> Speed:
        """Time a model on the part's first images."""
        return measure_speed(self.ask(name)[0], self.examples)

    def _sureness(self, model: Model, logits: NDArray[np.float64], promised: float) -> Sureness:
        if model.temperature is not None and model.abstain_below is not None and model.promised is not None:
            return given(logits, model.temperature, model.abstain_below, model.promised, "the bundle's own, fitted when it was exported")
        held_out = self.data.part("val")
        if self.which in ("test", "train") and held_out:
            source = f"fitted on the {len(held_out)} images of the validation part"
            return given(logits, *fit(model.ask(held_out), classes_of(held_out), promised), promised, source)
        return cross_fit(logits, classes_of(self.examples), self.groups, promised, SEED)

    def _trained_here(self, model: Model) -> str:
        """Whether the model's own record names this data set: ``same split``, ``another split`` (the part may hold its training images), ``no``."""
        record = model.trained_on()
        if self.data.digest in record:
            return "same split"
        return "another split" if Path(self.data.source).name in record.values() else "no"


def _figures(
    own: NDArray[np.float64], before: NDArray[np.float64], sure: Sureness, quantities: NDArray[np.int64], groups: Sequence[str]
) -> dict[str, Any]:
    classes = np.minimum(quantities, MAX_COUNT + 1)
    confidence, right = sure.probabilities.max(1), sure.probabilities.argmax(1) == classes
    return {
        "intervals": intervals(own, quantities, groups, SEED),
        "baseline": always_the_same(quantities),
        "confusion": confusion(own, quantities).tolist(),
        "calibration": {
            "temperature": sure.temperature,
            "source": sure.source,
            "before": asdict(calibration(before, classes, SEED)),
            "after": asdict(calibration(sure.probabilities, classes, SEED)),
        },
        "selective": asdict(selective(confidence, right)),
        "abstain": asdict(promise(confidence, right, sure.thresholds, sure.promised)),
        "verification": asdict(verification(sure.probabilities, classes)),
    }


def classes_of(examples: Sequence[Example]) -> NDArray[np.int64]:
    """The class of each example, int [n]: its quantity, or 6 for more."""
    return np.minimum(np.array([example.quantity for example in examples], np.int64), MAX_COUNT + 1)


def worst(evaluation: Evaluation, number: int = 12) -> list[int]:
    """Positions of the wrong answers that gave the truth the least probability, at most one of each group, the worst first."""
    probabilities, classes = evaluation.sureness.probabilities, evaluation.classes
    truth = probabilities[np.arange(len(classes)), classes]
    wrong = np.flatnonzero(probabilities.argmax(1) != classes)
    first_of: dict[str, int] = {}
    for position in wrong[np.argsort(truth[wrong], kind="stable")]:
        first_of.setdefault(evaluation.examples[position].group, int(position))
    return list(first_of.values())[:number]
