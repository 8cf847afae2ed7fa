"""What people see, and what follows from what they press."""

from __future__ import annotations

import builtins
import re
from typing import Any

import pytest

from tests.fakes.events import EPOCH
from tests.warehouse.api.world import HERE, RIGHT, THERE, WRONG, count
from tests.warehouse.page.visiting import Shop, text, words
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import bins, cases
from warehouse.ledger.case_rows import Case
from warehouse.ledger.dead_letters import keep
from warehouse.ledger.events import Arrived, take
from warehouse.ledger.expectations import Row, expect
from warehouse.ledger.fold import View

JPEG = b"\xff\xd8\xff picture \xff\xd9"


def view(shop: Shop, bin_: str = WRONG) -> View:
    with shop.ledger.read() as tx:
        found = bins.bin_of(tx, HERE.site, bin_)
    assert found
    return found.view


def case(shop: Shop, number: int = 1) -> Case:
    with shop.ledger.read() as tx:
        return cases.case(tx, number).case


def open_more(shop: Shop, *names: str) -> None:
    """Discrepancies of more bins, at places that the layout has, each less costly than the one before."""
    from warehouse.ledger.places import Place, import_places

    now = shop.asking.app.state.api.now()
    with shop.ledger.begin() as tx:
        import_places(tx, [Place(HERE.site, name, 2 + number % 2, 2.0 + number) for number, name in enumerate(names)], "tests", now)
        expect(tx, [Row(HERE.site, name, 5, None, None, 1 / (2 + number)) for number, name in enumerate(names)], "tests", "csv", now)
        later = [count(HERE, 20 + number, name, 2) for number, name in enumerate((*names, *names))]
        take(tx, [Arrived(HERE, one) for one in later], Rules(), now)


def test_the_map_has_each_bin_once_with_the_sign_of_how_it_stands(shop: Shop) -> None:
    with shop.ledger.begin() as tx:
        take(tx, [Arrived(HERE, count(HERE, 9, "nowhere", 3))], Rules(), shop.asking.app.state.api.now())
    page = shop.visitor("ann").get(f"/?site={HERE.site}")
    assert sorted(re.findall(r"<title>([^<]+)</title><use href=\"#sign-(\w+)\"", text(page))) == [
        ("A/17: Books wrong", "wrong"),
        ("A/18: Books right", "right"),
    ]
    assert "1 bin without a place nowhere" in words(page)
    assert "Bins 3 Books wrong 1 Somebody should look 0 Somebody goes 0 Books right 1 Not in the books 1 Not counted 0" in words(page)


def test_a_zone_shows_its_bins_alone(shop: Shop) -> None:
    page = text(shop.visitor("ann").get(f"/?site={HERE.site}&zone=cold"))
    assert "A/17" in page
    assert "A/18" not in page


def test_the_sites_are_there_to_choose_from(shop: Shop) -> None:
    ann = shop.visitor("ann")
    assert 'href="/?site=k%C3%B6ln%2Fost"' in text(ann.get("/"))
    assert THERE.site in words(ann.get("/?site=k%C3%B6ln%2Fost"))


def test_a_bins_page_tells_counts_books_belief_and_discrepancy(shop: Shop) -> None:
    page = words(shop.visitor("ann").get("/bin?bin=A/17"))
    found = view(shop)
    assert found.p_wrong is not None
    for told in ("Counted 2,", "Books 5", "Probably 2", f"That they are wrong {found.p_wrong:.0%}", f"Expected cost {found.cost:.2f}"):
        assert told in page
    assert "Place cold: aisle 1, 3 m" in page
    assert "Discrepancy 1 , open for" in page
    assert page.count("97% settled") == 2, "its two counts"
    assert "kept no picture" not in page
    assert "has not come here" in page


def test_a_picture_is_shown_once_it_has_come(shop: Shop) -> None:
    folder = shop.evidence / HERE.site / HERE.station
    folder.mkdir(parents=True)
    (folder / f"{EPOCH}-3.jpg").write_bytes(JPEG)
    ann = shop.visitor("ann")
    address = re.search(r'<img src="([^"]+)"', text(ann.get("/bin?bin=A/17")))
    assert address
    answer = ann.get(address[1].replace("&amp;", "&"))
    assert (answer.status, answer.content, answer.headers["content-type"]) == (200, JPEG, "image/jpeg")
    assert "nosniff" in answer.headers["x-content-type-options"]


