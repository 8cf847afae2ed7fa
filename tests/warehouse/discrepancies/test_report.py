"""The daily report and the rates, from a ledger in which things happened."""

from __future__ import annotations

import csv
import html.parser
import io
import json
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bintally.cli import main
from bintally.errors import InputError
from bintally.topics import Station
from tests.warehouse.ledger.samples import RULES, START, STATION, at, books, count, unsure
from warehouse.discrepancies.found import read_found
from warehouse.discrepancies.rates import rates
from warehouse.discrepancies.report import Report, to_csv
from warehouse.discrepancies.report_page import to_html
from warehouse.ledger import Ledger, cases, reports
from warehouse.ledger.corrections import Correction, correct
from warehouse.ledger.events import take
from warehouse.ledger.expectations import expect
from warehouse.ledger.places import Place, import_places

DAY, UTC = START.date(), timezone.utc
SITE, OTHER = STATION.site, Station("hall 2", "left")
DOUBT = [0.0, 0.05, 0.1, 0.35, 0.45, 0.05, 0.0]


@pytest.fixture
def busy(ledger: Ledger) -> Ledger:
    """A morning: alarms in A, B and C, of which B was right, C was wrong; E is unsure; two hundred bins are quiet."""
    quiet = [f"Q{number:03}" for number in range(200)]
    with ledger.begin() as tx:
        rows = [books(5, -60, bin_, value=value) for bin_, value in (("A", 10.0), ("B", 1.0), ("C", 1.0), ("E", 1.0))]
        expect(tx, [*rows, *(books(2, -60, bin_) for bin_ in quiet)], "ann", "csv", at(-50))
        import_places(tx, [Place(SITE, "A", 1, 2.0, zone="cold"), Place(SITE, "B", 1, 3.0, zone="cold")], "ann", at(-40))
        seen = [count(3 * number + turn, bin_, 3, number + 10 * turn) for number, bin_ in enumerate("ABC", 1) for turn in range(3)]
        take(tx, seen, RULES, at(100))
        take(tx, [unsure(50 + number, "E", 50 + number, DOUBT) for number in range(2)], RULES, at(110))
        take(tx, [count(100 + number, bin_, 2, 120 + number) for number, bin_ in enumerate(quiet[:20])], RULES, at(200))
    with ledger.begin() as tx:
        numbers = {one.case.bin: one.case.number for one in cases.page(tx, state="unsettled").rows}
        cases.assign(tx, numbers["A"], "<b>bob</b>", "ann", at(210))
        cases.settle(tx, numbers["B"], 5, "ann", at(220))
        cases.settle(tx, numbers["C"], 3, "ann", at(230))
    return ledger


def reported(ledger: Ledger, day: date = DAY, now: datetime = START + timedelta(hours=4), **more: object) -> Report:
    with ledger.read() as tx:
        return reports.report(tx, day, UTC, now, **more)  # type: ignore[arg-type]


def test_tells_what_was_opened_settled_and_is_left(busy: Ledger) -> None:
    found = reported(busy)
    assert {one.bin for one in found.opened()} == {"A", "B", "C", "E"}
    assert found.outcomes() == {"books right": 1, "books wrong": 1}
    assert [one.bin for one in found.open_by_cost()] == ["A", "E"], "A's items are worth ten times as much"
    zones = {zone.zone: (zone.opened, zone.settled, zone.open) for zone in found.by_zone()}
    assert zones == {"cold": (2, 1, 1), "": (2, 1, 1)}


def test_the_day_after_has_only_what_is_still_open(busy: Ledger) -> None:
    found = reported(busy, DAY + timedelta(days=1), START + timedelta(days=3))
    assert found.opened() == found.settled() == []
    assert {one.bin for one in found.open_by_cost()} == {"A", "E"}


def test_the_report_of_a_day_past_shows_as_open_what_was_settled_later(busy: Ledger) -> None:
    with busy.begin() as tx:
        number = next(one.case.number for one in cases.page(tx, state="unsettled").rows if one.case.bin == "A")
        cases.settle(tx, number, 3, "ann", START + timedelta(days=1))
    found = reported(busy, now=START + timedelta(days=2))
    assert [(one.bin, one.outcome, one.settled_by) for one in found.open_by_cost()] == [("A", None, None), ("E", None, None)]


def test_days_begin_in_the_time_zone_that_is_asked_for(busy: Ledger) -> None:
    with busy.read() as tx:
        there = reports.report(tx, DAY, ZoneInfo("Pacific/Honolulu"), START + timedelta(days=2))
    assert there.opened() == [], "at 08:00 UTC it was still the day before in Honolulu"


def test_one_site_does_not_see_another(busy: Ledger) -> None:
    with busy.begin() as tx:
        take(tx, [count(1, "Z", 1, 0, OTHER)], RULES, at(300))
    assert {one.site for one in reported(busy).stations} == {SITE, OTHER.site}
    there = reported(busy, site=OTHER.site)
    assert {one.site for one in there.stations} == {OTHER.site}
    assert not there.discrepancies


def test_silent_and_unsure_stations_are_named(busy: Ledger) -> None:
    found = reported(busy)
    (station,) = found.stations
    assert (station.counts, station.unsure, station.heard_at) == (31, 2, at(200))
    assert found.silent(900) == [station]
    assert found.silent(5 * 3600) == []
    assert found.often_unsure(0.06, 20) == [station]
    assert found.often_unsure(0.07, 20) == []


