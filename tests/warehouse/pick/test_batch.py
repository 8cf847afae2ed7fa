"""``bintally pick batch`` on files, as a planner calls it."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from bintally.cli import main
from bintally.layouts import Cart, Ladder
from tests.bintally.layouts.test_literature import BATCH
from tests.warehouse.command import code, lines
from warehouse.batching.batches import Batches
from warehouse.batching.budget import Budget
from warehouse.batching.problem import BatchProblem
from warehouse.batching.simple import first_come
from warehouse.batching.solve import Objective
from warehouse.pick.batch import batcher

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
ORDERS = EXAMPLES / "orders.toml"
FIRST_COME = ("--method", "first-come")


def orders_file(folder: Path, name: str, *orders: str, extra: str = "") -> Path:
    path = folder / name
    (folder / "hall.toml").write_text((EXAMPLES / "hall.toml").read_text())
    stock = '[{article = "near", aisle = 4, block = 0, cell = 0}, {article = "far", aisle = 9, block = 1, cell = 19}]'
    path.write_text(f'layout = "hall.toml"\ncapacity = {{items = 3}}\nstock = {stock}\n{extra}orders = [{", ".join(orders)}]\n')
    return path


def test_the_example_is_batched_wave_by_wave_and_zone_by_zone(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = lines(capsys, "pick", "batch", ORDERS, *FIRST_COME)
    assert found["file"] == str(ORDERS)
    assert (found["method"], found["with_cart"], found["late"]) == ("first-come", False, [])
    assert [(one["wave"], one["zone"], one["orders"]) for one in found["lists"]] == [
        ("morning", "hardware", ["A-1001", "A-1002"]),
        ("morning", "hardware", ["A-1003"]),
        ("morning", "paint", ["A-1002"]),
        ("noon", "hardware", ["A-1005"]),
        ("noon", "paint", ["A-1004", "A-1005"]),
    ]
    assert found["batches"] == [one["orders"] for one in found["lists"]]
    assert found["parts"] == {"A-1002": ["hardware", "paint"], "A-1005": ["hardware", "paint"]}
    assert found["total_length_m"] == pytest.approx(sum(one["length_m"] for one in found["lists"]))
    assert found["total_time_s"] == pytest.approx(sum(one["time_s"] for one in found["lists"]))
    assert found["lower_bound_m"] <= found["total_length_m"]
    assert [(one["picker"], one["begins"], one["due"]) for one in found["lists"][:3]] == [
        (0, "08:00:00", "08:10:00"),
        (1, "08:00:00", "08:10:00"),
        (1, "08:00:32", "08:20:00"),
    ]


def test_without_due_times_nobody_is_told_when_to_walk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = orders_file(tmp_path, "a.toml", '{name = "1", lines = [{article = "near"}]}', '{name = "2", lines = [{article = "far"}]}')
    (found,) = lines(capsys, "pick", "batch", path, *FIRST_COME)
    (one,) = found["lists"]
    assert (one["picker"], one["begins"], one["ends"], one["due"], one["late"]) == (None, None, None, None, [])
    assert main(["pick", "batch", str(path), *FIRST_COME]) == 0
    heading, columns, row = capsys.readouterr().out.splitlines()
    assert "2 orders in 1 list, " in heading
    assert columns.split() == ["list", "metres", "seconds", "orders"]
    assert row.split("  ")[-1] == "1, 2"


def test_what_is_late_whatever_is_done_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders = [f'{{name = "{number}", due = "00:02:10", lines = [{{article = "far", quantity = 2}}]}}' for number in range(2)]
    path = orders_file(tmp_path, "a.toml", *orders)
    (found,) = lines(capsys, "pick", "batch", path, *FIRST_COME)
    assert [one["late"] for one in found["lists"]] == [[], ["1"]]
    assert found["late"] == [{"order": "1", "late_s": pytest.approx(found["total_time_s"] - 130)}]
    assert main(["pick", "batch", str(path), *FIRST_COME]) == 0
    told = capsys.readouterr().out
    assert "1 order late" in told
    assert "1 (late)" in told
    assert "late:  1 by 00:00:" in told


def test_with_a_cart_times_are_those_of_schedules(capsys: pytest.CaptureFixture[str]) -> None:
    (walked,) = lines(capsys, "pick", "batch", ORDERS, *FIRST_COME)
    (pushed,) = lines(capsys, "pick", "batch", ORDERS, *FIRST_COME, "--cart")
    assert pushed["with_cart"]
    assert pushed["total_time_s"] > walked["total_time_s"]
    # as fast as the worker, parked in no time and with any number of hands, a cart is no burden
    free = ("--push-speed", 1.4, "--park-time", 0, "--hands", "unlimited")
    (hurried,) = lines(capsys, "pick", "batch", ORDERS, *FIRST_COME, "--cart", *free)
    assert hurried["total_time_s"] == pytest.approx(walked["total_time_s"])


def test_the_literatures_orders_are_batched_with_the_entry_distance_that_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.txt"
    path.write_bytes(BATCH.encode("latin-1"))
    (found,) = lines(capsys, "pick", "batch", path, *FIRST_COME, "--entry-distance", 1.5)
    # the depot is 4 m behind aisle 1's back; one article lies at the back of aisle 1, the other at the front of aisle 0
    assert found["total_length_m"] == pytest.approx(2 * 4 + 2 * 1.5 + 2 * 2.5 + 2 * (5 * 1.5 + 1.5))
    assert found["batches"] == [["0", "1"]]


def test_each_file_of_a_folder_is_batched_though_one_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders_file(tmp_path, "a.toml", '{name = "1", lines = [{article = "near"}]}')
    orders_file(tmp_path, "b.toml", '{name = "1", lines = [{article = "nowhere"}]}')
    orders_file(tmp_path, "c.toml", '{name = "1", due = "00:00:02", lines = [{article = "far"}]}')
    assert main(["pick", "batch", str(tmp_path), *FIRST_COME, "--json"]) == 1
    told = capsys.readouterr()
    assert [Path(json.loads(line)["file"]).name for line in told.out.splitlines()] == ["a.toml"]
    broken, impossible = told.err.splitlines()
    assert f"{tmp_path / 'b.toml'}: orders[0].lines[0].article = 'nowhere': lies nowhere" in broken
    assert f"{tmp_path / 'c.toml'}: orders[0]: order '1' is due at 00:00:02" in impossible


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--method", "alsn"], "there is no batching method 'alsn'; did you mean alns?"),
        (["--hands", "3"], "--hands: only with --cart"),
        (["--judge", "exact"], "--judge: only with --cart"),
        (["--cart", "--judge", "estimate"], "give an estimator"),
        (["--seconds", "0"], "'0' is not above 0"),
        (["--seconds", "inf"], "'inf' is not a finite number"),
        (["--iterations", "0"], "'0' is not a whole number of at least 1"),
        (["--carts", "0"], "'0' is not a whole number of at least 1"),
        (["--entry-distance", "1.5"], "orders.toml: entry distances stand in this file itself"),
    ],
)
def test_wrong_use_is_told_in_one_line(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("pick", "batch", str(ORDERS), *arguments) == 2
    told = capsys.readouterr()
    assert text in told.err.splitlines()[-1]
    assert not told.out


def test_a_pick_file_is_for_the_other_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pick", "batch", str(EXAMPLES / "picks.toml")]) == 1
    assert "'bintally pick route'" in capsys.readouterr().err
    assert main(["pick", "route", str(ORDERS)]) == 1
    assert "'bintally pick batch'" in capsys.readouterr().err


def test_an_interrupted_search_shows_what_it_found_and_reads_no_further_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def searching(problem: BatchProblem, method: str, objective: Objective, **limits: Any) -> Batches:
        assert method == "alns"
        assert objective == Objective()
        budget = Budget(limits["seconds"])
        os.kill(os.getpid(), signal.SIGINT)
        while budget.spent(0, 0) < 1:
            budget.stop.wait(0.01)
        assert budget.elapsed_s() < 30
        return first_come(problem)

    monkeypatch.setattr(batcher, "solve", searching)
    for name in ("a.toml", "b.toml"):
        orders_file(tmp_path, name, '{name = "1", lines = [{article = "near"}]}')
    assert main(["pick", "batch", str(tmp_path), "--seconds", "60", "--json"]) == 130
    told = capsys.readouterr()
    (found,) = map(json.loads, told.out.splitlines())
    assert found["batches"] == [["1"]]
    assert "the best lists so far" in told.err


def test_an_estimator_is_asked_for_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Estimator:
        def check(self, ladder: Ladder, cart: Cart) -> None:
            raise AssertionError(f"asked about {ladder.columns} columns and {cart.hands} items")

    fake = type(sys)("warehouse.estimator")
    fake.open_estimator = lambda path: Estimator()  # type: ignore[attr-defined]  # a module of its own  # noqa: ARG005
    monkeypatch.setitem(sys.modules, "warehouse.estimator", fake)
    with pytest.raises(AssertionError, match="asked about 11 columns and 4 items"):
        main(["pick", "batch", str(ORDERS), "--cart", "--hands", "4", "--estimator", str(tmp_path / "x.onnx"), "--method", "seed"])
