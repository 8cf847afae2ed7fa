"""Who gets in, and attacks on the page: each must get nothing, and change nothing."""

from __future__ import annotations

import pytest

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.pages.answers import HEADERS
from bintally.pages.sessions import IDLE_S, LONGEST_S
from deploy.fleet.page.tokens import TokenFile, make_token, owner, read_hashes
from tests.deploy.fleet.page.asking import HOST, Desk


@pytest.mark.parametrize("address", ["/", "/log", "/rollout/x", "/?rows=1000"])
@pytest.mark.parametrize("cookie", ["", "__Host-bintally-fleet=guess", "__Host-bintally-fleet="])
def test_a_stranger_sees_nothing_but_the_login(desk: Desk, address: str, cookie: str) -> None:
    answer = desk.ask("GET", address, Cookie=cookie)
    assert (answer.status, answer.headers["location"], answer.text) == (303, "/login", "")


def test_a_token_lets_in_until_the_session_is_ended(desk: Desk) -> None:
    cookie = desk.log_in()
    assert desk.ask("GET", "/", Cookie=cookie).status == 200
    assert desk.order(cookie, "/logout").headers["location"] == "/login"
    assert desk.ask("GET", "/", Cookie=cookie).status == 303


def test_the_cookie_is_for_this_host_and_no_script_and_goes_by_tls_alone(desk: Desk) -> None:
    name, *rest = desk.ask("POST", "/login", {"token": desk.token}).headers["set-cookie"].split("; ")
    assert name.startswith("__Host-bintally-fleet=")
    assert {word.lower() for word in rest} >= {"httponly", "samesite=strict", "secure", "path=/"}
    desk.scheme = "http"
    assert "Secure" not in desk.ask("POST", "/login", {"token": desk.token}).headers["set-cookie"]


@pytest.mark.parametrize("idle", [True, False])
def test_sessions_end_by_themselves(desk: Desk, idle: bool) -> None:
    cookie = desk.log_in()
    while desk.up_s <= (IDLE_S if idle else LONGEST_S):
        assert desk.ask("GET", "/", Cookie=cookie).status == 200
        desk.up_s += IDLE_S + 1 if idle else IDLE_S
    assert desk.ask("GET", "/", Cookie=cookie).status == 303


def test_who_is_taken_out_of_the_file_or_gets_another_token_is_locked_out_at_once(desk: Desk) -> None:
    ben = make_token(desk.tokens, "ben")
    cookies = [desk.log_in(), desk.log_in(ben)]
    make_token(desk.tokens, "ann")
    assert [desk.ask("GET", "/", Cookie=cookie).status for cookie in cookies] == [303, 200]
    desk.tokens.write_text("\n".join(line for line in desk.tokens.read_text().splitlines() if not line.startswith("ben")))
    assert desk.ask("GET", "/", Cookie=cookies[1]).status == 303


def test_nobody_gets_in_by_a_file_that_cannot_be_trusted(desk: Desk) -> None:
    cookie = desk.log_in()
    desk.tokens.chmod(0o644)
    answer = desk.ask("GET", "/", Cookie=cookie)
    assert answer.status == 503
    assert str(desk.tokens) not in answer.text


def test_a_wrong_token_opens_nothing_and_is_not_written_down(desk: Desk) -> None:
    for wrong in ("", "wrong", desk.token[:-1], desk.token + "x", next(iter(read_hashes(desk.tokens).values())), "\udcff"):
        answer = desk.ask("POST", "/login", f"token={wrong}".encode("utf-8", "replace"), client=f"10.0.1.{len(wrong)}")
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
    assert desk.store.audit() == []


def test_guessing_is_slowed_down_for_the_guesser_alone(desk: Desk) -> None:
    guesses = [desk.ask("POST", "/login", {"token": "guess"}).status for _ in range(7)]
    assert guesses == [401] * 5 + [429] * 2
    assert desk.ask("POST", "/login", {"token": desk.token}).status == 429, "not even the right one is looked at"
    desk.log_in(client="10.0.0.8")
    desk.up_s += 61
    desk.log_in()


def test_guesses_that_come_all_at_once_are_counted_all_the_same(desk: Desk) -> None:
    found = desk.ask_at_once(20, "POST", "/login", {"token": "guess"})
    assert sorted(one.status for one in found) == [401] * 5 + [429] * 15


