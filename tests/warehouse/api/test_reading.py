"""What is read: counts, bins, discrepancies, stations, a page at a time."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from bintally.messages.base import utc_now
from tests.fakes.events import EPOCH
from tests.warehouse.api.asking import Asking
from tests.warehouse.api.world import HERE, RIGHT, THERE, WRONG, count
from warehouse.discrepancies.rules import Rules
from warehouse.ledger.events import Arrived, take


def level(name: str) -> str:
    return quote(name, safe="")


def test_counts_come_newest_first_with_where_their_picture_is(shared: Asking) -> None:
    token = shared.reader
    found = shared.ask("GET", f"/v1/counts?site={level(THERE.site)}&station={level(THERE.station)}", token).json["items"]
    assert [(one["bin"], one["counted"]) for one in found] == [(WRONG, 2), (RIGHT, 5), (WRONG, 2)]
    assert found[0]["picture"] == f"/evidence/k%C3%B6ln%2Fost/s%201/{EPOCH}-3.jpg"
    assert shared.ask("GET", "/v1/counts?bin=A/18", token).json["items"][0]["probabilities"][5] == 0.97
    assert shared.ask("GET", "/v1/counts?since=2999-01-01T00:00:00Z", token).json["items"] == []


def test_pages_follow_each_other_by_their_links_and_hold_everything_once_though_more_arrives(api: Asking) -> None:
    token = api.reader
    seen, target = [], "/v1/counts?limit=2"
    while target:
        answer = api.ask("GET", target, token)
        seen += [(one["source"], one["id"]) for one in answer.json["items"]]
        target = f"/v1/counts{answer.headers['link'].split('>')[0][1:]}" if "link" in answer.headers else ""
        if len(seen) == 2:
            with api.ledger.begin() as tx:
                take(tx, [Arrived(HERE, count(HERE, 9, WRONG, 2))], Rules(), utc_now())
    assert len(seen) == len(set(seen)) == 6


@pytest.mark.parametrize("cursor", ["x", "W10", "eyJhIjoxfQ", "%00", "WyJjb3VudHMiLCAieCJd"])
def test_a_cursor_that_nobody_gave_is_refused(shared: Asking, cursor: str) -> None:
    answer = shared.ask("GET", f"/v1/counts?cursor={cursor}", shared.reader)
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_bin_is_found_by_any_name_and_tells_its_newest_counts_and_its_discrepancy(shared: Asking) -> None:
    answer = shared.ask("GET", f"/v1/sites/{level(THERE.site)}/bins/{level(WRONG)}", shared.reader)
    bin_, counts = answer.json["bin"], answer.json["counts"]
    assert (bin_["site"], bin_["bin"], bin_["expected"], bin_["counted"], bin_["likely"]) == (THERE.site, WRONG, 5, 2, 2)
    assert bin_["p_wrong"] > 0.5
    assert (bin_["state"], bin_["kind"], bin_["place"]["zone"]) == ("open", "mismatch", "cold")
    assert [one["id"] for one in counts] == [f"{EPOCH}-3", f"{EPOCH}-1"]


def test_bins_are_listed_by_name_or_by_what_their_error_costs(shared: Asking) -> None:
    token = shared.reader
    assert [one["bin"] for one in shared.ask("GET", "/v1/bins?site=berlin", token).json["items"]] == [WRONG, RIGHT]
    costs = [one["cost"] for one in shared.ask("GET", "/v1/bins?order=cost", token).json["items"]]
    assert costs == sorted(costs, reverse=True)
    assert [one["bin"] for one in shared.ask("GET", "/v1/bins?zone=cold&site=berlin", token).json["items"]] == [WRONG]


def test_a_discrepancy_tells_its_place_picture_and_history(shared: Asking) -> None:
    token = shared.reader
    (listed,) = shared.ask("GET", "/v1/discrepancies?site=berlin", token).json["items"]
    assert (listed["bin"], listed["state"], listed["expected"], listed["article"]) == (WRONG, "open", 5, "4006381333931")
    assert listed["picture"].startswith("/evidence/berlin/pick-3/")
    shown = shared.ask("GET", f"/v1/discrepancies/{listed['number']}", token).json
    assert shown["discrepancy"] == listed
    assert shown["audit"][0]["what"] == "opened"


def test_who_has_an_answer_already_gets_none(api: Asking) -> None:
    token = api.reader
    first = api.ask("GET", "/v1/bins", token)
    again = api.ask("GET", "/v1/bins", token, if_none_match=first.headers["etag"])
    assert (again.status, again.content) == (304, b"")
    with api.ledger.begin() as tx:
        take(tx, [Arrived(HERE, count(HERE, 9, RIGHT, 4))], Rules(), utc_now())
    assert api.ask("GET", "/v1/bins", token, if_none_match=first.headers["etag"]).status == 200


def test_stations_and_figures(shared: Asking) -> None:
    token = shared.reader
    assert [(one["site"], one["station"]) for one in shared.ask("GET", "/v1/stations", token).json] == [
        ("berlin", "pick-3"),
        (THERE.site, THERE.station),
    ]
    told = shared.ask("GET", "/metrics", token)
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = told.content.decode().splitlines()
    assert {
        "bintally_events_received_total 6",
        'bintally_discrepancies_open{kind="mismatch",state="open"} 2',
        "bintally_stations 2",
    } <= set(lines)


def test_a_mistyped_filter_shows_nothing(shared: Asking) -> None:
    answer = shared.ask("GET", "/v1/discrepancies?sit=berlin", shared.reader)
    assert (answer.status, answer.json["detail"]) == (422, "?sit=: there is no such parameter here; did you mean site?")
    assert shared.ask("GET", "/healthz?verbose=1", None).status == 422
    assert shared.ask("GET", "/v1/bins?site=berlin&site=other", shared.reader).status == 422


def test_the_report_of_a_day_is_a_page_or_a_table(shared: Asking) -> None:
    today = utc_now().date().isoformat()
    page = shared.ask("GET", f"/v1/report?day={today}&site=berlin", shared.reader)
    assert (page.status, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    assert "script" not in page.headers["content-security-policy"]
    table = shared.ask("GET", f"/v1/report?format=csv&day={today}&timezone=Europe/Berlin", shared.reader).content.decode()
    for told, sites in ((page.content.decode(), {"berlin"}), (table, {"berlin", THERE.site})):
        assert {site for site in ("berlin", THERE.site) if site in told} == sites
        assert WRONG in told
    for query in ("day=0001-01-01", "day=9999-12-31", "day=x", "timezone=Mars", "timezone=../../etc/passwd", "timezone=%00", "format=pdf"):
        assert shared.ask("GET", f"/v1/report?{query}", shared.reader).status == 422