def test_saying_what_is_in_a_bin_corrects_its_books_and_settles_its_discrepancy(shop: Shop) -> None:
    ann = shop.visitor("ann")
    page = ann.press(ann.get("/bin?bin=A/17"), "/bin", quantity=2)
    assert "2 are in it; the books are held to that from now on." in words(page)
    assert (view(shop).expected, case(shop).outcome, case(shop).settled_by) == (2, "books wrong", "ann")
    log = words(ann.get("/log"))
    assert "ann correction berlin: A/17 holds 2" in log
    assert "ann settled discrepancy 1" in log


def test_the_costliest_discrepancy_is_looked_at_and_stays_in_the_address(shop: Shop) -> None:
    open_more(shop, "B/1", "B/2")
    answer = shop.visitor("ann")._ask("GET", "/discrepancies", b"", {"cookie": shop.visitor("ben").cookie})
    assert answer.headers["location"] == "/discrepancies?site=berlin&number=1"
    page = shop.visitor("cid").get("/discrepancies")
    listed = re.findall(r"<strong>([^<]+)</strong>", text(page))
    assert listed == ["A/17", "B/1", "B/2"]
    assert "no. 1" in words(page)


def test_accepting_the_books_settles_and_shows_the_next_one(shop: Shop) -> None:
    open_more(shop, "B/1", "B/2")
    ann = shop.visitor("ann")
    page = ann.press(ann.get("/discrepancies"), "/discrepancies/1")
    assert "A/17: 5, the books are right." in words(page)
    assert re.findall(r"<strong>([^<]+)</strong>", text(page)) == ["B/1", "B/2"]
    assert '"/bin?site=berlin&amp;bin=B%2F1">B/1' in text(page), "the next one is looked at"
    assert (case(shop).outcome, case(shop).settled_by, view(shop).expected) == ("books right", "ann", 5)


def test_another_quantity_corrects_the_books(shop: Shop) -> None:
    ann = shop.visitor("ann")
    page = ann.press(ann.get("/discrepancies"), "/discrepancies/1", quantity=2)
    assert "A/17: 2; the books are held to it from now on." in words(page)
    assert "The books and the counts agree." in words(page)
    assert (case(shop).outcome, view(shop).expected) == ("books wrong", 2)


@pytest.mark.parametrize("typed", ["", "-1", "2.5", "two", "9999999", "٣"])
def test_what_is_no_quantity_changes_nothing_and_the_same_one_is_shown(shop: Shop, typed: str) -> None:
    ann = shop.visitor("ann")
    page = ann.press(ann.get("/discrepancies"), "/discrepancies/1", quantity=typed)
    assert "is no number of items; nothing was changed." in words(page)
    assert "no. 1" in words(page)
    assert case(shop).state == "open"


def test_of_two_who_settle_at_once_the_second_is_told_and_what_he_said_is_not_lost(shop: Shop) -> None:
    ann, ben = shop.visitor("ann"), shop.visitor("ben")
    anns, bens = ann.get("/discrepancies"), ben.get("/discrepancies")
    ann.press(anns, "/discrepancies/1", quantity=2)
    page = words(ben.press(bens, "/discrepancies/1", quantity=3))
    assert "is settled already (books wrong, by ann); nothing was changed" in page
    assert "You said 3" in page
    assert "Settled by ann: books wrong; 2 found" in page
    assert view(shop).expected == 2


def test_books_that_changed_meanwhile_are_not_overwritten_by_accepting_the_old_ones(shop: Shop) -> None:
    ann = shop.visitor("ann")
    page = ann.get("/discrepancies")
    with shop.ledger.begin() as tx:
        expect(tx, [Row(HERE.site, WRONG, 7)], "wms", "api", shop.asking.app.state.api.now())
    told = words(ann.press(page, "/discrepancies/1"))
    assert "settled already (superseded, by books)" in told or "the books say 7 by now, and not 5; nothing was changed" in told
    assert view(shop).expected == 7
    assert case(shop).outcome in (None, "superseded")