def test_a_network_of_ipv6_is_one_guesser(desk: Desk) -> None:
    found = [desk.ask("POST", "/login", {"token": "guess"}, client=f"2001:db8::{n}").status for n in range(6)]
    assert found == [401] * 5 + [429]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": f"https://{HOST}:444"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
    ids=str,
)
def test_another_sites_form_orders_nothing_even_with_the_secret(desk: Desk, rollout: str, headers: dict[str, str]) -> None:
    cookie = desk.log_in()
    csrf = desk.ask("GET", "/", Cookie=cookie).csrf
    before = desk.store.audit()
    assert desk.ask("POST", f"/rollout/{rollout}/pause", {"csrf": csrf}, Cookie=cookie, **headers).status == 403
    assert desk.ask("POST", "/login", {"token": desk.token}, **headers).status == 403
    assert (desk.store.rollout(rollout).status, desk.store.audit()) == ("running", before)


def test_a_form_without_the_sessions_secret_orders_nothing(desk: Desk, rollout: str) -> None:
    ann, other = desk.log_in(), desk.log_in(make_token(desk.tokens, "ben"))
    theirs = desk.ask("GET", "/", Cookie=other).csrf
    for secret in ("", "guess", theirs):
        assert desk.order(ann, f"/rollout/{rollout}/pause", secret).status == 403
    assert desk.order("", f"/rollout/{rollout}/pause", theirs).status == 401
    assert desk.ask("GET", f"/rollout/{rollout}/pause", Cookie=ann).status == 405
    assert desk.store.rollout(rollout).status == "running"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"token=" + b"x" * 5000, {}, 413),
        (b"{}", {"Content_Type": "application/json"}, 415),
        (b"\xff\xfe", {}, 400),
        (b"&".join(b"a=1" for _ in range(50)), {}, 400),
        (b"", {}, 401),
    ],
)
def test_what_is_no_form_is_refused(desk: Desk, body: bytes, headers: dict[str, str], status: int) -> None:
    assert desk.ask("POST", "/login", body, **headers).status == status


@pytest.mark.parametrize("address", ["/", "/login", "/none", "/page.css", "/healthz", "/?sort=none", "/rollout/none"])
def test_every_answer_has_the_headers_that_keep_others_out(desk: Desk, address: str) -> None:
    answer = desk.ask("GET", address, Cookie=desk.log_in())
    for name, value in HEADERS.items():
        assert answer.headers[name.lower()] == value
    assert answer.headers["cache-control"] in ("no-store", "no-cache")
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_pages_hold_nothing_that_their_own_policy_forbids(desk: Desk, rollout: str) -> None:
    cookie = desk.log_in()
    for address in ("/", "/log", "/login", f"/rollout/{rollout}"):
        text = desk.ask("GET", address, Cookie=cookie).text
        assert " style=" not in text
        assert "<style" not in text
        assert " on" not in "".join(part.partition(">")[0] for part in text.split("<"))
        assert text.count("<script") == text.count('<script src="/live.js" defer></script>')


def test_a_database_that_fails_is_told_without_its_address(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UnavailableError("postgresql://secret@host: gone")

    cookie = desk.log_in()
    monkeypatch.setattr(desk.store, "views", fail)
    monkeypatch.setattr(desk.store, "controller", fail)
    for address in ("/", "/healthz"):
        answer = desk.ask("GET", address, Cookie=cookie)
        assert answer.status == 503
        assert "secret" not in answer.text


def test_the_file_holds_hashes_for_its_owner_alone(desk: Desk) -> None:
    assert desk.tokens.stat().st_mode & 0o777 == 0o600
    assert desk.token not in desk.tokens.read_text()
    assert owner(read_hashes(desk.tokens), desk.token) == "ann"


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "a\nroot", "ä", "<b>"])
def test_names_that_would_not_fit_a_line_are_refused(desk: Desk, name: str) -> None:
    with pytest.raises(UsageError, match="a name has 1 to 64"):
        make_token(desk.tokens, name)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "nobody is in it"),
        ("# only words\n", "nobody is in it"),
        ("ann\n", "1: not 'NAME HASH'"),
        (f"\nann {'G' * 64}\n", "2: not 'NAME HASH'"),
        (f"ann {'0' * 64}\nann {'1' * 64}\n", "ann stands there twice"),
    ],
)
def test_a_file_that_is_none_is_refused(desk: Desk, content: str, why: str) -> None:
    desk.tokens.write_text(content)
    with pytest.raises(InputError, match=why):
        TokenFile(desk.tokens)


def test_a_file_that_is_missing_or_open_to_others_is_refused(desk: Desk) -> None:
    desk.tokens.chmod(0o640)
    with pytest.raises(InputError, match="mode 0640 lets others in"):
        TokenFile(desk.tokens)
    desk.tokens.unlink()
    with pytest.raises(UnavailableError, match="page-token NAME"):
        TokenFile(desk.tokens)
