"""What the page shows, and what its buttons do."""

from __future__ import annotations

import html
import re

import pytest

from bintally.messages.base import ModelName
from deploy.fleet.page.trouble import troubles
from deploy.fleet.rollout.advance import Become, Give
from deploy.fleet.rollout.plan import Target
from deploy.fleet.rollout.view import SILENT_S, StationView, Tally
from tests.deploy.fleet.page.asking import Desk
from tests.deploy.fleet.rollout.views import health, reported, view
from tests.deploy.fleet.rollout.world import NEW, START

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>&\u202eabc\x00"""
_BYTES_A_STATION = 300


def stations(text: str) -> list[str]:
    """The table's stations, from top to bottom."""
    return re.findall(r'<th scope="row">([^<]+)', text)


@pytest.mark.parametrize(
    ("orders", "status", "told"),
    [
        (["pause"], "paused", "paused"),
        (["pause", "resume"], "running", "running"),
        (["abort"], "aborted", "aborted"),
        (["pause", "roll-back"], "returning", "is being taken back"),
    ],
)
def test_buttons_reach_the_store_and_the_log_in_the_name_of_who_pressed_them(
    desk: Desk, rollout: str, orders: list[str], status: str, told: str
) -> None:
    cookie = desk.log_in()
    for order in orders:
        answer = desk.order(cookie, f"/rollout/{rollout}/{order}")
        assert (answer.status, answer.headers["location"]) == (303, f"/rollout/{rollout}")
    assert desk.store.rollout(rollout).status == status
    assert [(one.who, one.detail) for one in desk.store.audit(len(orders))] == [("ann (page)", rollout)] * len(orders)
    text = desk.ask("GET", f"/rollout/{rollout}", Cookie=cookie).text
    assert f'<p class="notice good" role="status">{rollout}: {told}</p>' in text
    assert 'role="status"' not in desk.ask("GET", f"/rollout/{rollout}", Cookie=cookie).text, "told once"
    log = desk.ask("GET", "/log", Cookie=cookie).text
    assert "ann (page)" in log
    assert "ben@shop" in log


def test_an_order_that_came_too_late_is_told(desk: Desk, rollout: str) -> None:
    cookie = desk.log_in()
    desk.store.apply(desk.store.rollout(rollout), [Become("halted", "bad")], "one", START)
    assert desk.order(cookie, f"/rollout/{rollout}/pause").status == 303
    assert "is halted; only one that is running can become paused" in desk.ask("GET", "/", Cookie=cookie).text
    assert desk.store.rollout(rollout).status == "halted"


def test_orders_and_rollouts_that_there_are_not_are_refused(desk: Desk, rollout: str) -> None:
    cookie = desk.log_in()
    assert desk.order(cookie, f"/rollout/{rollout}/sign").status == 404
    assert desk.order(cookie, "/rollout/none/pause").status == 404
    assert desk.ask("GET", "/rollout/none", Cookie=cookie).status == 404


def test_a_station_that_came_after_the_last_look_does_not_break_its_rollouts_page(desk: Desk, rollout: str) -> None:
    cookie = desk.log_in()
    desk.ask("GET", "/", Cookie=cookie)
    desk.store.save([view("lyon/late")])
    late = Give("lyon/late", 0, Target(path="counter/2.0.0-cpu.onnx", model=NEW), None, 0)
    assert desk.store.apply(desk.store.rollout(rollout), [late], "one", START)
    assert "lyon/late" in desk.ask("GET", f"/rollout/{rollout}", Cookie=cookie).text


def test_a_login_is_in_the_log(desk: Desk) -> None:
    desk.log_in()
    assert [(one.who, one.what, one.detail) for one in desk.store.audit()] == [("ann (page)", "login", "from 10.0.0.7")]


def test_a_rollout_is_shown_with_its_cohorts_and_only_with_buttons_that_make_sense(desk: Desk, rollout: str) -> None:
    cookie = desk.log_in()
    text = desk.ask("GET", f"/rollout/{rollout}", Cookie=cookie).text
    assert re.findall(r'<td class="num">(\d+ \(\d+%\))</td>', text) == ["2 (1%)", "3 (10%)", "3 (50%)", "3 (100%)"]
    assert 'aria-label="1 active, 1 busy"' in text
    assert re.findall(r'action="/rollout/[^/]+/([a-z-]+)"', text) == ["pause", "roll-back", "abort"]
    desk.order(cookie, f"/rollout/{rollout}/pause")
    assert re.findall(r'action="/rollout/[^/]+/([a-z-]+)"', desk.ask("GET", "/", Cookie=cookie).text) == ["resume", "roll-back", "abort"]
    desk.order(cookie, f"/rollout/{rollout}/abort")
    text = desk.ask("GET", "/", Cookie=cookie).text
    assert "Earlier roll-outs" in text
    assert "/abort" not in text


def test_that_nobody_moves_rollouts_is_told(desk: Desk, rollout: str) -> None:
    cookie = desk.log_in()
    assert "Nobody moves" not in desk.ask("GET", "/", Cookie=cookie).text
    desk.now += 60
    assert "Nobody moves" in desk.ask("GET", "/", Cookie=cookie).text, rollout


