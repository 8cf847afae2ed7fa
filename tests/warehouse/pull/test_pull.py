"""A WMS is asked what its books say: pages, tags, faults; nothing is half imported."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bintally.errors import BintallyError, InputError, UsageError
from tests.conftest import free_port
from tests.warehouse.pull.fake import Told, wms
from warehouse.ledger import Ledger
from warehouse.ledger.bins import bins
from warehouse.ledger.expectations import Imported
from warehouse.pull.fetch import LaterError, check_url, header_of
from warehouse.pull.pull import Wms, poll, pull
from warehouse.pull.records import as_rows, read_map, read_records


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as found:
        yield found


def books(ledger: Ledger) -> dict[str, int | None]:
    with ledger.read() as tx:
        return {one.view.bin: one.view.expected for one in bins(tx, "berlin").rows}


def asked(url: str, mapped: str = "") -> Wms:
    return Wms(url, {"Authorization": "Bearer t"}, read_map(mapped), site="berlin")


def test_all_pages_are_imported_with_the_wmss_own_names_and_its_token(ledger: Ledger) -> None:
    pages = {
        "/stock": ([{"location": {"name": "A/1"}, "qty": 3, "x": []}], '<stock?page=2>; rel="next", </stock?page=9>; rel="last"'),
        "/stock?page=2": ([{"location": {"name": "A/2"}, "qty": "4"}], '</stock?a=1,2>; title="the, next"; rel=next'),
        "/stock?a=1,2": ([{"location": {"name": "A/3"}, "qty": 5.0, "article": "a"}], '</stock>; rel="first"'),
    }
    tokens = []

    def answers(target: str, headers: dict[str, str]) -> Told:
        tokens.append(headers["authorization"])
        rows, link = pages[target]
        return Told(json.dumps(rows).encode(), headers={"Content-Type": "application/json; charset=utf-8", "Link": link, "ETag": '"1"'})

    with wms(answers) as url:
        one = asked(f"{url}/stock", "quantity=qty,bin=location.name")
        assert pull(one, ledger) == Imported(3, 0, 0)
        assert pull(one, ledger) == Imported(0, 3, 0)
    assert books(ledger) == {"A/1": 3, "A/2": 4, "A/3": 5}
    assert tokens == ["Bearer t"] * 6


def test_an_answer_that_has_not_changed_is_not_imported_again_but_one_that_failed_is(ledger: Ledger) -> None:
    given = [b'[{"bin": "x", "quantity": 1}]', b'[{"bin": "x", "quantity": "many"}]']
    tags: list[str | None] = []

    def answers(_: str, headers: dict[str, str]) -> Told:
        tags.append(headers.get("if-none-match"))
        tag = f'"{len(given)}"'
        if headers.get("if-none-match") == tag:
            return Told(status=304, body=b"")
        return Told(given[0], headers={"Content-Type": "application/json", "ETag": tag})

    with wms(answers) as url:
        one = asked(url)
        assert pull(one, ledger) == Imported(1, 0, 0)
        assert pull(one, ledger) is None
        given.pop(0)
        for _ in range(2):
            with pytest.raises(InputError, match="row 2: quantity = 'many'"):
                pull(one, ledger)
    assert tags == [None, '"2"', '"2"', '"2"']
    assert books(ledger) == {"x": 1}


def test_a_table_is_read_whatever_its_columns_are_called_and_what_else_stands_in_it(ledger: Ledger) -> None:
    table = "\ufeffLager;Menge;Farbe\r\nA 1;3;rot\r\nA 2;;blau\r\n".encode()
    with wms(lambda *_: Told(table, headers={"Content-Type": "text/csv; charset=utf-8"})) as url:
        assert pull(asked(url, "bin=Lager, quantity=Menge"), ledger) == Imported(1, 1, 0)
    assert books(ledger)["A 1"] == 3


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(b'[{"bin": "x", "quantity": 1}, {"bin": "x", "quantity": 2}]'), "row 3"),
        (Told(b'[{"bin": "x", "quantity": 1}, {"bin": "", "quantity": 2}]'), "row 3: bin"),
        (Told(b'[{"bin": "x", "quantity": 1}, {"quantity": 2}]'), "row 3: bin"),
        (Told(b'[{"bin": "x", "quantity": 1}, {"bin": "y", "quantity": 1.5}]'), "1.5"),
        (Told(b'[{"bin": "x", "quantity": 1}, {"bin": "y", "quantity": true}]'), "true"),
        (Told(b'[{"bin": "x", "quantity": 1}, {"bin": "y", "quantity": [1]}]'), r"\[1\]"),
        (Told(b'[{"bin": "x", "quantity": 1}, {"bin": "y", "quantity": NaN}]'), "NaN"),
        (Told(b'[{"bin": "x", "quantity": 1}, {"bin": "y\\u0000", "quantity": 1}]'), "row"),
        (Told(b'[{"bin": "x", "quantity": 1}, 7]'), "array of objects"),
        (Told(b'{"rows": []}'), "--items"),
        (Told(b"[" * 100_000), "no JSON"),
        (Told(b"<html>", headers={"Content-Type": "text/html"}), "no JSON"),
        (Told(b"bin,quantity\nx,1\ny\n", headers={"Content-Type": "text/csv"}), "row 3"),
        (Told(b'bin,quantity\nx,1\n"y,1\n', headers={"Content-Type": "text/csv"}), "no CSV"),
        (Told(b"\xff", headers={"Content-Type": "text/csv"}), "UTF-8"),
        (Told(b'[{"bin": "x", "quantity": 1}]', headers={"Link": "<http://127.0.0.1:1/>; rel=next"}), "another server"),
        (Told(b'[{"bin": "x", "quantity": 1}]', headers={"Link": "<http://[/>; rel=next"}), "next page"),
        (Told(b'[{"bin": "x", "quantity": 1}]', headers={"Link": "</>; rel=next"}), "do not end"),
        (Told(b'[{"bin": "x", "quantity": 1}]', cut=True), "cut|answer"),
        (Told(status=302, headers={"Location": "http://127.0.0.1:1/"}), "not followed"),
        (Told(status=401), "another token"),
        (Told(status=500), "500"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_imported(ledger: Ledger, told: Told, words: str) -> None:
    with wms(lambda *_: told) as url, pytest.raises(BintallyError, match=words):
        pull(asked(f"{url}/"), ledger)
    assert books(ledger) == {}


def test_a_wms_that_is_away_is_asked_again_until_it_answers(ledger: Ledger) -> None:
    left = [Told(status=503, headers={"Retry-After": "0"}), Told(b"nonsense"), Told(b'[{"bin": "x", "quantity": 1}]')]
    done, stop = [], threading.Event()

    def tell(imported: Imported) -> None:
        done.append(imported)
        stop.set()

    with wms(lambda *_: left.pop(0) if len(left) > 1 else left[0]) as url:
        poll(asked(url), ledger, 0.01, stop, tell)
    assert done == [Imported(1, 0, 0)]
    with pytest.raises(LaterError, match="does not answer"):
        pull(asked(f"http://127.0.0.1:{free_port()}"), ledger)


def test_a_row_that_says_its_site_needs_no_other() -> None:
    record = {"bin": "x", "quantity": 1, "site": "köln", "at": "2026-01-02T00:00:00Z", "value": 2.5}
    (row,) = as_rows([record], read_map(""), None, "wms")
    assert (row.site, row.quantity, row.value, row.at is not None) == ("köln", 1, 2.5, True)
    with pytest.raises(InputError, match="--site"):
        as_rows([record], read_map(""), "berlin", "wms")
    assert as_rows([], read_map(""), None, "wms") == []


def test_rows_are_found_where_they_stand() -> None:
    assert read_records(b'{"data": {"rows": [{"a": 1}]}}', "application/json", "data.rows") == [{"a": 1}]
    with pytest.raises(InputError, match="at --items"):
        read_records(b'{"data": 7}', "application/json", "data.rows")


@pytest.mark.parametrize("text", ["quantity", "qty=quantity", "bin=", "=x"])
def test_a_map_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--map"):
        read_map(text)


@pytest.mark.parametrize("url", ["wms.example", "ftp://x/y", "http://", "http://a:b@x/", "http://x:y/", "http://x/ä", "http://[x/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--url"):
        check_url(url)


def test_a_token_goes_in_the_header_that_is_wanted() -> None:
    assert header_of("X-Api-Key", "t") == {"X-Api-Key": "t"}
    for name, token in (("X Key", "t"), ("X-Key", "t\nX: y"), ("X-Key", "ä")):
        with pytest.raises(UsageError):
            header_of(name, token)
