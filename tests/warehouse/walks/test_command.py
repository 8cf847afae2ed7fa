"""``bintally pick route --from-ledger``, as who sends people to look calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bintally.cli import main
from tests.warehouse.api.asking import Asking
from tests.warehouse.api.world import HERE, WRONG
from tests.warehouse.command import code, lines
from warehouse.ledger import cases
from warehouse.pick.recounts import text
from warehouse.walks.models import LeftOut, Recounts, RecountStop


def url(asking: Asking) -> str:
    return f"sqlite:///{Path(asking.ledger.where.removeprefix('sqlite:///'))}"


def test_the_tour_is_told_and_drawn_and_nobody_is_sent(lite: Asking, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "tour.svg"
    (found,) = lines(capsys, "pick", "route", "--from-ledger", url(lite), "--site", HERE.site, "--plot", plot)
    assert [stop["bin"] for stop in found["stops"]] == [WRONG]
    assert (found["length_m"], found["seconds"]) == pytest.approx((12.0, 12 / 1.4 + 15))
    assert plot.read_text().startswith("<?xml")
    with lite.ledger.read() as tx:
        assert cases.case(tx, found["stops"][0]["number"]).case.state == "open"


def test_speed_time_and_looks_are_the_caller_s(lite: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("pick", "route", "--from-ledger", url(lite), "--site", HERE.site, "--walk-speed", 2, "--look", 30)
    assert lines(capsys, *asked)[0]["seconds"] == pytest.approx(12 / 2 + 30)
    assert lines(capsys, *asked, "--minutes", 0.59)[0]["stops"] == []


def test_somebody_is_sent(lite: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = lines(capsys, "pick", "route", "--from-ledger", url(lite), "--site", HERE.site, "--assign", "ann")
    with lite.ledger.read() as tx:
        case = cases.case(tx, found["stops"][0]["number"]).case
    assert (found["assigned_to"], case.state, case.assigned_to) == ("ann", "recount", "ann")


def test_people_read_where_to_go_and_what_is_left_out(lite: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pick", "route", "--from-ledger", url(lite), "--site", HERE.site]) == 0
    first, stop = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{HERE.site}: 1 of 1 discrepancies")
    assert first.endswith("12.0 m, 0.4 min")
    assert f"1  {WRONG}  aisle   1" in stop


def test_bins_at_one_place_have_the_number_of_the_picture():
    spots = [("A", 2.0), ("B", 2.0), ("C", 3.0)]
    kept = {"zone": "", "aisle": 1, "block": 0, "kind": "unsure", "article": None, "expected": 5, "likely": 4, "p_wrong": 0.5, "cost": 1.0}
    stops = [RecountStop(bin=name, position_m=y_m, number=number, **kept) for number, (name, y_m) in enumerate(spots)]
    out = [LeftOut(number=number + 9, bin=f"X{number}", cost=0.5, reason="no time") for number in range(20)]
    told = Recounts(site="s", length_m=9.0, seconds=60.0, proven_optimal=True, cost=3.0, stops=stops, left_out=out)
    head, *rows, left = text(told)
    assert head == "s: 3 of 23 discrepancies, cost 3.00 of 13.00; 9.0 m, 1.0 min"
    assert [row.split()[0] for row in rows] == ["1", "1", "2"]
    assert left.startswith("  left out, no time: 20, cost 10.00: X0, X1")
    assert left.endswith("X11, …")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from-ledger", "URL"), "--site"),
        (("--from-ledger", "URL", "--site", "s", "picks.toml"), "PATH"),
        (("--from-ledger", "URL", "--site", "s", "--policy", "all", "--cart"), "--policy, --cart"),
        (("--from-ledger", "URL", "--site", "s", "--minutes", "-1"), "above 0"),
        (("--from-ledger", "URL", "--site", "s", "--plot", "tour.txt"), ".svg"),
        (("--from-ledger", "mysql://x", "--site", "s"), "not supported"),
        (("--minutes", "3", "picks.toml"), "only with --from-ledger"),
        ((), "--from-ledger"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"sqlite:///{tmp_path}/ledger.db" if one == "URL" else one for one in arguments]
    assert code("pick", "route", *given) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("more", [("--site", "nowhere"), ("--site", HERE.site, "--look", "-1"), ("--site", HERE.site, "--walk-speed", "0")])
def test_a_tour_that_cannot_be_fails_with_its_reason(lite: Asking, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert code("pick", "route", "--from-ledger", url(lite), *more) == 1
    assert capsys.readouterr().err.startswith("bintally pick: ")
