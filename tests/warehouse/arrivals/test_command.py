"""``bintally pick day``, as a planner calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bintally.cli import main
from tests.warehouse.command import code, lines

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SMALL = ["pick", "day", "--layout", str(EXAMPLES / "hall.toml"), "--orders", "60", "--hours", "0.5", "--pickers", "4"]


def test_each_rule_is_a_line_with_its_tours(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(capsys, *SMALL)
    assert [one["rule"] for one in found] == ["first-come", "first-come-full", "window", "rolling"]
    for one in found:
        assert sorted(name for tour in one["tours"] for name in tour["orders"]) == sorted(f"o{number}" for number in range(60))
        assert one["walked_m"] == pytest.approx(sum(tour["length_m"] for tour in one["tours"]))
        assert one["lists"] == len(one["tours"])


def test_a_seed_repeats_the_day_and_another_one_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (lines(capsys, *SMALL, "--rule", "rolling", "--seed", seed) for seed in "112")
    assert first == again
    assert first != other


def test_a_table_compares_the_rules_and_says_overload_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL[:-1], "1", "--rule", "first-come", "--rule", "rolling"]) == 0
    text = capsys.readouterr().out
    assert "60 orders came from 8:0" in text
    assert "walked an order, m" in text
    assert "first-come: OVERLOAD. 1 picker cannot keep up" in text
    assert main([*SMALL[:-1], "12", "--rule", "rolling"]) == 0
    assert "OVERLOAD" not in capsys.readouterr().out


def test_an_order_file_tells_its_own_times_and_pickers(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = lines(capsys, "pick", "day", str(EXAMPLES / "orders.toml"), "--rule", "rolling")
    assert found["pickers"] == 2
    assert found["late"] == 0
    assert min(tour["begins_s"] for tour in found["tours"]) >= 8 * 3600


def test_the_picture_tells_the_same_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = lines(capsys, *SMALL, "--rule", "rolling", "--plot", str(tmp_path / "day.svg"))
    text = (tmp_path / "day.svg").read_text()
    assert f"rolling: at most {found['most_waiting']} orders wait" in text
    assert f"{found['walked_m'] / 1000:.1f} km are walked" in text


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (["pick", "day"], "name an order file, or a warehouse with --layout"),
        (["pick", "day", "a.toml", "--orders", "5"], "--orders: these describe a drawn day"),
        ([*SMALL, "--rule", "fifo"], "there is no rule 'fifo'"),
        ([*SMALL, "--pickers", "0"], "not a whole number of at least 1"),
        ([*SMALL, "--window", "0"], "window of 0 s"),
        ([*SMALL, "--full", "2"], "must be from 0 to 1"),
        ([*SMALL, "--hours", "-1"], "must be above 0"),
        ([*SMALL, "--capacity", "3"], "fit no cart of 3"),
        ([*SMALL, "--plot", "day.txt"], "pictures are written as"),
        ([*SMALL, "--plot", "nowhere/day.svg"], "there is no folder"),
    ],
)
def test_wrong_use_is_told_with_exit_code_2(wrong: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code(*wrong) == 2
    assert text in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert code("pick", "day", "nowhere.toml") == 1
    assert "nowhere.toml: cannot be read" in capsys.readouterr().err
