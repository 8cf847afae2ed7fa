"""What a search found: for programs, as a line for a person, and as one HTML page that opens offline."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from bintally.files import write_atomically
from trainer.tuning import slots
from trainer.tuning.study import table
from trainer.tuning.worker import BEST, Search

_COLUMNS = 3
_COMPLETE, _PRUNED, _FAILED = "#1f5fbf", "#a8aeb6", "#c2540a"


def summary(study: optuna.Study, search: Search) -> dict[str, Any]:
    """The outcome of a search for programs."""
    trials = table(study)
    best = slots.best(trials)
    checkpoint = None if best is None else search.folder(best.number) / BEST
    return {
        "study": study.study_name,
        "database": str(search.url),
        "trials": [_as_dict(trial, trials, search) for trial in slots.ended(trials)],
        "tried_again": sum(slots.RETRIES in trial.user_attrs for trial in slots.ended(trials)),
        "best": None if best is None else _as_dict(best, trials, search),
        "checkpoint": str(checkpoint) if checkpoint is not None and checkpoint.exists() else None,
        "importances": importances(study),
    }


def importances(study: optuna.Study) -> dict[str, float]:
    """The share that each parameter has in being among the best tenth, the largest first; empty for fewer than ten complete trials.

    Source:
        Watanabe et al. 2023, PED-ANOVA, section 3.
    """
    complete = [trial for trial in table(study) if trial.state == TrialState.COMPLETE]
    if len(complete) < 10 or len({trial.value for trial in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def write_html(path: Path, study: optuna.Study, search: Search) -> None:
    """Write the report.

    Raises:
        UnavailableError: it cannot be written.
    """
    found = summary(study, search)
    ended = slots.ended(table(study))
    ranked = sorted(found["trials"], key=lambda trial: (trial["state"] != "complete", _for_order(trial["loss"]), trial["number"]))
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        files("trainer.tuning").joinpath("report.html.j2").read_text("utf-8")
    )
    plots = {
        "history": _picture(3, lambda figure: _history(figure, ended, search)),
        "epochs": _picture(3, lambda figure: _epochs(figure, ended, search)),
        "slices": _picture(2.6 * -(-len(search.space.searched) // _COLUMNS), lambda figure: _slices(figure, ended, search)),
    }
    write_atomically(
        path, template.render(found=found, ranked=ranked, plots=plots, names=list(search.space.searched), wording=search.wording)
    )


def as_text(found: dict[str, Any]) -> str:
    """The outcome of a search for a person."""
    states = [trial["state"] for trial in found["trials"]]
    lines = [f"{len(states)} trials: " + ", ".join(f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed"))]
    best = found["best"]
    if best is not None:
        options = " ".join(f"--{name.replace('_', '-')} {shown(value)}" for name, value in best["params"].items())
        lines.append(f"best: trial {best['number']}, validation loss {best['loss']:.4f} with {options}")
        lines.append(f"checkpoint: {found['checkpoint'] or 'in --out on ' + str(best['worker']).partition(':')[0]}")
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A parameter or a score for a person."""
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _as_dict(trial: FrozenTrial, trials: slots.Trials, search: Search) -> dict[str, Any]:
    outcome: dict[str, Any] = trial.user_attrs.get(slots.BEST, {})
    seconds = sum((one.duration.total_seconds() for one in (trial, *slots.lineage(trial, trials)) if one.duration is not None), 0.0)
    return {
        "number": trial.number,
        "state": {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}.get(trial.state, "failed"),
        "loss": trial.value,
        "params": trial.params,
        **{name: outcome.get(name) for name, _ in search.wording.scores},
        "losses": [trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)],
        "seconds": round(seconds, 1),
        "worker": trial.user_attrs.get(slots.WORKER),
        "error": trial.user_attrs.get(slots.ERROR),
        "tries": 1 + len(slots.lineage(trial, trials)),
    }


