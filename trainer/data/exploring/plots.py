"""The report's plots, as SVG that stands in the page and takes its colours and its font from there."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from trainer.data.exploring.statistics import CLASS_NAMES, PARTS, Findings
from trainer.data.exploring.summary import by_class

_INK, _FAINT, _LINE, _FIRST, _SECOND, _THIRD = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_ON_PAGE = {_INK: "ink", _FAINT: "faint", _LINE: "line", _FIRST: "first", _SECOND: "second", _THIRD: "third"}
"""Stand-ins that matplotlib draws with, and the page's own colours that take their places; so light and dark both fit."""
_OF_PART = dict(zip(PARTS, (_FIRST, _SECOND, _THIRD), strict=True))
_PALE = 0.4
_PER_CENT, _THOUSANDS = PercentFormatter(1, 0, symbol=" %"), StrMethodFormatter("{x:,.0f}")
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bintally",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "legend.frameon": False,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
}


def plots(findings: Findings, found: Mapping[str, Any]) -> dict[str, Markup]:
    """Draw every plot that the findings give cause for.

    Args:
        findings: with the looks of the pictures.
        found: what ``summary`` gave of them.

    Returns:
        SVG elements by name.
    """
    with rc_context(_STYLE):
        drawn = {"classes": _classes(found), "tone": _tone(findings)}
        if found["list"]:
            drawn["list"] = _list(found["list"])
        if len(found["pictures"]["sizes"]) > 1:
            drawn["sizes"] = _sizes(findings, found)
        if found["twins"]["pairs"]:
            drawn["twins"] = _twins(found["twins"])
        if found["articles"]["known"]:
            drawn["articles"] = _articles(found["articles"])
        if findings.suspects:
            drawn["model"] = _model(findings)
        return {name: _svg(name, figure) for name, figure in drawn.items()}


def _classes(found: Mapping[str, Any]) -> Figure:
    figure, (left, right) = _axes(2, widths=(3, 2))
    places = np.arange(len(CLASS_NAMES))
    for number, part in enumerate(PARTS):
        spread = found["parts"][part]
        heights = [spread["shares"][name] for name in CLASS_NAMES]
        left.bar(places + (number - 1) * 0.27, heights, 0.25, color=_OF_PART[part], label=f"{part} ({spread['images']:,})")
    left.set_xticks(places, CLASS_NAMES)
    left.yaxis.set_major_formatter(_PER_CENT)
    left.set(title="share of each class in each part", xlabel="items in the bin")
    left.legend()
    quantities = found["parts"]["all"]["quantities"]
    colours = [(_FIRST, 1 if quantity < len(CLASS_NAMES) - 1 else _PALE) for quantity in quantities]
    right.bar(list(quantities), list(quantities.values()), 0.9, color=colours)
    right.set_yscale("log")
    right.yaxis.set_major_formatter(_THOUSANDS)
    right.set(title="images of each quantity (light: the open class)", xlabel="items in the bin")
    return figure


def _list(listed: Mapping[str, Any]) -> Figure:
    figure, (axes,) = _axes(1, size=(5.2, 3.2))
    names = [name for name in CLASS_NAMES if listed["classes"][name]]
    whole = axes.bar(
        names, [listed["classes"][name] for name in names], 0.7, color=(_FIRST, _PALE), label=f"on the list ({listed['images']:,})"
    )
    here = [listed["here"]["classes"][name] for name in names]
    axes.bar(names, here, 0.7, color=_FIRST, label=f"of these in the folder ({listed['here']['images']:,})")
    axes.bar_label(whole, [f"{listed['classes'][name]:,}" for name in names], padding=2)
    axes.yaxis.set_major_formatter(_THOUSANDS)
    axes.margins(y=0.3)
    axes.set(title="images of each class on the list", xlabel="label")
    axes.legend(loc="upper left", ncols=2)
    return figure


