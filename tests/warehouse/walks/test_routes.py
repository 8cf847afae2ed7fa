"""Pick lists and recount tours over HTTP, of ledgers as stations and books fill them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bintally.errors import UsageError
from bintally.messages.base import utc_now
from tests.warehouse.api.asking import Asking
from tests.warehouse.api.world import HERE, RIGHT, THERE, WRONG, count
from warehouse.api.routes import walks
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import cases
from warehouse.ledger.events import Arrived, take
from warehouse.ledger.expectations import Row, expect
from warehouse.ledger.places import Place, import_places
from warehouse.walks.from_ledger import plan_recounts, send
from warehouse.walks.recounts import Limits

ARTICLE = "4006381333931"
NUMBERS = itertools.count(10)
LISTS = {"site": HERE.site, "capacity": 10, "method": "savings"}


def order(name: str, quantity: int, article: str = ARTICLE) -> dict[str, Any]:
    return {"name": name, "lines": [{"article": article, "quantity": quantity}]}


def planner(api: Asking, *more: str) -> str:
    return api.token("plan", *more)


def open_another(api: Asking, bin_: str, value: float, place: bool = True) -> None:
    """A discrepancy in one more bin of the first site."""
    now = utc_now()
    with api.ledger.begin() as tx:
        if place:
            import_places(tx, [Place(HERE.site, bin_, 3, 2.0)], "tests", now)
        expect(tx, [Row(HERE.site, bin_, 5, now - timedelta(hours=1), "other", value)], "tests", "csv", now)
        take(tx, [Arrived(HERE, count(HERE, next(NUMBERS), bin_, 1)) for _ in range(2)], Rules(), now)


def test_no_list_takes_more_than_was_counted_and_what_cannot_be_served_is_named(api: Asking) -> None:
    asked = {**LISTS, "orders": [order("first", 6), order("late", 2), order("last", 1), order("odd", 1, "none")]}
    answer = api.ask("POST", "/v1/pick-lists", planner(api), given=asked)
    assert answer.status == 200, answer.content
    found = answer.json
    stops = [stop for one in found["lists"] for stop in one["stops"]]
    # the books say 5 and 5; in one bin 2 were counted, twice
    assert sum(stop["quantity"] for stop in stops if stop["bin"] == WRONG) == 2
    assert sum(stop["quantity"] for stop in stops if stop["bin"] == RIGHT) == 5
    assert {stop["order"] for stop in stops} == {"first", "last"}
    lacks = {one["order"]: one["lacks"] for one in found["not_served"]}
    assert lacks["late"] == [{"reason": "short", "article": ARTICLE, "wanted": 2, "missing": 1, "bins": []}]
    assert [lack["reason"] for lack in lacks["odd"]] == ["unknown article"]
    # depot at aisle 0; bins 3 m up aisle 1 and 5 m up aisle 2, aisles 3 m apart
    assert found["length_m"] == pytest.approx(2 * (6 + 3 + 5)) == pytest.approx(sum(one["length_m"] for one in found["lists"]))
    assert found["seconds"] == pytest.approx(28 / 1.4 + 2 * 5)
    assert stops[0].keys() == {"bin", "zone", "aisle", "block", "position_m", "article", "quantity", "order"}


def test_lists_come_with_pictures_and_with_a_cart_with_its_schedule(lite: Asking) -> None:
    asked = {**LISTS, "orders": [order("one", 6)], "cart": {"hands": 2}, "pictures": True}
    (found,) = lite.ask("POST", "/v1/pick-lists", planner(lite), given=asked).json["lists"]
    assert ET.fromstring(found["picture"]).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 # our own
    picked = [name for step in found["schedule"] for name in [*step["bins"], *(name for loop in step["loops"] for name in loop["bins"])]]
    assert set(picked) == {WRONG, RIGHT}
    assert sum(step["seconds"] for step in found["schedule"]) == pytest.approx(found["seconds"])


def test_no_name_spoils_a_picture(lite: Asking) -> None:
    names = ["$\\frac", "$x$", "<b>&", "\N{SNOWMAN}"]
    orders = [order(name, 1) for name in (*names, "x" * 200)]
    (found,) = lite.ask("POST", "/v1/pick-lists", planner(lite), given={**LISTS, "orders": orders, "pictures": True}).json["lists"]
    told = " ".join(ET.fromstring(found["picture"]).itertext())  # noqa: S314 # our own
    assert [name for name in names if name not in told] == []
    assert "xxx" not in told, "a title has one line"


def test_the_recount_tour_goes_to_the_costliest_first_and_names_the_others(api: Asking) -> None:
    open_another(api, "cheap", 0.1)
    open_another(api, "lost", 9.0, place=False)
    token = planner(api)
    whole = api.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site}).json
    assert {stop["bin"] for stop in whole["stops"]} == {WRONG, "cheap"}
    assert [(one["bin"], one["reason"]) for one in whole["left_out"]] == [("lost", "no place")]
    assert whole["cost"] == pytest.approx(sum(stop["cost"] for stop in whole["stops"]))
    # to the costliest and back: 12 m, and a look
    short = api.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site, "minutes": (12 / 1.4 + 15) / 60}).json
    assert [stop["bin"] for stop in short["stops"]] == [WRONG]
    assert {(one["bin"], one["reason"]) for one in short["left_out"]} == {("lost", "no place"), ("cheap", "no time")}
    assert short["assigned_to"] is None
    assert {one["state"] for one in api.ask("GET", f"/v1/discrepancies?site={HERE.site}", api.reader).json["items"]} == {"open"}


def test_who_is_sent_gets_the_tour_s_discrepancies_and_no_other_s(api: Asking) -> None:
    token = planner(api, "count:correct")
    mine = api.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site, "assign_to": "ann"}).json
    assert ([stop["bin"] for stop in mine["stops"]], mine["assigned_to"]) == ([WRONG], "ann")
    with api.ledger.read() as tx:
        case = cases.case(tx, mine["stops"][0]["number"]).case
    assert (case.state, case.assigned_to) == ("recount", "ann")
    assert api.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site, "assign_to": "bob"}).json["stops"] == []
    again = api.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site, "assign_to": "ann"}).json
    assert again["stops"] == mine["stops"]
    with api.ledger.read() as tx:
        assert [line.what for line in cases.history(tx, case.number)].count("assigned") == 1


def test_nobody_is_sent_where_a_discrepancy_was_settled_meanwhile(api: Asking) -> None:
    open_another(api, "cheap", 0.1)
    now = utc_now()
    plan = plan_recounts(api.ledger, HERE.site, Limits(), "ann")
    assert len(plan.tour.stops) == 2
    with api.ledger.begin() as tx:
        cases.settle(tx, plan.tour.stops[-1].number, 5, "bob", now)
    with pytest.raises(UsageError, match="plan the tour again"):
        send(api.ledger, HERE.site, plan.tour, "ann", "tests", now)
    with api.ledger.read() as tx:
        assert cases.case(tx, plan.tour.stops[0].number).case.state == "open"


def test_sending_somebody_needs_more_than_planning(lite: Asking) -> None:
    asked = {"site": HERE.site, "assign_to": "ann"}
    assert lite.ask("POST", "/v1/recount-tours", planner(lite), given=asked).status == 403
    assert lite.ask("POST", "/v1/recount-tours", lite.reader, given={"site": HERE.site}).status == 403


def test_a_token_plans_its_own_site_only(lite: Asking) -> None:
    token = lite.token("plan", site=THERE.site)
    assert lite.ask("POST", "/v1/recount-tours", token, given={"site": THERE.site}).status == 200
    assert lite.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site}).status == 403
    assert lite.ask("POST", "/v1/pick-lists", token, given={**LISTS, "orders": [order("one", 1)]}).status == 403


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"site": "nowhere"}, "no layout"),
        ({"orders": [order("one", 1), order("one", 1)]}, "comes twice"),
        ({"orders": []}, "orders"),
        ({"orders": [{"name": "one", "lines": []}]}, "lines"),
        ({"orders": [order("one", 0)]}, "quantity"),
        ({"orders": [order(str(number), 1) for number in range(501)]}, "500"),
        ({"orders": [order(str(number), 1) for number in range(101)], "cart": {}}, "at most 100"),
        ({"orders": [order("one", 1001)], "cart": {}}, "1001 items"),
        ({"orders": [{"name": str(one), "lines": [{"article": str(line)} for line in range(200)]} for one in range(26)]}, "at most 5000"),
        ({"capacity": 0}, "capacity"),
        ({"seconds": 61}, "seconds"),
        ({"method": "magic"}, "method"),
        ({"cart": {"push_m_s": 3.0}}, "never the faster"),
        ({"cart": {"hands": 0}}, "hands"),
        ({"confidence": 1.0}, "confidence"),
        ({"walk_m_s": 0}, "walk_m_s"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_its_reason(lite: Asking, change: dict[str, Any], says: str) -> None:
    answer = lite.ask("POST", "/v1/pick-lists", planner(lite), given={**LISTS, "orders": [order("one", 1)], **change})
    assert answer.status == 422
    assert says in answer.json["detail"], answer.json


@pytest.mark.parametrize("change", [{"minutes": 0}, {"minutes": 1e9}, {"look_s": -1}, {"walk_m_s": 1e9}, {"assign_to": ""}, {"site": "no"}])
def test_a_tour_that_cannot_be_is_refused(lite: Asking, change: dict[str, Any]) -> None:
    assert lite.ask("POST", "/v1/recount-tours", planner(lite, "count:correct"), given={"site": HERE.site, **change}).status == 422


def test_who_asks_while_others_plan_is_told_to_come_again(lite: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "_WAIT_S", 0.01)
    token = planner(lite)
    with walks.planning(), walks.planning():
        answer = lite.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site})
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert lite.ask("POST", "/v1/recount-tours", token, given={"site": HERE.site}).status == 200


WITHOUT_PLANNERS = """
import sys
sys.modules["numba"] = None
from pathlib import Path
from tests.warehouse.api.asking import Asking
from warehouse.ledger import Ledger
with Ledger(sys.argv[1]) as ledger:
    api = Asking(ledger)
    answer = api.ask("POST", "/v1/recount-tours", api.token("plan"), given={"site": "berlin"})
    print(answer.status, answer.json["detail"])
    print(api.ask("GET", "/v1/bins", api.token("read")).status)
"""


def test_without_the_planners_the_rest_answers_and_they_say_what_to_install(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    done = subprocess.run([sys.executable, "-c", WITHOUT_PLANNERS, url], capture_output=True, text=True, timeout=120, check=True)
    first, second = done.stdout.splitlines()
    assert first.startswith("501")
    assert "bintally[pick]" in first
    assert second == "200"