def test_what_stations_say_stays_text(desk: Desk) -> None:
    bad = ModelName(name=HOSTILE, version=HOSTILE, digest="c" * 64)
    one = view("berlin/a", model=bad)
    said = reported(1, "failed", bad).model_copy(update={"reason": HOSTILE})
    desk.store.save([one.model_copy(update={"reported": said})])
    desk.store.label("berlin/a", {HOSTILE: HOSTILE}, HOSTILE, START)
    cookie = desk.log_in()
    for address in ("/", "/log", f"/?text={HOSTILE.split(maxsplit=1)[0]}"):
        text = desk.ask("GET", address, Cookie=cookie).text
        assert "<script>" not in text
        assert "<img" not in text
        assert not re.search("[\u202e\x00]", text)
    assert html.escape(HOSTILE[:20]) in desk.ask("GET", "/", Cookie=cookie).text


def test_a_thousand_stations_are_one_answer_of_moderate_size(desk: Desk) -> None:
    desk.store.save([view(f"site-{number % 7}/pick-{number}", trial=Tally(counted=99, ran_s=3600)) for number in range(1000)])
    cookie = desk.log_in()
    text = desk.ask("GET", "/?rows=1000", Cookie=cookie).text
    assert len(stations(text)) == 1000
    assert len(text.encode()) < 1000 * _BYTES_A_STATION
    first = desk.ask("GET", "/", Cookie=cookie).text
    assert len(stations(first)) == 100
    assert "page 1 of 10" in first
    last = stations(desk.ask("GET", "/?page=99", Cookie=cookie).text)
    assert last == stations(text)[900:]


@pytest.fixture
def various(desk: Desk) -> str:
    """Stations that differ in all that can be asked for; a cookie."""
    desk.store.save(
        [
            view("berlin/pick-2", trial=Tally(counted=100, unsure=1, ran_s=3600)),
            view("berlin/pick-10", "lost", status_at=START - 900, seen_at=START - 900),
            view("lyon/pick-1", model=NEW, phase="shadow", trial=Tally(counted=300, unsure=30, ran_s=3600)),
            view("lyon/pick-3", phase="rolled_back"),
        ]
    )
    desk.store.label("lyon/pick-1", {"ring": "early"}, "ann", START)
    return desk.log_in()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["berlin/pick-2", "berlin/pick-10", "lyon/pick-1", "lyon/pick-3"]),
        ("sort=-station", ["lyon/pick-3", "lyon/pick-1", "berlin/pick-10", "berlin/pick-2"]),
        ("sort=rate", ["lyon/pick-1", "berlin/pick-2", "berlin/pick-10", "lyon/pick-3"]),
        ("sort=unsure&site=lyon", ["lyon/pick-1", "lyon/pick-3"]),
        ("text=PICK-1", ["berlin/pick-10", "lyon/pick-1"]),
        ("state=lost", ["berlin/pick-10"]),
        ("model=counter+2.0.0", ["lyon/pick-1"]),
        ("phase=working", ["lyon/pick-1"]),
        ("phase=rolled_back", ["lyon/pick-3"]),
        ("label=ring%3Dearly", ["lyon/pick-1"]),
        ("label=ring%3Dlate", []),
        ("trouble=1", ["berlin/pick-10", "lyon/pick-3"]),
        ("unknown=1", ["berlin/pick-2", "berlin/pick-10", "lyon/pick-1", "lyon/pick-3"]),
    ],
)
def test_stations_are_chosen_and_sorted(desk: Desk, various: str, query: str, names: list[str]) -> None:
    assert stations(desk.ask("GET", f"/?{query}", Cookie=various).text) == names


@pytest.mark.parametrize("query", ["sort=none", "rows=5", "rows=1e9", "page=0", "page=-1", "page=999999", "page=x", f"text={'x' * 2000}"])
def test_an_address_that_means_nothing_is_refused(desk: Desk, various: str, query: str) -> None:
    assert desk.ask("GET", f"/?{query}", Cookie=various).status == 422


def test_the_fleets_figures_stand_on_top(desk: Desk, various: str) -> None:
    text = desk.ask("GET", "/", Cookie=various).text
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd><a [^>]*>(\d+)</a>", text))
    assert figures == {
        "Stations": "4",
        "Online": "3",
        "Lost": "1",
        "In trouble": "2",
        "Updating": "1",
        "counter 1.0.0": "3",
        "counter 2.0.0": "1",
    }


def ill(**changes: object) -> StationView:
    return view("berlin/a").model_copy(update={"health": health().model_copy(update={"disk_free_bytes": 10**12, **changes})})


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (ill(), []),
        (ill(phase="no camera"), ["no camera"]),
        (ill(outbox_oldest_s=601.0, outbox_depth=7), ["7 counts wait for the ledger, the oldest for 10 min"]),
        (ill(disk_free_bytes=10**8), ["less than 1 GB of disk free"]),
        (ill(throttled=True, clock_synchronised=False), ["slows down to keep cool", "clock not set"]),
        (view("a", trial=Tally(counted=20, unsure=7)), ["unsure in 35% of its counts"]),
        (view("a", trial=Tally(counted=19, unsure=19)), []),
        (view("a", trial=Tally(crashes=2, ran_s=7200)), ["2 crashes in 2 h"]),
        (view("a", trial=Tally(crashes=2, ran_s=360_000)), []),
        (view("a", phase="failed"), ["failed: it gave no reason"]),
        (view("a", seen_at=START - SILENT_S - 60, status_at=START - 9999), ["vanished 6 min ago"]),
        (view("a", "stopped", seen_at=START - 1e6), []),
    ],
)
def test_what_is_wrong_with_a_station_is_told(one: StationView, found: list[str]) -> None:
    assert troubles(one, START) == found