def _sizes(findings: Findings, found: Mapping[str, Any]) -> Figure:
    figure, (left, right) = _axes(2)
    sizes = found["pictures"]["sizes"]
    largest = sizes[0]["images"]
    left.scatter(
        [size["width_px"] for size in sizes],
        [size["height_px"] for size in sizes],
        [8 + 160 * size["images"] / largest for size in sizes],
        color=_FIRST,
        alpha=0.45,
        linewidths=0,
    )
    left.set(title="sizes (area: number of images)", xlabel="width, px", ylabel="height, px")
    right.hist([one.width_px / one.height_px for one in findings.looks.values()], 40, color=_FIRST)
    right.axvline(1, color=_INK, linewidth=0.8, linestyle=":")
    right.set(title="aspect ratio", xlabel="width / height", ylabel="images")
    return figure


def _tone(findings: Findings) -> Figure:
    figure, axes = _axes(2)
    for place, measure, title in zip(
        axes, ("brightness", "contrast"), ("brightness (mean luma)", "contrast (deviation of luma)"), strict=True
    ):
        _boxes(place, [[getattr(one, measure) for one in by_class(findings, name)] for name in CLASS_NAMES])
        place.set(title=f"{title} by class", xlabel="items in the bin")
    return figure


def _boxes(axes: Axes, values: Sequence[Sequence[float]]) -> None:
    filled = [number for number, some in enumerate(values) if some]
    box = axes.boxplot(
        [list(values[number]) for number in filled],
        positions=filled,
        widths=0.6,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        medianprops={"color": _INK},
        whiskerprops={"color": _FIRST},
        capprops={"color": _FIRST},
    )
    for patch in box["boxes"]:
        patch.set(facecolor=(_FIRST, _PALE), edgecolor=_FIRST)
    axes.set_xticks(range(len(CLASS_NAMES)), CLASS_NAMES)


def _twins(twins: Mapping[str, Any]) -> Figure:
    figure, (axes,) = _axes(1)
    edge = 12
    tally = dict.fromkeys(range(-edge, edge + 1), 0)
    for difference, pairs in twins["differences"].items():
        tally[max(-edge, min(edge, difference))] += pairs
    bars = axes.bar(list(tally), list(tally.values()), 0.8, color=[(_FIRST, _PALE if abs(value) == edge else 1) for value in tally])
    axes.bar_label(bars, [f"{pairs:,}" if pairs else "" for pairs in tally.values()], fontsize=7, padding=1)
    axes.set_xticks(
        list(tally), [f"≤ −{edge}", *(f"{value:+d}".replace("-", "−") if value else "0" for value in range(1 - edge, edge)), f"≥ {edge}"]
    )
    axes.tick_params("x", labelsize=7)
    axes.set(title="pairs of twins by difference of quantity", xlabel="items that came in from the lower id to the higher")
    return figure


def _articles(articles: Mapping[str, Any]) -> Figure:
    figure, (axes,) = _axes(1, size=(5.2, 3.0))
    axes.bar(list(articles["bins"]), list(articles["bins"].values()), 0.8, color=_FIRST)
    axes.yaxis.set_major_formatter(_THOUSANDS)
    axes.set(title="bins with so many distinct articles", xlabel="articles")
    return figure


def _model(findings: Findings) -> Figure:
    figure, (axes,) = _axes(1)
    judged = findings.suspects or ()
    for part in PARTS:
        values = [one.probability for one in judged if one.example.part == part]
        if values:
            weights = np.full(len(values), 1 / len(values))
            axes.hist(values, 20, range=(0, 1), weights=weights, histtype="step", color=_OF_PART[part], linewidth=1.6, label=part)
    axes.yaxis.set_major_formatter(_PER_CENT)
    axes.set(title="probability that the model gives to the label", xlabel="probability", ylabel="share of the part's images")
    axes.legend()
    return figure


def _axes(columns: int, widths: tuple[int, ...] | None = None, size: tuple[float, float] = (10.4, 3.0)) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False, width_ratios=widths)
    return figure, list(axes[0])


def _svg(name: str, figure: Figure) -> Markup:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for stand_in, colour in _ON_PAGE.items():
        text = text.replace(stand_in, f"var(--{colour})")
    for reference in ('id="', "url(#", 'href="#'):  # the ids of several plots meet in one page
        text = text.replace(reference, f"{reference}{name}-")
    return Markup(text)  # noqa: S704 - drawn here, from numbers and our own words
