"""Score a checkpoint or a bundle on a part of a data set, both by the same code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bintally.bundle import DEFAULT_BUNDLE, Bundle, open_bundle
from bintally.errors import InputError
from bintally.frames import read_frame, resize
from trainer.data.dataset import Example
from trainer.data.prepare import load
from trainer.data.split import Part
from trainer.evaluation.metrics import MAX_COUNT, scores

_BATCH = 32
Which = Literal["train", "val", "test", "all"]


def evaluate_model(model: str, folder: Path, which: Which) -> dict[str, Any]:
    """Score a model.

    Args:
        model: path of a checkpoint or bundle, or ``default`` for the shipped bundle.
        folder: a data set.
        which: part of it, or ``all``.

    Returns:
        What ``trainer.evaluation.metrics.scores`` gives, with ``model``, ``data``, ``data_digest``, ``split`` and ``refused`` (how many
        files of the folder could not be used).

    Raises:
        InputError: model or data cannot be used, or the part is empty.
    """
    path = DEFAULT_BUNDLE if model == "default" else Path(model)
    data = load(folder)
    part: Part | None = None if which == "all" else which
    examples = data.part(part)
    if not examples:
        raise InputError(f"{folder}: no image in its {which} part; take --split all")
    probabilities = _of_bundle(open_bundle(path), examples) if path.suffix == ".onnx" else _of_checkpoint(path, examples)
    outcome = scores(probabilities, np.array([example.quantity for example in examples]))
    return {**outcome, "model": str(path), "data": data.source, "data_digest": data.digest, "split": which, "refused": len(data.refused)}


def _of_bundle(bundle: Bundle, examples: list[Example]) -> NDArray[np.float32]:
    if len(bundle.manifest.classes) != MAX_COUNT + 2:
        raise InputError(f"{bundle.path}: has {len(bundle.manifest.classes)} classes; 0 to {MAX_COUNT} and one open class are scored")
    batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
    return np.concatenate(
        [bundle.probabilities(np.stack([resize(read_frame(Path(e.image)), bundle.size) for e in batch])) for batch in batches]
    )


def _of_checkpoint(path: Path, examples: list[Example]) -> NDArray[np.float32]:
    from trainer import checkpoint
    from trainer.infer import infer

    found = checkpoint.read(path)
    logits, _ = infer(found.counter(), examples, found.input_size)
    spread = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(spread / spread.sum(1, keepdims=True), np.float32)


def as_table(outcome: dict[str, Any]) -> str:
    """The scores for a person."""
    lines = [f"{outcome['model']} on {outcome['data']} ({outcome['split']})"]
    if outcome["refused"]:
        lines.append(f"{outcome['refused']} files of the folder could not be used; 'bintally data prepare' lists them with reasons")
    lines += [
        "",
        f"0 to {MAX_COUNT} items, as the ABID challenge scores: {outcome['n']} images",
        f"  accuracy {figure(outcome['accuracy'])}   RMSE {figure(outcome['rmse'])}   mean absolute error {figure(outcome['mae'])}",
        "",
        "  count   accuracy     RMSE   images",
    ]
    lines += [f"  {k:>5}   {figure(v['accuracy']):>8} {figure(v['rmse']):>8} {v['n']:>8}" for k, v in outcome["per_class"].items()]
    lines += [
        "",
        f"all classes ({MAX_COUNT + 1} or more as one): {outcome['n_all']} images",
        f"  accuracy {figure(outcome['accuracy_all'])}   expected calibration error {figure(outcome['ece'])}",
    ]
    return "\n".join(lines)


def figure(value: float | None) -> str:
    """A score for a person; a dash where there was nothing to score."""
    return "–" if value is None else f"{value:.4f}"
