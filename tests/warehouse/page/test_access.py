"""Who sees the page, and who may order something on it."""

from __future__ import annotations

import pytest

from bintally.messages.base import utc_now
from bintally.pages.answers import HEADERS
from tests.warehouse.api.world import HERE, THERE
from tests.warehouse.page.visiting import FORM, HOST, Shop, Visitor, text, words
from warehouse.ledger import audit, tokens

PAGES = ("/", "/bin?bin=A/17", "/discrepancies", "/recounts", "/stations", "/log", "/picture?source=a/b&name=c", "/recounts/picture")


@pytest.mark.parametrize("address", PAGES)
def test_strangers_are_shown_the_door(shop: Shop, address: str) -> None:
    answer = Visitor(shop.app, "")._ask("GET", address, b"", {})
    assert (answer.status, answer.headers["location"]) == (303, "/login")


def test_a_token_logs_in_and_the_log_says_so(shop: Shop) -> None:
    ann = shop.visitor("ann")
    assert "ann login on the page, from 127.0.0.1" in words(ann.get("/log"))
    assert ann.cookie.startswith("bintally-ledger-")


def test_wrong_tokens_are_nobodys_and_after_five_none_is_looked_at(shop: Shop) -> None:
    token = shop.asking.token("read")
    stranger = Visitor(shop.app, "")
    assert [stranger.post("/login", token="bintally_wrong").status for _ in range(6)] == [401] * 5 + [429]  # noqa: S106 - nobody's
    assert stranger.post("/login", token=token).status == 429


def test_a_token_that_may_not_read_has_no_page(shop: Shop) -> None:
    answer = Visitor(shop.app, "").post("/login", token=shop.asking.token("evidence"))
    assert answer.status == 403
    assert "may not read" in words(answer)


def test_logging_out_ends_the_session(shop: Shop) -> None:
    ann = shop.visitor("ann")
    assert "Enter your token" in words(ann.press(ann.get("/"), "/logout"))
    assert ann._ask("GET", "/", b"", {}).status == 303


def test_a_revoked_token_ends_its_sessions_within_seconds(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = shop.visitor("ann")
    with shop.ledger.begin() as tx:
        tokens.revoke(tx, "ann", utc_now())
    monkeypatch.setattr("warehouse.page.guard.time.monotonic", lambda: 1e9)
    assert "Enter your token" in words(ann.get("/"))


def test_a_reader_sees_no_buttons_and_cannot_order(shop: Shop) -> None:
    reader = shop.visitor("reader", "read")
    page = reader.get("/discrepancies")
    assert 'action="/discrepancies/1"' not in text(page)
    csrf = text(page).partition('name="csrf" value="')[2].partition('"')[0]
    for address in ("/discrepancies/1", "/bin", "/recounts/go", "/recounts/1/release"):
        answer = reader.post(address, csrf=csrf, quantity=3, numbers="1", site=HERE.site, bin="A/17")
        assert answer.status == 403, address
        assert "count:correct" in words(answer)
    assert _untouched(shop)


def test_forms_of_other_sites_and_sessions_order_nothing(shop: Shop) -> None:
    ann, ben = shop.visitor("ann"), shop.visitor("ben")
    bens = text(ben.get("/")).partition('name="csrf" value="')[2].partition('"')[0]
    mine = text(ann.get("/")).partition('name="csrf" value="')[2].partition('"')[0]
    assert ann.post("/discrepancies/1", csrf=bens, quantity=3).status == 403
    assert ann.post("/discrepancies/1", quantity=3).status == 403
    for headers in ({"origin": "http://evil.lan"}, {"sec-fetch-site": "cross-site"}):
        given = {"content-type": FORM, "origin": f"http://{HOST}", **headers}
        assert ann._ask("POST", "/discrepancies/1", f"csrf={mine}&quantity=3".encode(), given).status == 403
    assert _untouched(shop)


def test_a_token_of_one_site_sees_no_other(shop: Shop) -> None:
    ann = shop.visitor("ann", site=HERE.site)
    assert ann.get(f"/?site={THERE.site}").status == 404
    assert ann.get("/discrepancies?number=2").status == 404
    assert ann.get(f"/picture?source={THERE.source}&name=x").status == 404
    csrf = text(ann.get("/")).partition('name="csrf" value="')[2].partition('"')[0]
    assert ann.post("/discrepancies/2", csrf=csrf, quantity=3).status == 404
    assert ann.post("/bin", csrf=csrf, site=THERE.site, bin="A/17", quantity=3).status == 404
    assert ann.post("/recounts/go", csrf=csrf, numbers="2").status == 404
    assert ann.post("/recounts/2/release", csrf=csrf).status == 404
    assert "Dead letters" not in words(ann.get("/stations")), "nobody knows of which site they are"
    assert THERE.site not in words(ann.get("/log"))
    assert _untouched(shop)


def test_pages_hold_nothing_that_their_own_policy_forbids(shop: Shop) -> None:
    ann = shop.visitor("ann")
    for address in PAGES[:6]:
        answer = ann.get(address)
        assert answer.status == 200
        assert " style=" not in text(answer)
        assert "<style" not in text(answer)
        assert " on" not in "".join(part.partition(">")[0] for part in text(answer).split("<"))
        assert {name: answer.headers[name.lower()] for name in HEADERS} == HEADERS
        assert answer.headers["cache-control"] == "no-store"


def test_what_bins_are_called_is_never_markup(shop: Shop) -> None:
    from tests.warehouse.api.world import count
    from warehouse.discrepancies.rules import Rules
    from warehouse.ledger.events import Arrived, take

    name = "<script>alert(1)</script>"
    with shop.ledger.begin() as tx:
        take(tx, [Arrived(HERE, count(HERE, 90, name, 2))], Rules(), shop.asking.app.state.api.now())
    ann = shop.visitor("ann")
    for address in ("/", f"/bin?bin={name}", "/discrepancies"):
        assert "<script>" not in text(ann.get(address))
    assert name in words(ann.get("/")).replace("< ", "<") or "&lt;script&gt;" in text(ann.get("/"))


@pytest.mark.parametrize(
    "address",
    ["/?zone=%00", "/?site=x", "/bin", "/bin?bin=none", "/discrepancies?number=x", "/discrepancies?number=99", "/discrepancies?kind=x",
     "/recounts?minutes=-1", "/recounts?walk_m_s=nan", "/nothing", "/picture", "/picture?source=berlin/x&name=../../ledger.db",
     "/discrepancies?number=" + "9" * 15, "/?zone=" + "x" * 300, "/picture?source=berlin%2F..%2F..&name=x"],
)  # fmt: skip
def test_what_cannot_be_is_told_and_breaks_nothing(shop: Shop, address: str) -> None:
    answer = shop.visitor("ann").get(address)
    assert 400 <= answer.status < 500
    assert "log says why" not in words(answer)


def test_the_api_is_where_it_was(shop: Shop) -> None:
    token = shop.asking.token("read")
    for address in ("/v1/bins", "/healthz", "/metrics", "/openapi.json"):
        assert Visitor(shop.app, "")._ask("GET", address, b"", {"authorization": f"Bearer {token}"}).status == 200
    assert (
        Visitor(shop.app, "")
        ._ask("GET", "/v1/nothing", b"", {"authorization": f"Bearer {token}"})
        .headers["content-type"]
        .startswith("application/problem+json")
    )


def _untouched(shop: Shop) -> bool:
    with shop.ledger.read() as tx:
        return all(line.what in ("opened", "changed") for number in (1, 2) for line in audit.of_discrepancy(tx, number))
