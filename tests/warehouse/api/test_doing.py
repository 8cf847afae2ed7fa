"""What is done: somebody goes to look, says what is there; imports."""

from __future__ import annotations

import pytest

from tests.warehouse.api.asking import Asking
from tests.warehouse.api.world import LAYOUT, RIGHT, WRONG

BIN = "/v1/sites/berlin/bins/A%2F17"


def number_of(api: Asking, site: str = "berlin") -> int:
    (one,) = api.ask("GET", f"/v1/discrepancies?site={site}", api.reader).json["items"]
    return int(one["number"])


def test_somebody_is_sent_and_settles_it_and_the_log_names_both_them_and_the_token(api: Asking) -> None:
    token, number = api.token("count:correct", name="wms"), number_of(api)
    sent = api.ask("POST", f"/v1/discrepancies/{number}/recount", token, given={"to": "ann"})
    assert (sent.status, sent.json["state"], sent.json["assigned_to"]) == (200, "recount", "ann")
    done = api.ask("POST", f"/v1/discrepancies/{number}/settle", token, given={"quantity": 2, "by": "ann"})
    assert (done.json["state"], done.json["outcome"], done.json["found"], done.json["settled_by"]) == (
        "settled",
        "books wrong",
        2,
        "ann (wms)",
    )
    audit = api.ask("GET", f"/v1/discrepancies/{number}", api.reader).json["audit"]
    assert [(one["what"], one["who"]) for one in audit if one["what"] != "changed"] == [
        ("opened", "counts"),
        ("assigned", "wms"),
        ("settled", "ann (wms)"),
    ]
    assert api.ask("GET", BIN, api.reader).json["bin"]["expected"] == 2
    assert api.ask("GET", "/v1/discrepancies?site=berlin", api.reader).json["items"] == []
    assert api.ask("GET", "/v1/discrepancies?site=berlin&state=settled", api.reader).json["items"][0]["number"] == number


def test_what_is_settled_stays_so_and_what_is_open_cannot_be_released(lite: Asking) -> None:
    token, number = lite.token("count:correct"), number_of(lite)
    assert lite.ask("POST", f"/v1/discrepancies/{number}/release", token).status == 409
    lite.ask("POST", f"/v1/discrepancies/{number}/recount", token, given={"to": "ann"})
    assert lite.ask("POST", f"/v1/discrepancies/{number}/release", token).json["state"] == "open"
    lite.ask("POST", f"/v1/discrepancies/{number}/settle", token, given={"quantity": 5})
    again = lite.ask("POST", f"/v1/discrepancies/{number}/settle", token, given={"quantity": 1})
    assert (again.status, again.headers["content-type"]) == (409, "application/problem+json")
    assert lite.ask("GET", BIN, lite.reader).json["bin"]["expected"] == 5
    assert lite.ask("POST", "/v1/discrepancies/999/settle", token, given={"quantity": 1}).status == 404


def test_a_correction_that_is_sent_twice_with_its_key_is_recorded_once(api: Asking) -> None:
    token, given = api.token("count:correct"), {"site": "berlin", "bin": WRONG, "quantity": 2}
    first, again = (api.ask("POST", "/v1/corrections", token, given=given, idempotency_key="k1") for _ in range(2))
    assert (first.status, first.json, again.status, again.json) == (201, {"recorded": True}, 200, {"recorded": False})
    other = api.ask("POST", "/v1/corrections", token, given={**given, "quantity": 3}, idempotency_key="k1")
    assert (other.status, "Idempotency-Key" in other.json["detail"]) == (422, True)
    assert api.ask("GET", BIN, api.reader).json["bin"]["expected"] == 2
    somebody_else = api.token("count:correct", name="other")
    assert api.ask("POST", "/v1/corrections", somebody_else, given=given, idempotency_key="k1").status == 201


def test_an_import_changes_what_it_says_anew_and_supersedes_a_discrepancy(api: Asking) -> None:
    token = api.token("import")
    rows = [{"bin": WRONG, "quantity": 2}, {"bin": RIGHT, "quantity": 5, "article": "4006381333931", "value": 2.5}]
    assert api.ask("POST", "/v1/expected?site=berlin", token, given=rows).json == {"changed": 1, "same": 1, "late": 0}
    assert api.ask("GET", "/v1/discrepancies?site=berlin&state=settled", api.reader).json["items"][0]["outcome"] == "superseded"


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ([{"bin": "x", "quantity": 1}, {"bin": "y", "quantity": -1}], "1.quantity"),
        ([{"bin": "x", "quantity": 1}, {"bin": "", "quantity": 1}], "1.bin"),
        ([{"bin": "x", "quantity": 1}, {"bin": "y"}], "1.quantity"),
        ([{"bin": "x", "quantity": 1}, {"bin": "y", "quantity": 1, "qty": 2}], "1.qty"),
        ([{"bin": "x", "quantity": 1, "at": "2026-01-01T00:00:00"}], "0.at"),
        ([{"bin": "x\u0000", "quantity": 1}], "0.bin"),
    ],
)
def test_a_bad_row_is_named_and_none_is_imported(lite: Asking, rows: object, field: str) -> None:
    answer = lite.ask("POST", "/v1/expected?site=berlin", lite.token("import"), given=rows)
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)
    assert lite.ask("GET", "/v1/sites/berlin/bins/x", lite.reader).status == 404