def test_rates_come_from_what_people_found_and_from_the_draw(busy: Ledger) -> None:
    with busy.begin() as tx:
        drawn = reports.draw(tx, SITE, 60, seed=1)
        for number, (bin_, _) in enumerate(drawn):
            correct(tx, Correction(SITE, bin_, 1 if number == 0 else 2, "ann", at(400), reports.AUDIT, f"audit {bin_}"), at(400))
    with busy.read() as tx:
        alarms, tasks, quiet = reports.strata(tx, SITE, START - timedelta(days=1), START + timedelta(days=1))
    assert [(one.bins, one.wrong, one.right) for one in (alarms, tasks, quiet)] == [
        (3, 1, 1),
        (1, 0, 0),
        (200, 1, len(set(dict(drawn)) - {"B", "C"}) - 1),
    ]
    assert rates(alarms, tasks, quiet).missed is None, "nobody looked into the unsure one"


def test_the_draw_is_of_quiet_bins_only_and_each_is_as_likely(busy: Ledger) -> None:
    times = dict.fromkeys((f"Q{number:03}" for number in range(200)), 0) | {"B": 0, "C": 0}
    with busy.read() as tx:
        for seed in range(200):
            for bin_, _ in reports.draw(tx, SITE, 20, seed):
                times[bin_] += 1
    assert 5 <= min(times.values()) <= max(times.values()) <= 45, "20 of 202 bins, 200 times: 19.8 on average"


def test_names_from_outside_are_text_in_the_page(busy: Ledger) -> None:
    page = to_html(reported(busy))
    assert "&lt;b&gt;bob&lt;/b&gt;" in page
    assert "<b>" not in page


def test_the_page_is_whole_and_needs_no_network(busy: Ledger) -> None:
    class Tags(html.parser.HTMLParser):
        depth = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.depth += tag != "meta"
            assert not {name for name, _ in attrs} & {"src", "href", "srcset"}
            assert tag not in ("script", "link", "img")

        def handle_endtag(self, _: str) -> None:
            self.depth -= 1

    tags, page = Tags(), to_html(reported(busy))
    tags.feed(page)
    assert tags.depth == 0
    assert "url(" not in page
    assert "Open, the costliest first" in page


def test_an_empty_ledger_has_a_report(ledger: Ledger) -> None:
    found = reported(ledger)
    assert "Nothing is open." in to_html(found)
    assert to_csv(found).count("\n") == 1


def test_the_csv_has_a_line_a_discrepancy_and_no_formula(busy: Ledger) -> None:
    with busy.begin() as tx:
        expect(tx, [books(9, -60, "=1+1")], "ann", "csv", at(250))
        take(tx, [count(900 + turn, "=1+1", 1, 260 + turn) for turn in range(3)], RULES, at(270))
    rows = list(csv.DictReader(io.StringIO(to_csv(reported(busy)))))
    assert {row["bin"] for row in rows} == {"A", "B", "C", "E", "'=1+1"}
    assert {row["bin"]: row["found"] for row in rows}["C"] == "3"


@pytest.mark.usefixtures("busy")
def test_the_command_writes_both_and_refuses_other_names(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["wms", "report", "--ledger", url, "--day", DAY.isoformat(), "--out"]
    assert [main([*asked, str(tmp_path / name)]) for name in ("report.html", "report.csv", "report.pdf")] == [0, 0, 2]
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "report.csv").read_text().startswith("number,site,zone,bin")
    assert "4 opened, 2 settled, 2 open" in capsys.readouterr().out
    assert not (tmp_path / "report.pdf").exists()


def test_a_round_of_drawing_looking_and_reckoning_with_it(
    url: str, busy: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with busy.begin() as tx:
        for one in cases.page(tx, state="unsettled").rows:
            cases.settle(tx, one.case.number, 3, "ann", at(300))
    asked = ["wms", "rates", "--ledger", url, "--site", SITE, "--days", "10000"]
    assert main([*asked, "--apply"]) == 2, "nobody looked into a quiet bin yet"
    capsys.readouterr()
    assert main([*asked, "--draw", "60", "--seed", "3"]) == 0
    drawn = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(drawn) == 60
    found = tmp_path / "found.csv"
    books_of = {"B": 5}
    found.write_text("bin,quantity\n" + "".join(f"{row['bin']},{books_of.get(row['bin'], 2)}\n" for row in drawn))
    assert main([*asked, "--found", str(found)]) == 2, "who looked?"
    assert main([*asked, "--found", str(found), "--by", "ann"]) == 0
    capsys.readouterr()
    assert main([*asked, "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["missed"]["value"] == 0
    with busy.read() as tx:
        (site,) = reports.report(tx, DAY, UTC, START + timedelta(hours=4), SITE).rates
    assert site.assumed == pytest.approx(told["wrong_share"]["value"])


@pytest.mark.parametrize(
    "content", ["", "bin,quantity\n", "bin,zone\nA,z\n", "bin,quantity\nA,\n", "bin,quantity\nA,1\nA,2\n", "bin,quantity\nA,-1\n"]
)
def test_findings_that_are_not_whole_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "found.csv"
    path.write_text(content)
    with pytest.raises(InputError):
        read_found(path)
