"""``bintally pick route`` on files, as a planner calls it."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from bintally.cli import main
from tests.warehouse.command import code, lines

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
PICKS = EXAMPLES / "picks.toml"
WAREHOUSE = (
    '[layout]\naisles = 4\naisle_pitch_m = 5\nblocks = [{length_m = 18}]\nentry_m = 1\n[layout.depot]\naisle = 0\ncross_aisle = "front"\n'
)


def asked(folder: Path, name: str, *picks: str, extra: str = "") -> Path:
    path = folder / name
    listed = ", ".join(picks)
    path.write_text(f"picks = [{listed}]\n{WAREHOUSE}{extra}")
    return path


def test_a_tour_names_its_stops_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = asked(
        tmp_path, "a.toml", '{aisle = 2, position_m = 4, article = "nuts"}', '{aisle = 0, position_m = 17, article = "bolts", quantity = 3}'
    )
    (found,) = lines(capsys, "pick", "route", path)
    assert (found["file"], found["policy"], found["proven_optimal"]) == (str(path), "optimal", True)
    # up the first aisle to the bolts, over the back, down the third one past the nuts, and home: or both aisles from the front
    assert found["length_m"] == pytest.approx(min(2 * 20 + 2 * 10, 2 * 18 + 2 * 10 + 2 * 5))
    assert {stop["article"]: stop["quantity"] for stop in found["stops"]} == {"nuts": 1, "bolts": 3}
    assert {stop["article"]: stop["aisle"] for stop in found["stops"]} == {"nuts": 2, "bolts": 0}
    assert {stop["article"]: stop["y_m"] for stop in found["stops"]} == {"nuts": 5, "bolts": 18}
    assert sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in itertools.pairwise(found["path"])) == pytest.approx(found["length_m"])
    assert found["end"] == {"x_m": 0, "cross_aisle": 0, "walk_m": 0}


def test_an_empty_list_needs_no_walk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = asked(tmp_path, "a.toml")
    for found in lines(capsys, "pick", "route", path, "--policy", "all") + lines(capsys, "pick", "route", path, "--cart"):
        assert (found["length_m"], found["stops"]) == (0, [])
        assert found.get("time_s", 0) == 0


def test_no_policy_is_shorter_than_the_optimum(capsys: pytest.CaptureFixture[str]) -> None:
    best, *others = lines(capsys, "pick", "route", PICKS, "--policy", "all")
    assert best["policy"] == "optimal"
    assert len(others) >= 6
    assert all(other["length_m"] >= best["length_m"] - 1e-9 and not other["proven_optimal"] for other in others)


def test_a_schedule_tells_each_step_and_a_bound(capsys: pytest.CaptureFixture[str]) -> None:
    exact, pushed = lines(capsys, "pick", "route", PICKS, "--cart", "--policy", "optimal", "--policy", "s-shape")
    assert exact["proven_optimal"]
    assert exact["lower_bound_s"] == pytest.approx(exact["time_s"])
    assert pushed["time_s"] >= exact["time_s"] - 1e-9
    for found in (exact, pushed):
        taken = [stop["article"] for step in found["schedule"] for loop in step.get("loops", [step]) for stop in loop["picks"]]
        assert set(taken) == {stop["article"] for stop in found["stops"]}
        assert sum(step["seconds"] for step in found["schedule"]) <= found["time_s"] + 1e-9
    (walked,) = lines(capsys, "pick", "route", PICKS, "--policy", "s-shape")
    assert pushed["pushed_along_s"] == pytest.approx(walked["length_m"] / 0.7 + 3 * 5.0)
    (searched,) = lines(capsys, "pick", "route", PICKS, "--cart", "--method", "search")
    assert searched["lower_bound_s"] <= exact["time_s"] + 1e-9 <= searched["time_s"] + 2e-9


@pytest.mark.parametrize("policy", ["optimal", "s-shape"])
def test_a_schedule_takes_each_item_once_and_its_steps_add_up(policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picks = ("{aisle = 3, position_m = 9, quantity = 8}", "{aisle = 3, position_m = 11}", "{aisle = 1, position_m = 2, quantity = 4}")
    path = asked(tmp_path, "a.toml", *picks, extra="[cart]\nhands = 3\npick_s = 5\npark_s = 3\nwalk_m_s = 1.4\n")
    for more in ([], ["--no-in-aisles"]):
        (found,) = lines(capsys, "pick", "route", path, "--cart", "--policy", policy, *more)
        loops = [loop for step in found["schedule"] for loop in step.get("loops", [])]
        assert all(loop["items"] == sum(stop["quantity"] for stop in loop["picks"]) <= 3 for loop in loops)
        walked_m = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) for loop in loops for a, b in itertools.pairwise(loop["path"]))
        assert walked_m == pytest.approx(found["walked_m"])
        taken: Counter[tuple[int, float]] = Counter()
        for walk in [*loops, *(step for step in found["schedule"] if step["do"] == "push")]:
            taken.update({(stop["aisle"], stop["y_m"]): stop["quantity"] for stop in walk["picks"]})
        assert taken == {(stop["aisle"], stop["y_m"]): stop["quantity"] for stop in found["stops"]}
        parked = sum(step["do"] == "park" for step in found["schedule"])
        assert found["time_s"] == pytest.approx(found["walked_m"] / 1.4 + found["pushed_m"] / 0.7 + 3 * parked + 5 * 3)
        assert sum(step["seconds"] for step in found["schedule"]) == pytest.approx(found["time_s"])


def test_what_is_said_of_the_cart_replaces_what_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cart = "[cart]\nhands = 1\npark_s = 100\npick_s = 0\n"
    path = asked(tmp_path, "a.toml", "{aisle = 1, position_m = 9}", "{aisle = 1, position_m = 3}", extra=cart)
    (slow,) = lines(capsys, "pick", "route", path, "--cart")
    (fast,) = lines(capsys, "pick", "route", path, "--cart", "--park-time", "0", "--hands", "unlimited", "--pick-time", "0")
    assert fast["time_s"] < slow["time_s"]
    assert fast["time_s"] <= 2 * (5 + 10) / 1.4 + 1e-9


def test_each_file_of_a_folder_is_routed_though_one_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(tmp_path, "a.toml", "{aisle = 1, position_m = 9}")
    asked(tmp_path, "b.toml", "{aisle = 9, position_m = 9}")
    asked(tmp_path, "c.toml", "{aisle = 2, position_m = 9}")
    assert main(["pick", "route", str(tmp_path), "--json"]) == 1
    told = capsys.readouterr()
    assert [Path(json.loads(line)["file"]).name for line in told.out.splitlines()] == ["a.toml", "c.toml"]
    assert "b.toml" in told.err
    assert "aisle" in told.err


def test_one_way_aisles_are_routed_by_the_directed_solver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picks = ("{aisle = 1, position_m = 2}", "{aisle = 2, position_m = 2}")
    (free,) = lines(capsys, "pick", "route", asked(tmp_path, "free.toml", *picks))
    ways = 'one_way = [{aisle = 1, direction = "back"}, {aisle = 2, direction = "front"}]\n'
    path = tmp_path / "ways.toml"
    path.write_text(f"picks = [{', '.join(picks)}]\n" + WAREHOUSE.replace("entry_m = 1\n", f"entry_m = 1\n{ways}"))
    (directed,) = lines(capsys, "pick", "route", path)
    assert directed["proven_optimal"]
    assert (free["length_m"], directed["length_m"]) == (2 * 10 + 4 * 3, 2 * 10 + 2 * 20)
    assert main(["pick", "route", str(path), "--policy", "s-shape"]) == 1
    assert main(["pick", "route", str(path), "--cart"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert all(str(path) in line and "one-way" in line for line in told)
    assert main(["pick", "route", str(path), "--slice", str(tmp_path / "slice.svg")]) == 1
    assert "one-way" in capsys.readouterr().err


def test_stock_in_several_places_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = lines(capsys, "pick", "route", EXAMPLES / "order.toml")
    assert found["proven_optimal"]
    assert found["stops"]


def test_places_that_are_best_for_walking_are_not_said_to_be_best_for_the_cart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stock = '[{article = "bolt", aisle = 0, position_m = 1, quantity = 3}, {article = "bolt", aisle = 1, position_m = 9, quantity = 3}]'
    path = tmp_path / "a.toml"
    path.write_text(f'order = [{{article = "bolt", quantity = 3}}]\nstock = {stock}\n{WAREHOUSE}[cart]\nhands = 1\n')
    (walked,) = lines(capsys, "pick", "route", path)
    (pushed,) = lines(capsys, "pick", "route", path, "--cart")
    assert walked["proven_optimal"]
    assert not pushed["proven_optimal"]
    assert pushed["lower_bound_s"] == pytest.approx(walked["length_m"] / 1.4)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--policy", "s-shap"], "s-shape"),
        (["--hands", "3"], "--hands: only with --cart"),
        (["--iterations", "3"], "--iterations: only with --cart"),
        (["--cart", "--iterations", "-1"], "'-1' is not a whole number of at least 0"),
        (["--cart", "--hands", "0"], "'0' is not a whole number of at least 1"),
        (["--cart", "--walk-speed", "nan"], "'nan' is not a finite number"),
        (["--plot", "tour.gif"], ".svg"),
        (["--plot", "nowhere/tour.svg"], "there is no folder nowhere"),
        (["--plot", "tour.svg", "--slice", "tour.svg"], "two pictures"),
        (["--blocks", "2"], "picks.toml"),
    ],
)
def test_wrong_use_is_told_in_one_line(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("pick", "route", str(PICKS), *arguments) == 2
    told = capsys.readouterr()
    assert text in told.err.splitlines()[-1]
    assert not told.out


def test_a_wrong_cart_is_an_error_that_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pick", "route", str(PICKS), "--cart", "--push-speed", "3"]) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert str(PICKS) in told
    assert "never the faster" in told


def test_people_read_the_tour_and_see_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn, sliced = tmp_path / "tour.svg", tmp_path / "slice.svg"
    assert main(["pick", "route", str(PICKS), "--cart", "--policy", "optimal", "--policy", "s-shape", "--plot", str(drawn)]) == 0
    text = capsys.readouterr().out
    assert "park at aisle 2, cross aisle 1" in text
    assert "loop B2: 6 items" in text
    assert "×6 of 8" in text
    assert "end  aisle 5, back, and 2.5 m to the drop-off" in text
    assert "proven fastest" in text
    assert "0.0 % above the fastest" in text
    assert "s-shape" in drawn.read_text()
    assert "0.0 % above the fastest" in drawn.read_text()
    assert main(["pick", "route", str(PICKS), "--slice", str(sliced)]) == 0
    assert "<svg" in sliced.read_text()


def test_a_picture_shows_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pick", "route", str(EXAMPLES), "--plot", "x.svg"]) == 2
    assert "one list" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "text"),
    [
        (["speed", "--lists", "0"], 2, "at least 1"),
        (["speed", "--seed", "-1"], 2, "at least 0"),
        (["sped"], 2, "speed"),
        (["instances"], 2, "--instances"),
        (["policies", "--out", str(PICKS)], 1, "picks.toml"),
        (["instances", "--instances", str(EXAMPLES)], 1, "optima.csv"),
    ],
)
def test_a_measurement_that_cannot_be_is_told_in_one_line(
    arguments: list[str], exit_code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code("pick", "bench", *arguments) == exit_code
    assert text in capsys.readouterr().err.splitlines()[-1]
