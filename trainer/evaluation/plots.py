"""Diagrams of a report as inline SVG that takes its colours and its font from the page."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

_INK, _FAINT, _LINE, _FIRST, _SECOND = "#010101", "#020202", "#030303", "#040404", "#050505"
_ON_PAGE = {_INK: "var(--ink)", _FAINT: "var(--faint)", _LINE: "var(--line)", _FIRST: "var(--first)", _SECOND: "var(--second)"}
"""Stand-ins that matplotlib draws with, and the page's own colours that take their places; so light and dark both fit."""
_FIFTHS = (0, 0.2, 0.4, 0.6, 0.8, 1)
_STYLE: Any = {  # matplotlib names every key in its types, another set in each version
    "svg.fonttype": "none",
    "svg.hashsalt": "bintally",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.8,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
}


def reliability_plot(name: str, found: dict[str, Any]) -> Markup:
    """Accuracy against confidence, with the number of answers of each range below.

    Args:
        name: unique in its page.
        found: ``trainer.evaluation.calibration.Calibration`` as a dict.
    """

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        bins = [entry for entry in found["bins"] if entry["n"]]
        middles = [(entry["low"] + entry["high"]) / 2 for entry in bins]
        width = bins[0]["high"] - bins[0]["low"]
        above.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=(0, (4, 3)))
        above.bar(middles, [entry["accuracy"] for entry in bins], width * 0.9, color=_FIRST, alpha=0.35)
        above.plot([entry["confidence"] for entry in bins], [entry["accuracy"] for entry in bins], "o", color=_FIRST, markersize=4)
        above.set(ylabel="right", ylim=(0, 1))
        above.text(0.03, 0.93, f"ECE {found['ece']:.3f}", transform=above.transAxes, fontweight="bold", va="top")
        below.bar(middles, [entry["n"] for entry in bins], width * 0.9, color=_FAINT, alpha=0.6)
        below.set(xlabel="confidence", ylabel="images", xlim=(0, 1))
        _per_cent(above.yaxis, below.xaxis)

    return _svg(name, (4.4, 4.1), draw)


def risk_plot(name: str, found: dict[str, Any], abstain: dict[str, Any]) -> Markup:
    """Accuracy among the surest answers against the share answered.

    Args:
        name: unique in its page.
        found: ``trainer.evaluation.selective.Selective`` as a dict.
        abstain: ``trainer.evaluation.selective.Promise`` as a dict.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(*zip(*found["curve"], strict=True), color=_FIRST, linewidth=2)
        axes.axhline(found["curve"][-1][1], color=_FAINT, linewidth=1, linestyle=(0, (4, 3)))
        for per_cent, accuracy in found["accuracy_at"].items():
            axes.plot(per_cent / 100, accuracy, "o", color=_FIRST, markersize=6)
            axes.annotate(
                f"{100 * accuracy:.0f} %", (per_cent / 100, accuracy), (3, 7), textcoords="offset points", ha="left", fontweight="bold"
            )
        if abstain["answered"]:
            low, high = abstain["interval"]
            spread = [[abstain["accuracy"] - low], [high - abstain["accuracy"]]]
            axes.errorbar(
                abstain["share"], abstain["accuracy"], spread, fmt="D", color=_SECOND, capsize=4, label="at the abstain threshold"
            )
        axes.axhline(abstain["promised"], color=_SECOND, linewidth=1, linestyle=(0, (1, 2)), label="promised")
        axes.set(
            xlabel="share of the images answered",
            ylabel="right among the answers",
            xlim=(0, 1.08),
            ylim=(0, 1.04),
            xticks=_FIFTHS,
            yticks=_FIFTHS,
        )
        axes.legend(loc="lower left")
        _per_cent(axes.xaxis, axes.yaxis)

    return _svg(name, (4.4, 3.7), draw)


def roc_plot(name: str, found: dict[str, Any]) -> Markup:
    """Wrong books caught against right books doubted.

    Args:
        name: unique in its page.
        found: ``trainer.evaluation.verification.Verification`` as a dict.
    """

    def draw(figure: Figure) -> None:
        axes: Axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(*zip(*found["curve"], strict=True), color=_FIRST, linewidth=2)
        for recall, at in found["at_recall"].items():
            axes.plot(at["false_alarms"], recall / 100, "o", color=_FIRST, markersize=6)
            axes.annotate(f"{recall} %", (at["false_alarms"], recall / 100), (8, -12), textcoords="offset points", fontweight="bold")
        axes.text(0.97, 0.05, f"AUC {found['auc']:.3f}", transform=axes.transAxes, ha="right", fontweight="bold")
        axes.set(xlabel="right books doubted", ylabel="wrong books caught", xlim=(0, 1), ylim=(0, 1.02))
        _per_cent(axes.xaxis, axes.yaxis)

    return _svg(name, (4.4, 3.7), draw)


def _per_cent(*axes: Any) -> None:
    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1, 0, symbol=" %"))


def _svg(name: str, inches: tuple[float, float], draw: Callable[[Figure], None]) -> Markup:
    out = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for stand_in, colour in _ON_PAGE.items():
        text = text.replace(stand_in, colour)
    for reference in ('id="', "url(#", 'href="#'):  # the ids of several diagrams meet in one page
        text = text.replace(reference, f"{reference}{name}-")
    return Markup(text)  # noqa: S704 - drawn here, from numbers and our own words