def _for_order(loss: float | None) -> float:
    return float("inf") if loss is None else loss


def _picture(height_inches: float, draw: Callable[[Figure], None]) -> str:
    """A plot as the address of an image that stands in the page itself."""
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "svg.hashsalt": "bintally"}):
        figure = Figure(figsize=(8, height_inches), layout="constrained")
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def _history(figure: Figure, ended: slots.Trials, search: Search) -> None:
    axes = figure.subplots()
    complete, pruned, failed = _by_state(ended)
    if complete:
        axes.scatter(_numbers(complete), _losses(complete), s=18, color=_COMPLETE, label="complete")
        axes.step(_numbers(complete), list(accumulate(_losses(complete), min)), where="post", color=_COMPLETE, lw=1, label="best so far")
    if pruned:
        axes.scatter(_numbers(pruned), _losses(pruned), s=18, marker="x", color=_PRUNED, label="pruned (last loss)")
    for trial in failed:
        axes.axvline(trial.number, color=_FAILED, linewidth=1, linestyle=":", label="failed" if trial is failed[0] else None)
    axes.set(xlabel="trial", ylabel=search.wording.loss)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def _epochs(figure: Figure, ended: slots.Trials, search: Search) -> None:
    axes = figure.subplots()
    complete, pruned, _ = _by_state(ended)
    best = slots.best(ended)
    for trial in [*pruned, *complete]:
        style: dict[str, Any] = {"linewidth": 0.9, "color": _PRUNED if trial in pruned else _COMPLETE, "alpha": 0.6}
        if trial is best:
            style = {"linewidth": 2.2, "color": _COMPLETE, "label": f"trial {trial.number}, the best"}
        epochs = sorted(trial.intermediate_values)
        axes.plot(epochs, [trial.intermediate_values[epoch] for epoch in epochs], marker=".", **style)
    axes.set(xlabel="epoch", ylabel=search.wording.loss)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if best is not None:
        axes.legend(frameon=False)


def _slices(figure: Figure, ended: slots.Trials, search: Search) -> None:
    searched = search.space.searched
    grid = figure.subplots(-(-len(searched) // _COLUMNS), _COLUMNS, squeeze=False, sharey=True)
    complete, pruned, _ = _by_state(ended)
    for axes, (name, distribution) in zip(grid.flat, searched.items(), strict=False):
        places = {choice: i for i, choice in enumerate(getattr(distribution, "choices", ()))}
        for trials, colour, marker in ((pruned, _PRUNED, "x"), (complete, _COMPLETE, "o")):
            values = [places.get(trial.params[name], trial.params[name]) for trial in trials]
            axes.scatter(values, _losses(trials), s=16, color=colour, marker=marker)
        if places:
            axes.set_xticks(list(places.values()), [shown(choice) for choice in places])
            axes.set_xlim(-0.5, len(places) - 0.5)
        elif isinstance(distribution, FloatDistribution | IntDistribution):
            axes.set_xscale("log" if distribution.log else "linear")
            axes.set_xlim(distribution.low, distribution.high)
        axes.set_xlabel(name)
    for axes in grid.flat[len(searched) :]:
        axes.set_visible(False)
    grid[0, 0].set_ylabel(search.wording.loss)


def _numbers(trials: slots.Trials) -> list[int]:
    return [trial.number for trial in trials]


def _losses(trials: slots.Trials) -> list[float]:
    return [trial.value for trial in trials if trial.value is not None]


def _by_state(ended: slots.Trials) -> tuple[list[FrozenTrial], list[FrozenTrial], list[FrozenTrial]]:
    """Complete, pruned (those that reported a loss) and failed trials."""
    return (
        [trial for trial in ended if trial.state == TrialState.COMPLETE],
        [trial for trial in ended if trial.state == TrialState.PRUNED and trial.value is not None],
        [trial for trial in ended if slots.failed(trial)],
    )
