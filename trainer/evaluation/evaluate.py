"""Score a checkpoint or a bundle on a part of a data set, both by the same code, and tell it to a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.evaluation.metrics import MAX_COUNT
from trainer.evaluation.task import Task, Which
from trainer.evaluation.words import findings


def evaluate_model(model: str, folder: Path, which: Which) -> dict[str, Any]:
    """Score a model.

    Args:
        model: path of a checkpoint or bundle, or ``default`` for the shipped bundle.
        folder: a data set.
        which: part of it, or ``all``.

    Returns:
        What ``trainer.evaluation.metrics.scores`` gives of the model's own answers, and under ``intervals``, ``confusion``, ``baseline``,
        ``calibration``, ``selective``, ``abstain`` and ``verification`` what the modules of this package say of them; with ``model``,
        ``model_digest``, ``data``, ``data_digest``, ``split``, ``groups``, ``trained_here`` (``same split``, ``another split`` or ``no``), ``training_images``,
        ``leaks`` (groups in more than one part) and ``refused`` (how many files of the folder could not be used).

    Raises:
        InputError: model or data cannot be used, or the part is empty.
        UsageError: there is no such folder.
    """
    return Task(folder, which).evaluate(model).outcome


def as_table(outcome: dict[str, Any]) -> str:
    """The scores for a person."""
    lines = [f"{outcome['model']} on {outcome['data']} ({outcome['split']})"]
    if outcome["refused"]:
        lines.append(f"{outcome['refused']} files of the folder could not be used; 'bintally data prepare' lists them with reasons")
    lines += [
        "",
        f"0 to {MAX_COUNT} items, as the ABID challenge scores: {outcome['n']} images",
        f"  accuracy {_ranged(outcome, 'accuracy')}   RMSE {_ranged(outcome, 'rmse')}",
        f"  within ±1 {_ranged(outcome, 'within_one')}   mean absolute error {_ranged(outcome, 'mae')}",
        "",
        "  count   accuracy     RMSE  within ±1   images",
    ]
    lines += [
        f"  {k:>5}   {figure(v['accuracy']):>8} {figure(v['rmse']):>8}   {figure(v['within_one']):>8} {v['n']:>8}"
        for k, v in outcome["per_class"].items()
    ]
    lines += [
        "",
        f"all classes ({MAX_COUNT + 1} or more as one): {outcome['n_all']} images",
        f"  accuracy {_ranged(outcome, 'accuracy_all')}   expected calibration error {figure(outcome['ece'])}",
        "",
        *findings(outcome),
    ]
    return "\n".join(lines)


def as_words(comparison: dict[str, Any]) -> str:
    """A comparison for a person."""
    lines = [f"A  {comparison['a']}", f"B  {comparison['b']}", f"on {comparison['data']} ({comparison['split']})", ""]
    lines.append("                     A        B   B less A   95 % interval        only A right   only B right   McNemar p")
    for name, entry in comparison["differences"].items():
        test = comparison["discordant"].get(name)
        tail = f"{test['only_a']:>12} {test['only_b']:>14} {test['p_value']:>11.2g}" if test else ""
        between = "–" if entry["interval"] is None else "{:+.4f} to {:+.4f}".format(*entry["interval"])
        lines.append(
            f"{_NAMES[name]:<16} {entry['a']:.4f}   {entry['b']:.4f}    {entry['difference']:+.4f}   {between:<20} {tail}".rstrip()
        )
    return "\n".join([*lines, "", comparison["verdict"]])


_NAMES = {"accuracy": "accuracy, 0–5", "rmse": "RMSE, 0–5", "accuracy_all": "accuracy, all"}


def _ranged(outcome: dict[str, Any], name: str) -> str:
    ends = outcome["intervals"][name]
    return figure(outcome[name]) + (f" [{figure(ends[0])}, {figure(ends[1])}]" if ends else "")


def figure(value: float | None) -> str:
    """A score for a person; a dash where there was nothing to score."""
    return "–" if value is None else f"{value:.4f}"