def test_a_tour_is_planned_drawn_taken_walked_and_what_was_found_is_told(shop: Shop) -> None:
    open_more(shop, "B/1", "B/2")
    ann = shop.visitor("ann")
    page = ann.get("/recounts?minutes=30")
    assert "3 bins to look into" in words(page)
    way = re.search(r'<img src="(/recounts/picture[^"]+)"', text(page))
    assert way
    drawn = ann.get(way[1].replace("&amp;", "&"))
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "<svg" in text(drawn)
    assert "script" not in drawn.headers["content-security-policy"]
    mine = ann.press(page, "/recounts/go")
    assert "Yours to look into: 3 bins." in words(mine)
    assert {case(shop, number).assigned_to for number in (1, 3, 4)} == {"ann"}
    after = ann.press(mine, "/discrepancies/1", quantity=2)
    assert "2 bins left on my way" in words(after)
    assert case(shop).outcome == "books wrong"
    assert f"{case(shop, 3).bin}: left to others." in words(ann.press(after, "/recounts/3/release"))
    assert case(shop, 3).state == "open"


def test_nobody_is_sent_where_somebody_else_goes(shop: Shop) -> None:
    open_more(shop, "B/1")
    ann, ben = shop.visitor("ann"), shop.visitor("ben")
    bens = ben.get("/recounts")
    ann.press(ann.get("/recounts"), "/recounts/go")
    assert "settled or taken by others meanwhile: 2" in words(ben.press(bens, "/recounts/go"))
    assert case(shop).assigned_to == "ann"
    assert "Nothing to recount" in words(ben.get("/recounts"))


def test_a_short_tour_leaves_the_less_costly_ones_out(shop: Shop) -> None:
    open_more(shop, "B/1", "B/2")
    page = words(shop.visitor("ann").get("/recounts?minutes=0.5&look_s=10"))
    assert "1 bin to look into" in page
    assert "A/17" in page
    assert "Not on it: 2 beyond the time." in page


def test_without_the_planners_the_page_says_what_to_install(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = shop.visitor("ann")
    ann.press(ann.get("/recounts"), "/recounts/go")
    real = builtins.__import__

    def without(name: str, *given: Any) -> Any:
        if name.startswith("warehouse.walks."):
            raise ModuleNotFoundError("no numba", name="numba")
        return real(name, *given)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "1 bin left on my way" in words(ann.get("/recounts")), "what was taken is still there"
    told = words(shop.visitor("ben").get("/recounts"))
    assert "numba is missing; install it with pip install 'bintally[pick]'" in told


def test_stations_show_what_is_missing_and_what_could_not_be_read(shop: Shop) -> None:
    class Letter:
        topic, payload, reason = "bintally/v1/x", b"{<b>", "no JSON"

    with shop.ledger.begin() as tx:
        take(tx, [Arrived(HERE, count(HERE, 9, WRONG, 2))], Rules(), shop.asking.app.state.api.now())
        keep(tx, [Letter(), Letter()], shop.asking.app.state.api.now())
    page = shop.visitor("ann").get("/stations?site=berlin")
    assert "Events missing 5" in words(page)
    assert "Dead letters 2" in words(page)
    assert "2 bintally/v1/x no JSON {<b>" in words(page)
    assert "<b>" not in text(page)
    assert f"{HERE.station} never heard 0 s ago 5" in words(page)


def test_the_right_bin_is_told_from_the_wrong_one(shop: Shop) -> None:
    assert (view(shop, RIGHT).p_wrong or 0) < 0.05
    assert "Books right" in words(shop.visitor("ann").get("/bin?bin=A/18"))


def test_an_empty_ledger_says_so(tmp_path: Any) -> None:
    from warehouse.ledger import Ledger

    with Ledger(f"sqlite:///{tmp_path / 'new.db'}") as ledger:
        ann = Shop(ledger, tmp_path / "evidence").visitor("ann")
        for address in ("/", "/discrepancies", "/recounts", "/stations", "/log"):
            assert ann.get(address).status == 200
        assert "No bins yet" in words(ann.get("/"))
