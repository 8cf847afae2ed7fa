"""``bintally pick estimate`` and the estimator's part of ``bintally pick bench``, with a formula in place of a network."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from bintally.cli import main
from bintally.layouts import Cart
from bintally.layouts.files import read_places, read_request
from tests.fakes import travel_time as fakes
from warehouse.labels.batch import Batch
from warehouse.labels.draw import KINDS, Drawing
from warehouse.pick.bench import estimator as bench
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.search import solve_search
from warehouse.routing.exact import optimal_length_m

LAYOUT = """
[layout]
aisles = 3
aisle_pitch_m = 3.0
entry_m = 1.0
depot = { aisle = 1, cross_aisle = "front" }
blocks = [{ cells = 6, cell_m = 1.0 }]
"""
PICKS = """
[[picks]]
aisle = 2
cell = 3
quantity = 4

[[picks]]
aisle = 0
cell = 1
"""


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    path = tmp_path / "hall.toml"
    path.write_text(LAYOUT)
    return path


@pytest.fixture
def bundle(tmp_path: Path, layout: Path) -> Path:
    path = tmp_path / "formula.onnx"
    path.write_bytes(fakes.formula_bundle_bytes(read_places(layout)[0], Cart()))
    return path


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_files_are_estimated_beside_their_shortest_tours(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = "picks = [" + ", ".join(f"{{aisle = {pick % 3}, cell = {pick // 3}}}" for pick in range(12)) + "]\n" + LAYOUT
    files = [_file(tmp_path, "a.toml", LAYOUT + PICKS), _file(tmp_path, "b.toml", many), _file(tmp_path, "c.toml", "picks = []\n" + LAYOUT)]
    assert main(["pick", "estimate", *map(str, files), "--estimator", str(bundle), "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for file, row in zip(files, found, strict=True):
        request = read_request(file)
        picks = request.picks()
        base_m = optimal_length_m(request.ladder, picks)
        value, spread = fakes.expected(picks.columns, picks.y_m, picks.quantities, base_m)
        assert row == {
            "file": str(file),
            "places": len(picks),
            "items": picks.quantities.sum(),
            "label": "cart_s",
            "unit": "s",
            "value": pytest.approx(value),
            "spread": pytest.approx(spread),
            "beyond": len(picks) > fakes.MOST_PICKS,
            "plain_m": pytest.approx(base_m),
        }
    assert [row["beyond"] for row in found] == [False, True, False]


def test_people_read_a_line_a_list(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _file(tmp_path, "a.toml", LAYOUT + PICKS)
    assert main(["pick", "estimate", str(file), "--estimator", str(bundle)]) == 0
    assert re.fullmatch(r".*a\.toml: 60\.5 s ± 1\.0%, 2 places, 5 items; shortest tour 24\.00 m\n", capsys.readouterr().out)


def test_a_file_of_another_warehouse_or_cart_is_told_and_the_others_go_on(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = _file(tmp_path, "good.toml", LAYOUT + PICKS)
    wide = _file(tmp_path, "wide.toml", LAYOUT.replace("aisles = 3", "aisles = 4") + PICKS)
    slow = _file(tmp_path, "slow.toml", LAYOUT + "[cart]\nwalk_m_s = 1.0\n" + PICKS)
    assert main(["pick", "estimate", str(wide), str(good), str(slow), "--estimator", str(bundle)]) == 1
    told = capsys.readouterr()
    assert told.out.startswith(f"{good}: ")
    first, second = told.err.splitlines()
    assert f"{wide}: " in first
    assert "3 aisles, not 4" in first
    assert f"{slow}: " in second
    assert "walking speed 1.4 m/s, not 1" in second


def test_a_label_without_a_cart_is_estimated_whatever_cart_the_file_names(
    tmp_path: Path, layout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.onnx"
    path.write_bytes(fakes.formula_bundle_bytes(read_places(layout)[0], None, label="s_shape_m", what={"unit": "m", "about": "a length"}))
    file = _file(tmp_path, "a.toml", LAYOUT + "[cart]\nwalk_m_s = 1.0\n" + PICKS)
    assert main(["pick", "estimate", str(file), "--estimator", str(path)]) == 0
    assert ": 60.5 m ± 1.0%" in capsys.readouterr().out


def test_a_counter_is_no_estimator(tmp_path: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _file(tmp_path, "a.toml", LAYOUT + PICKS)
    assert main(["pick", "estimate", str(file), "--estimator", str(tiny_bundle)]) == 1
    assert "this bundle counts what is in bins" in capsys.readouterr().err


def test_the_bench_prints_the_errors_that_a_plain_formula_gives(
    bundle: Path, layout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "AT_ONCE", (1, 20))
    monkeypatch.setattr(bench, "_REPEATS", 1)
    monkeypatch.setattr(bench, "_BESIDE", 2)
    assert main(["pick", "bench", "estimator", "--estimator", str(bundle), "--layout", str(layout), "--lists", "5", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    ladder, places = read_places(layout)
    batch = Batch(ladder, places, bench.FRESH, Drawing(places, KINDS, fakes.MOST_PICKS, 3).lists(bench.FRESH, bench.FRESH + 5))
    errors = []
    for _, picks in batch.lists():
        value, _ = fakes.expected(picks.columns, picks.y_m, picks.quantities, optimal_length_m(ladder, picks))
        best_s = solve_search(cart_problem(ladder, picks, Cart(pick_s=0.0)), iterations=2000).time_s
        errors.append(abs(value / best_s - 1))
    (row,) = re.findall(r"\| +all \| +5 \| +([\d.]+)%", out)
    assert float(row) / 100 == pytest.approx(np.mean(errors), abs=2e-5)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["estimator"], "with --estimator BUNDLE and --layout FILE"),
        (["estimator", "--estimator", "x.onnx"], "--estimator and --layout go together"),
    ],
)
def test_the_bench_wants_to_know_which_estimator(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pick", "bench", *options]) == 2
    assert told in capsys.readouterr().err


def test_the_bench_refuses_another_label(tmp_path: Path, layout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "policy.onnx"
    path.write_bytes(fakes.formula_bundle_bytes(read_places(layout)[0], None, label="s_shape_m"))
    assert main(["pick", "bench", "estimator", "--estimator", str(path), "--layout", str(layout)]) == 2
    assert "estimates s_shape_m; only cart_s can be measured" in capsys.readouterr().err
