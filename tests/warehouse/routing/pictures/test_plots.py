"""Plots of measurements, read back from the SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bintally.errors import UnavailableError, UsageError
from warehouse.routing.pictures import Curve, Excess, Growth, draw_excess, draw_growth

SVG = "{http://www.w3.org/2000/svg}"
PICKS = (10.0, 20.0, 30.0)
EXCESS = [
    Excess("2 cross aisles", (Curve("s-shape", PICKS, (40.0, 20.0, 10.0)), Curve("return", PICKS, (41.0, 21.0, 11.0)))),
    Excess("3 cross aisles", (Curve("return", PICKS, (50.0, 40.0, 30.0)),)),
]
GROWTH = Growth(
    "aisles", (Curve("h = 2", (5, 10, 20), (1.0, 2.1, 4.0)), Curve("h = 3", (5, 10, 20), (10.0, 21.0, 40.0))), (5, 10, 20), "∝ aisles"
)


def texts(path: Path) -> list[str]:
    return ["".join(text.itertext()).strip() for text in ET.fromstring(path.read_bytes()).iter(f"{SVG}text")]  # noqa: S314


@pytest.fixture(scope="module")
def excess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plots") / "excess.svg"
    draw_excess(path, EXCESS)
    return path


def test_every_policy_is_named_at_its_lines_end_in_every_panel(excess: Path) -> None:
    found = texts(excess)
    assert (found.count("s-shape"), found.count("return")) == (1, 2)
    assert {"2 cross aisles", "3 cross aisles", "picks", "excess over the shortest tour", "40 %"} <= set(found)


def test_names_that_meet_move_apart(excess: Path) -> None:
    root = ET.fromstring(excess.read_bytes())  # noqa: S314
    names = [text for text in root.iter(f"{SVG}text") if "".join(text.itertext()).strip() in {"s-shape", "return"}]
    heights = [float(text.get("y", "nan")) for text in names[:2]]
    assert abs(heights[0] - heights[1]) >= 9


def test_each_policy_has_a_look_of_its_own_and_the_same_in_all_panels(excess: Path) -> None:
    text = excess.read_text()
    solid = re.findall(r'style="fill: none; stroke: #000000; stroke-width: 1.4', text)
    dashed = re.findall(r'style="fill: none; stroke-dasharray: [^"]*stroke: #0072b2; stroke-width: 1.4', text)
    assert (len(solid), len(dashed)) == (1, 2)


def test_growth_is_drawn_beside_its_theory(tmp_path: Path) -> None:
    draw_growth(tmp_path / "growth.svg", [GROWTH, Growth("h", (Curve("10 aisles", (2, 3), (1.0, 9.0)),), log_x=False)])
    assert {"h = 2", "h = 3", "∝ aisles", "aisles", "h", "time a list, µs"} <= set(texts(tmp_path / "growth.svg"))


def test_the_words_of_a_plot_hold_its_numbers(tmp_path: Path) -> None:
    draw_growth(tmp_path / "growth.svg", [GROWTH])
    described = ET.fromstring((tmp_path / "growth.svg").read_bytes()).findtext(f"{SVG}desc")  # noqa: S314
    assert described == "Time a list, µs. aisles, h = 2: 1 at 5, 2.1 at 10, 4 at 20. aisles, h = 3: 10 at 5, 21 at 10, 40 at 20."


def test_the_same_measurements_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw_growth(tmp_path / name, [GROWTH])
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_measurements_that_cannot_be_drawn_are_refused():
    with pytest.raises(UsageError, match=r"s-shape.*2 and 1"):
        Curve("s-shape", (1, 2), (3.0,))
    with pytest.raises(UsageError, match="at least one"):
        Curve("s-shape", (), ())
    with pytest.raises(UsageError, match="above 0"):
        Growth("aisles", (Curve("h = 2", (0.0, 1.0), (1.0, 2.0)),))
    with pytest.raises(UsageError, match="1 values of theory for 2"):
        Growth("aisles", (Curve("h = 2", (1.0, 2.0), (1.0, 2.0)),), theory=(1.0,))
    with pytest.raises(UsageError, match="at least one curve"):
        Growth("aisles", ())
    with pytest.raises(UsageError, match="at least one curve"):
        Excess("2 cross aisles", ())


def test_wrong_use_and_a_folder_that_is_not_there_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg"):
        draw_growth(tmp_path / "growth.jpg", [GROWTH])
    with pytest.raises(UsageError, match="at least one panel"):
        draw_excess(tmp_path / "excess.svg", [])
    with pytest.raises(UnavailableError, match="cannot be written"):
        draw_excess(tmp_path / "nowhere" / "excess.svg", EXCESS)