def test_an_import_that_names_a_bin_twice_or_no_site_is_refused_whole(lite: Asking) -> None:
    token = lite.token("import")
    twice = lite.ask("POST", "/v1/expected?site=berlin", token, given=[{"bin": "x", "quantity": 1}, {"bin": "x", "quantity": 2}])
    assert (twice.status, "twice" in twice.json["detail"]) == (422, True)
    nowhere = lite.ask("POST", "/v1/expected", token, given=[{"bin": "x", "quantity": 1}])
    assert (nowhere.status, "of which site" in nowhere.json["detail"]) == (422, True)
    assert lite.ask("GET", "/v1/sites/berlin/bins/x", lite.reader).status == 404


def test_bodies_of_other_kinds_are_told_what_is_wanted(lite: Asking) -> None:
    token = lite.token("import")
    assert lite.ask("POST", "/v1/expected", token, b"{", content_type="application/json").status == 400
    assert lite.ask("POST", "/v1/expected", token, b"x", content_type="image/png").status == 415
    assert lite.ask("POST", "/v1/expected", token, b"x", content_type="application/json", content_encoding="gzip").status == 415
    correct = lite.token("count:correct")
    assert lite.ask("POST", "/v1/corrections", correct, b"{", content_type="application/json").status == 400
    assert lite.ask("POST", "/v1/corrections", correct, given=[1]).status == 422


def test_places_and_layout_fit_each_other(api: Asking) -> None:
    token = api.token("import")
    assert api.ask("POST", "/v1/places?site=berlin", token, given=[{"bin": "B", "aisle": 3, "position_m": 2.0}]).json == {"placed": 1}
    assert api.ask("POST", "/v1/places?site=berlin", token, given=[{"bin": "B", "aisle": 9, "position_m": 2.0}]).status == 422
    got = api.ask("GET", "/v1/sites/berlin/layout", api.reader)
    assert (got.content.decode(), got.headers["content-type"]) == (LAYOUT, "application/toml")
    smaller = LAYOUT.replace("aisles = 4", "aisles = 2")
    assert api.ask("PUT", "/v1/sites/berlin/layout", token, smaller.encode(), content_type="application/toml").status == 422
    larger = LAYOUT.replace("aisles = 4", "aisles = 40")
    put = api.ask("PUT", "/v1/sites/berlin/layout", token, larger.encode(), content_type="application/toml", if_match=got.headers["etag"])
    assert put.status == 204
    late = api.ask("PUT", "/v1/sites/berlin/layout", token, LAYOUT.encode(), content_type="application/toml", if_match=got.headers["etag"])
    assert late.status == 412
    assert api.ask("GET", "/v1/sites/berlin/layout", api.reader).content.decode() == larger
    assert api.ask("PUT", "/v1/sites/berlin/layout", token, b"\xff", content_type="application/toml").status == 422


def test_a_table_of_another_system_is_imported_or_told_row_by_row(lite: Asking) -> None:
    token = lite.token("import")
    table = "\ufeffbin;quantity;article\r\nX;3;a1\r\nY;;\r\n".encode()
    done = lite.ask("POST", "/v1/expected?site=berlin", token, table, content_type="text/csv; charset=utf-8")
    assert done.json == {"changed": 1, "same": 1, "late": 0}
    assert lite.ask("GET", "/v1/sites/berlin/bins/X", lite.reader).json["bin"]["article"] == "a1"
    bad = lite.ask("POST", "/v1/expected?site=berlin", token, b"bin,quantity\nZ,1\nY,many\n", content_type="text/csv")
    assert (bad.status, "row 3: quantity = 'many'" in bad.json["detail"]) == (422, True)
    assert lite.ask("GET", "/v1/sites/berlin/bins/Z", lite.reader).status == 404
    assert lite.ask("POST", "/v1/places?site=berlin", token, b"bin,aisle,position_m\nX,1,2.5\n", content_type="text/csv").json == {
        "placed": 1
    }


def test_a_table_is_of_the_tokens_site_and_of_no_other(lite: Asking) -> None:
    token = lite.token("import", site="berlin")
    assert lite.ask("POST", "/v1/expected", token, b"bin,quantity\nZ,1\n", content_type="text/csv").status == 200
    assert lite.ask("POST", "/v1/expected", token, b"site,bin,quantity\nberlin,Z,2\n", content_type="text/csv").status == 200
    assert lite.ask("POST", "/v1/expected", token, b"site,bin,quantity\nother,Z,1\n", content_type="text/csv").status == 403
    assert lite.ask("GET", "/v1/sites/berlin/bins/Z", lite.reader).json["bin"]["expected"] == 2
