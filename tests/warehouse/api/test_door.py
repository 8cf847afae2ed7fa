"""Who comes in, how often, and with how much."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from bintally.messages.base import utc_now
from tests.warehouse.api.asking import Asking, ask
from tests.warehouse.api.world import HERE, WRONG
from warehouse.api.app import make_app
from warehouse.api.limits import Buckets, Left, Quota, network
from warehouse.api.scopes import check
from warehouse.api.settings import Settings
from warehouse.ledger import tokens
from warehouse.ledger.tables import AUDIT
from warehouse.ledger.turns import take_turn

NUMBERS = itertools.count()
FEW = Quota("requests", 3, 0.5)


def test_without_a_token_or_with_a_wrong_one_nothing_is_told(shared: Asking) -> None:
    for sent, told in ((None, 'Bearer realm="bintally"'), ("wrong", 'Bearer realm="bintally", error="invalid_token"')):
        answer = shared.ask("GET", "/v1/bins", sent)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, told)
        assert answer.headers["content-type"] == "application/problem+json"
    basic = ask(shared.app, "GET", "/v1/bins", {"authorization": f"Basic {shared.reader}"}, [b""])
    assert basic.status == 401
    assert shared.ask("GET", "/healthz", None).content == b"the ledger answers\n"
    assert shared.ask("GET", "/openapi.json", None).json["openapi"].startswith("3.1")


def test_a_token_is_kept_as_a_hash_only(lite: Asking) -> None:
    token = lite.token("read", name="ann")
    with lite.ledger.read() as tx:
        (found,) = tokens.tokens(tx)
        assert token not in repr(found)
        assert tokens.owner(tx, tokens.digest(token), utc_now()) == found


def test_a_token_that_expired_or_was_revoked_ends_within_seconds(lite: Asking) -> None:
    now = utc_now()
    with lite.ledger.begin() as tx:
        short = tokens.add(tx, "short", {"read"}, None, None, now, now + timedelta(seconds=5))
        other = tokens.add(tx, "other", {"read"}, None, None, now, None)
    later = make_app(lite.ledger, Settings(), now=lambda: now + timedelta(seconds=6))
    early = make_app(lite.ledger, Settings(), now=lambda: now + timedelta(seconds=4))
    sent = {"authorization": f"Bearer {short}"}
    assert [ask(app, "GET", "/v1/bins", sent, [b""]).status for app in (early, later)] == [200, 401]
    assert lite.ask("GET", "/v1/bins", other).status == 200
    with lite.ledger.begin() as tx:
        tokens.revoke(tx, "other", now)
    assert lite.ask("GET", "/v1/bins", other).status == 200  # it was asked a moment ago
    lite.now_s += 4
    assert lite.ask("GET", "/v1/bins", other).status == 401


def test_a_scope_lets_do_what_it_says_and_nothing_else(shared: Asking) -> None:
    wanted = {
        "read": ("GET", "/v1/bins"),
        "count:correct": ("POST", "/v1/corrections"),
        "import": ("POST", "/v1/expected"),
        "evidence": ("PUT", f"/evidence/berlin/pick-3/{'a' * 22}-1.jpg"),
    }
    for scope in (*wanted, "plan", "admin"):
        token = shared.token(scope, name=scope.replace(":", "."))
        for needed, (method, target) in wanted.items():
            refused = shared.ask(method, target, token, b"x").status == 403
            assert refused == (scope not in (needed, "admin")), (scope, target)


@pytest.mark.parametrize(
    ("scopes", "site", "station", "words"),
    [
        ([], None, None, "--scope"),
        (["read", "write"], None, None, "write"),
        (["evidence"], None, "s", "--site"),
        (["read"], "b", "s", "evidence alone"),
    ],
)
def test_a_token_of_no_use_is_not_made(scopes: list[str], site: str | None, station: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(scopes, site, station)


def test_names_are_not_given_twice_and_only_what_there_is_is_revoked(lite: Asking) -> None:
    lite.token("read", name="ann")
    with pytest.raises(UsageError, match="revoke it first"):
        lite.token("read", name="ann")
    with pytest.raises(InputError, match="no token"), lite.ledger.begin() as tx:
        tokens.revoke(tx, "bob", utc_now())


def test_a_token_has_its_share_and_is_told_when_to_come_again(shared: Asking) -> None:
    hasty = Asking(shared.ledger, requests=FEW)
    token = shared.token("read", name="hasty")
    answers = [hasty.ask("GET", "/v1/stations", token) for _ in range(4)]
    assert [one.status for one in answers] == [200, 200, 200, 429]
    assert [one.headers["ratelimit"] for one in answers] == [f'"requests";r={r};t={t}' for r, t in ((2, 2), (1, 4), (0, 6), (0, 6))]
    assert (answers[3].headers["retry-after"], answers[3].headers["ratelimit-policy"]) == ("2", '"requests";q=3;w=6')
    assert hasty.ask("GET", "/v1/stations", shared.reader).status == 200
    hasty.now_s += 2
    assert hasty.ask("GET", "/v1/stations", token).status == 200


def test_who_guesses_is_not_looked_at_for_a_while_but_others_of_the_address_are(shared: Asking) -> None:
    good = shared.token("read", name="good")
    guarded = Asking(shared.ledger, failures=Quota("failures", 2, 0.1))
    assert guarded.ask("GET", "/v1/stations", good).status == 200
    assert [guarded.ask("GET", "/v1/stations", f"guess-{n}").status for n in range(3)] == [401, 401, 429]
    guarded.now_s += 4  # the good one must be looked up again
    assert guarded.ask("GET", "/v1/stations", good).status == 200
    assert guarded.ask("GET", "/v1/stations", shared.token("read", name="new")).status == 429
    guarded.now_s += 10
    assert guarded.ask("GET", "/v1/stations", "guess").status == 401


def slow_bucket(quota: Quota, takes: list[float]) -> Iterator[bool]:
    """Whether each one is let through, by a plain formula: the bucket's content after every take so far."""
    level, before = float(quota.burst), 0.0
    for at in takes:
        level = min(quota.burst, level + (at - before) * quota.per_s)
        before = at
        yield level >= 1
        level -= level >= 1


