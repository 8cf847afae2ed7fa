"""``bintally pick report``, with a formula in place of a network: what it writes, keeps and refuses."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bintally.cli import main
from bintally.errors import InputError
from bintally.layouts import Cart
from bintally.layouts.files import read_places
from tests.fakes.travel_time import formula_bundle_bytes
from warehouse.pick.bench import estimator as bench
from warehouse.pick.bench import two_lists
from warehouse.pick.report import run

LAYOUT = """
[layout]
aisles = 3
aisle_pitch_m = 3.0
entry_m = 1.0
depot = { aisle = 1, cross_aisle = "front" }
blocks = [{ cells = 9, cell_m = 1.0 }]
"""
EPOCH = {"epoch": 1, "error": 0.02, "seconds": 3.0, "lists": 1000, "device": "CPU, 2 threads"}

Report = Callable[..., int]


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Few lists, each measured once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "AT_ONCE", (1, 20))
        patch.setattr(run, "AT_ONCE", (1, 20))
        patch.setattr(bench, "_REPEATS", 1)
        patch.setattr(bench, "_BESIDE", 2)
        patch.setattr(two_lists, "RANDOM", 1)
        yield


@pytest.fixture(scope="module")
def report(small: None, tmp_path_factory: pytest.TempPathFactory) -> Report:  # noqa: ARG001 - it patches
    """The command with an output folder; further options and another estimator may be given."""
    folder = tmp_path_factory.mktemp("inputs")
    layout, bundle = folder / "hall.toml", folder / "formula.onnx"
    layout.write_text(LAYOUT)
    bundle.write_bytes(_bundle(LAYOUT, folder))

    def call(out: Path, *options: str, estimator: Path = bundle) -> int:
        words = ["--estimator", str(estimator), "--layout", str(layout), "--out", str(out)]
        return main(["pick", "report", *words, "--lists", "8", "--repetitions", "2", "--seconds", "0.02", *options])

    return call


@pytest.fixture(scope="module")
def whole(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all parts."""
    runs, out = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("whole")
    (runs / "metrics.jsonl").write_text(json.dumps(EPOCH) + "\n")
    assert report(out, "--run", str(runs)) == 0
    return out


@pytest.fixture(scope="module")
def without_run(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, but for table 1."""
    out = tmp_path_factory.mktemp("without")
    assert report(out) == 0
    return out


def _bundle(layout: str, folder: Path, **fields: Any) -> bytes:
    (folder / "its.toml").write_text(layout)
    return formula_bundle_bytes(read_places(folder / "its.toml")[0], Cart(), **fields)


def _numbers(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "report.json").read_text())
    return found


def _page(out: Path) -> str:
    return (out / "report.html").read_text()


def test_a_page_with_all_tables_and_figures_is_written_beside_figures_and_numbers(whole: Path) -> None:
    figures = {f"figure-{number}.svg" for number in (3, 4, 6, 7)}
    assert {path.name for path in whole.iterdir()} == {"report.html", "report.json", *figures}
    for name in figures:
        ET.parse(whole / name)  # noqa: S314 - our own file
    text = _page(whole)
    assert re.findall("<h2>(.*?):", text) == ["Table 1", "Table 2", "Figures 3 and 4", "Figure 6", "Figure 7"]
    assert text.count("<img ") == 4
    assert "Unfinished" not in text
    assert "Left out" not in text
    assert text.count("<td>seed system</td>") == 2


def test_the_numbers_are_those_of_the_page(whole: Path) -> None:
    numbers, text = _numbers(whole), _page(whole)
    assert numbers["table_1"][0]["million_s"] == 3000.0
    assert [one["lists"] for one in numbers["table_2"]["at_once"]] == [1, 20]
    totals = [sum(times) for times in numbers["figures_3_4"]["times_s"]]
    assert len(totals) == 126
    assert totals[numbers["figures_3_4"]["best"]] == min(totals)
    assert f"The optimal split of the same orders: {min(totals):.1f} s." in text
    assert numbers["figure_6"]["scores"]["lists"] == sum(numbers["figure_6"]["counts"]) + numbers["figure_6"]["outside"] == 8
    trials, found = numbers["figure_7"]["trials"], numbers["figure_7"]
    assert len(trials) == 2
    assert found["saving"] == pytest.approx(sum(1 - one["estimated_s"] / one["random_s"] for one in trials) / 2)
    assert found["calculated"] == pytest.approx([1 - time_s / trials[0]["random_s"] for time_s in found["history"]["calculated_s"]])
    assert numbers["seed_system"]["saving"] == 0.11
    assert numbers["missing"] == []


def test_without_a_run_table_1_is_left_out_and_says_so(without_run: Path) -> None:
    assert "Left out: no run was given" in _page(without_run)
    assert _numbers(without_run)["table_1"] is None


def test_the_same_seed_draws_the_same_orders_and_lists(whole: Path, without_run: Path) -> None:
    one, other = _numbers(whole), _numbers(without_run)
    for part in ("figures_3_4", "figure_6"):
        assert one[part] == other[part]
    random_s = [[trial["random_s"] for trial in numbers["figure_7"]["trials"]] for numbers in (one, other)]
    assert random_s[0] == random_s[1]


def test_what_is_done_is_kept_when_a_later_part_fails(tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise InputError("the disk of labels is gone")

    monkeypatch.setattr(run, "on_fresh", fail)
    assert report(tmp_path) == 1
    assert "Figure 4." in _page(tmp_path)
    assert "Unfinished: figure 6, figure 7 still to come." in _page(tmp_path)
    assert _numbers(tmp_path)["missing"] == ["figure_6", "figure_7"]


def test_an_estimator_of_another_warehouse_or_function_is_refused_before_anything_is_measured(
    tmp_path: Path, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, policy, out = tmp_path / "wide.onnx", tmp_path / "policy.onnx", tmp_path / "out"
    wide.write_bytes(_bundle(LAYOUT.replace("aisles = 3", "aisles = 4"), tmp_path))
    policy.write_bytes(_bundle(LAYOUT, tmp_path, label="s_shape_m"))
    assert report(out, estimator=wide) == 1
    assert "4 aisles, not 3" in capsys.readouterr().err
    assert report(out, estimator=policy) == 2
    assert "estimates s_shape_m" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--run", "nowhere"], "nowhere/metrics.jsonl: cannot be read"),
        (["--labels", "nowhere"], "nowhere/labels.json: cannot be read"),
    ],
)
def test_missing_inputs_are_told_before_anything_is_measured(
    tmp_path: Path, report: Report, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert report(tmp_path / "out", *options) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path, report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("")
    assert report(tmp_path / "out") == 1
    assert "cannot make this folder" in capsys.readouterr().err
