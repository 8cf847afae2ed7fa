"""Attacks on the page: each must get nothing, and change nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http import HTTPStatus

import pytest

from agent.page import connections
from agent.page.security import Asked, Guard
from tests.agent.page.serving import TOKEN, Serving, count, look_at, picture, serving
from tests.fakes.programs import wait_until

CORRECTION = {"event_id": count().id, "quantity": 2}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def open_page() -> Iterator[Serving]:
    with serving() as page:
        yield page


@pytest.fixture
def page(open_page: Serving) -> Serving:
    """Loopback, no token."""
    open_page.done.corrected.clear()
    look_at(open_page.status, picture(), count())
    return open_page


@pytest.fixture(scope="module")
def locked_page() -> Iterator[Serving]:
    with serving(TOKEN) as page:
        look_at(page.status, picture(), count())
        yield page


@pytest.fixture
def locked(locked_page: Serving) -> Serving:
    """With a token."""
    locked_page.done.corrected.clear()
    locked_page.done.recounted.clear()
    return locked_page


@pytest.mark.parametrize("path", ["/", "/api/state", "/picture.jpg", "/metrics", "/healthz", "/page.js", "/none"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost.evil.example:{port}", "127.0.0.1", "localhost:1", "x@localhost:{port}", ""]
)
def test_dns_rebinding_reaches_nothing(page: Serving, path: str, host: str) -> None:
    assert page.get(path, Host=host.format(port=page.port)).status == HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1:{port}", "[::1]:{port}", "127.0.0.2:{port}"])
def test_the_page_answers_to_its_own_names(page: Serving, host: str) -> None:
    assert page.get("/api/state", Host=host.format(port=page.port)).status == HTTPStatus.OK


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "text/plain; application/json"},
        {"Content_Type": ""},
    ],
    ids=str,
)
def test_a_cross_site_post_changes_nothing(page: Serving, headers: dict[str, str]) -> None:
    answer = page.post("/api/correct", CORRECTION, **headers)
    assert answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    assert page.done.corrected == []


def test_the_page_itself_may_post(page: Serving) -> None:
    headers = {"Origin": f"http://127.0.0.1:{page.port}", "Sec_Fetch_Site": "same-origin"}
    assert page.post("/api/correct", CORRECTION, **headers).status == HTTPStatus.OK
    assert len(page.done.corrected) == 1


@pytest.mark.parametrize("path", ["/picture.jpg", "/api/state", "/metrics"])
def test_another_site_cannot_embed_picture_or_state(page: Serving, path: str) -> None:
    assert page.get(path, Sec_Fetch_Site="cross-site").status == HTTPStatus.FORBIDDEN
    assert page.get(path).headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_no_other_method_corrects(page: Serving, method: str) -> None:
    answer = page.ask(method, "/api/correct", b"{}", Content_Type="application/json")
    assert answer.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert page.done.corrected == []


@pytest.mark.parametrize("path", ["/", "/api/state", "/picture.jpg", "/none", "/page.js"])
def test_every_answer_forbids_scripts_frames_and_guessing_of_types(page: Serving, path: str) -> None:
    headers = page.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-cache" if path in ("/", "/page.js") else "no-store")


@pytest.mark.parametrize(
    "path",
    [
        "/../settings.py",
        "/%2e%2e/settings.py",
        "/..%2f..%2fsettings.py",
        "/static/../app.py",
        "//etc/passwd",
        "/page.js/../../app.py",
        "/page.css%00.html",
        "/app.py",
        "/C:%5Cx",
    ],
)
def test_a_path_that_climbs_out_of_the_static_files_finds_nothing(page: Serving, path: str) -> None:
    answer = page.get(path)
    assert answer.status == HTTPStatus.NOT_FOUND
    assert b"import" not in answer.body


def test_an_oversized_body_is_not_read_to_its_end(page: Serving) -> None:
    head = (
        f"POST /api/correct HTTP/1.1\r\nHost: localhost:{page.port}\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as connection:
        connection.sendall(head.encode() + b" " * 10_000)
        answer = b""
        while part := connection.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413")
    assert page.done.corrected == []


def test_an_oversized_body_without_a_length_is_refused_too(page: Serving) -> None:
    head = (
        f"POST /api/correct HTTP/1.1\r\nHost: localhost:{page.port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as connection:
        connection.sendall(head.encode() + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 2)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        None,
        {"event_id": count().id},
        {"event_id": count().id, "quantity": -1},
        {"event_id": count().id, "quantity": 10**9},
        {"event_id": count().id, "quantity": "3"},
        {"event_id": count().id, "quantity": True},
        {"event_id": count().id, "quantity": 2.5},
        {"event_id": "../../outbox", "quantity": 3},
        {"event_id": count().id + "\n", "quantity": 3},
        {"event_id": count().id, "quantity": 3, "by": "the boss"},
    ],
    ids=str,
)
def test_a_malformed_correction_changes_nothing(page: Serving, content: object) -> None:
    answer = page.post("/api/correct", content)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.headers["content-type"] == "application/problem+json"
    assert page.done.corrected == []


@pytest.mark.parametrize("path", ["/api/state", "/picture.jpg", "/page.js"])
def test_a_stranger_sees_nothing_of_a_locked_page(locked: Serving, path: str) -> None:
    answer = locked.get(path)
    assert answer.status == HTTPStatus.UNAUTHORIZED
    assert answer.headers["www-authenticate"] == "Bearer"
    assert b"station-7" not in answer.body


def test_a_stranger_is_led_to_the_login_form_which_tells_nothing(locked: Serving) -> None:
    answer = locked.get("/")
    assert (answer.status, answer.headers["location"]) == (HTTPStatus.SEE_OTHER, "/login")
    form = locked.get("/login")
    assert form.status == HTTPStatus.OK
    assert b"station-7" not in form.body
    assert {locked.get(path).status for path in ("/page.css", "/login.js", "/icon.svg")} == {HTTPStatus.OK}


@pytest.mark.parametrize(("path", "content"), [("/api/correct", CORRECTION), ("/api/recount", {"bin": None})])
def test_a_stranger_changes_nothing(locked: Serving, path: str, content: object) -> None:
    assert locked.post(path, content).status == HTTPStatus.UNAUTHORIZED
    assert (locked.done.corrected, locked.done.recounted) == ([], [])


def test_who_logs_in_gets_a_cookie_that_scripts_and_other_sites_cannot_use(locked: Serving) -> None:
    answer = locked.post("/api/login", {"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    session = cookie.partition(";")[0]
    assert locked.get("/api/state", Cookie=f"other=1; {session}").status == HTTPStatus.OK
    assert locked.post("/api/correct", CORRECTION, Cookie=session).status == HTTPStatus.OK
    assert locked.get("/", Cookie=session).headers["set-cookie"] == cookie


def test_a_cross_site_post_with_the_cookie_changes_nothing(locked: Serving) -> None:
    session = locked.post("/api/login", {"token": TOKEN}).headers["set-cookie"].partition(";")[0]
    assert locked.post("/api/correct", CORRECTION, Cookie=session, Origin="http://evil.example").status == HTTPStatus.FORBIDDEN
    assert locked.done.corrected == []


def test_a_program_sends_the_token_as_bearer(locked: Serving) -> None:
    assert locked.get("/api/state", **BEARER).status == HTTPStatus.OK
    assert locked.post("/api/recount", {"bin": "A-1"}, **BEARER).status == HTTPStatus.OK
    assert locked.done.recounted == ["A-1"]


def test_token_guessing_is_slowed_down_and_tablets_that_are_logged_in_go_on() -> None:
    with serving(TOKEN) as page:
        session = page.post("/api/login", {"token": TOKEN}).headers["set-cookie"].partition(";")[0]
        wrong = [page.post("/api/login", {"token": f"guess {number}"}).status for number in range(5)]
        assert set(wrong) == {HTTPStatus.UNAUTHORIZED}
        answer = page.post("/api/login", {"token": TOKEN})
        assert answer.status == HTTPStatus.TOO_MANY_REQUESTS
        assert 0 < int(answer.headers["retry-after"]) <= 61
        assert page.get("/api/state", **BEARER).status == HTTPStatus.TOO_MANY_REQUESTS
        assert page.get("/api/state", Cookie=session).status == HTTPStatus.OK


@pytest.mark.parametrize("cookie", ["bintally-{port}=", "bintally-{port}=" + "0" * 64, "bintally-1=x", "=", ";;;", "bintally-{port}=é"])
def test_a_forged_cookie_opens_nothing(locked: Serving, cookie: str) -> None:
    assert locked.get("/api/state", Cookie=cookie.format(port=locked.port)).status == HTTPStatus.UNAUTHORIZED


def asked(client: str, path: str = "/metrics", **headers: str) -> Asked:
    return Asked("GET", path, {"host": "192.168.1.7:80", **headers}, client)


def test_metrics_and_health_are_open_to_this_machine_alone() -> None:
    guard = Guard(TOKEN, 80)
    for path in ("/metrics", "/healthz"):
        assert guard.refusal(asked("127.0.0.1", path, host="localhost"), 0) is None
        refusal = guard.refusal(asked("192.168.1.9", path, host="localhost"), 0)
        assert refusal is not None
        assert refusal.status == HTTPStatus.UNAUTHORIZED
        assert guard.refusal(asked("192.168.1.9", path, authorization=f"bearer {TOKEN}"), 0) is None
    assert guard.refusal(asked("127.0.0.1", host="evil.example"), 0) is not None  # DNS rebinding in a browser at the station
    assert guard.refusal(asked("127.0.0.1", "/api/state", host="localhost"), 0) is not None


def test_a_forwarding_header_makes_nobody_local(locked: Serving) -> None:
    assert locked.get("/api/state", X_Forwarded_For="127.0.0.1", Forwarded="for=127.0.0.1").status == HTTPStatus.UNAUTHORIZED


def test_a_session_ends_with_its_token_and_not_with_a_restart() -> None:
    cookie = Guard(TOKEN, 80).cookie()["Set-Cookie"].partition(";")[0]
    assert Guard(TOKEN, 80).refusal(asked("192.168.1.9", cookie=cookie), 0) is None
    assert Guard(TOKEN + "x", 80).refusal(asked("192.168.1.9", cookie=cookie), 0) is not None


def test_html_in_a_bin_name_stays_text_in_json(page: Serving) -> None:
    name = "<script>alert(1)</script>"
    look_at(page.status, picture(), count(subject=name), name)
    answer = page.get("/api/state")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["views"][0]["bin"] == name


def ended(connection: socket.socket) -> bool:
    """Whether the page ended a connection that asks nothing; waits a moment for it."""
    connection.settimeout(0.5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_a_flood_of_connections_takes_no_more_of_the_agents_files_than_it_may() -> None:
    with serving() as page, ExitStack() as flood:
        held = [flood.enter_context(socket.create_connection(("127.0.0.1", page.port))) for _ in range(connections.MAX_CONNECTIONS + 20)]
        assert all(ended(connection) for connection in held[connections.MAX_CONNECTIONS :])
        flood.close()
        wait_until(lambda: answers(page), "the page answers again")


def answers(page: Serving) -> bool:
    try:
        return page.get("/healthz").status == HTTPStatus.OK
    except OSError:
        return False


def test_a_client_that_never_ends_its_request_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PATIENCE_S", 0.2)
    with serving() as page, socket.create_connection(("127.0.0.1", page.port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        with suppress(ConnectionError):
            assert connection.recv(1) == b""
        assert answers(page)