def test_a_bucket_lets_through_what_the_formula_says() -> None:
    quota = Quota("q", 5, 2.0)
    takes = [0, 0, 0.1, 0.2, 0.3, 0.35, 0.4, 1.0, 1.1, 5.0, 5, 5, 5, 5, 5, 5.6]
    buckets = Buckets(quota)
    assert [buckets.take("a", at).wait_s == 0 for at in takes] == list(slow_bucket(quota, takes))
    assert buckets.take("b", 5.6) == Left(0.0, 4, 0.5)
    assert buckets.look("c", 5.6) == Left(0.0, 5, 0.0)


def test_only_so_many_buckets_are_remembered() -> None:
    buckets = Buckets(Quota("q", 1, 0.001), most=2)
    for key in "abc":
        assert buckets.take(key, 0).wait_s == 0
    assert [buckets.look(key, 0).wait_s > 0 for key in "abc"] == [False, True, True]


def test_one_has_one_address_of_ipv4_and_a_network_of_ipv6() -> None:
    assert network("10.0.0.7") == "10.0.0.7"
    assert network("2001:db8::1") == network("2001:db8::ffff") != network("2001:db8:0:1::1")
    assert network("testclient") == "testclient"


def test_a_large_body_is_refused_by_what_it_says_and_by_what_it_is(lite: Asking) -> None:
    small = Asking(lite.ledger, body_bytes=100, import_bytes=1000)
    token = lite.token("count:correct")
    said = small.ask("POST", "/v1/corrections", token, b"x", content_length="101")
    assert (said.status, said.headers["connection"]) == (413, "close")
    sent = {"authorization": f"Bearer {token}", "transfer-encoding": "chunked", "content-type": "application/json"}
    assert ask(small.app, "POST", "/v1/corrections", sent, [b" " * 60, b" " * 60]).status == 413
    assert ask(small.app, "POST", "/v1/corrections", sent, [b'{"site": "berlin",', b'"bin": "x", "quantity": 1}']).status == 201


def test_no_more_bodies_are_held_than_there_is_room_for(lite: Asking) -> None:
    full = Asking(lite.ledger, held_bytes=50)
    answer = full.ask("POST", "/v1/corrections", lite.token("count:correct"), b" " * 51)
    assert (answer.status, "retry-after" in answer.headers) == (503, True)


def test_a_locked_ledger_is_told_and_nothing_is_half_done(api: Asking) -> None:
    token, reader = api.token("count:correct"), api.reader
    given = {"site": HERE.site, "bin": WRONG, "quantity": 1}
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with api.ledger.begin() as tx:
            take_turn(tx, HERE.site)
            held.set()
            let_go.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    answer = api.ask("POST", "/v1/corrections", token, given=given)
    reading = api.ask("GET", "/v1/bins", reader)
    let_go.set()
    thread.join()
    assert (answer.status, answer.headers["retry-after"], answer.headers["content-type"]) == (503, "2", "application/problem+json")
    assert api.ledger.where.rpartition("/")[2] not in answer.content.decode()
    assert reading.status == 200  # it waits for nobody
    assert api.ask("POST", "/v1/corrections", token, given=given).status == 201


def test_an_error_of_ours_is_told_without_its_words(lite: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("warehouse.api.routes.bins.bins.bins", broken)
    answer = lite.ask("GET", "/v1/bins", lite.reader)
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.content.decode()


def test_every_refusal_is_a_problem(shared: Asking) -> None:
    for method, target, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/", 404),
        ("DELETE", "/v1/bins", 405),
        ("GET", "/v1/bins?limit=0", 422),
        ("GET", "/v1/bins/", 404),
    ):
        answer = shared.ask(method, target, shared.reader)
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
        told = json.loads(answer.content)
        assert (told["status"], bool(told["detail"]), told["type"]) == (status, True, "about:blank")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 60_000, 400),
        (b'{"quantity": ' + b"9" * 5000 + b"}", 400),
        (b'{"site": "berlin", "bin": "x", "quantity": NaN}', 422),
        (b'{"site": "berlin", "bin": "\\ud800", "quantity": 1}', 422),
        (b'{"site": "berlin", "bin": "x", "quantity": 1, "\\ud800": 1}', 422),
        (b'\xff{"site": "berlin"}', 400),
        (b"", 422),
    ],
)
def test_bodies_that_break_readers_break_nothing(shared: Asking, body: bytes, status: int) -> None:
    answer = shared.ask("POST", "/v1/corrections", shared.token("admin", name=f"a{next(NUMBERS)}"), body, content_type="application/json")
    assert (answer.status, answer.json["status"]) == (status, status)


def test_the_log_says_when_tokens_came_and_went(lite: Asking) -> None:
    lite.token("read", name="ann", site="berlin")
    with lite.ledger.begin() as tx:
        tokens.revoke(tx, "ann", utc_now())
        rows = tx.execute(sa.select(AUDIT.c.who, AUDIT.c.detail).where(AUDIT.c.what == "token").order_by(AUDIT.c.number)).all()
    assert [tuple(row) for row in rows] == [("command line", "ann: made; read; berlin"), ("command line", "ann: revoked")]
