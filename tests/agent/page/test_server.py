from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from agent.page.server import PageServer
from agent.status import Status
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.topics import Station
from tests.agent.page.serving import Done, Serving, count, look_at, picture, serving
from tests.conftest import free_port


def server(port: int, host: str = "127.0.0.1", token: str | None = None) -> PageServer:
    return PageServer(host, port, token, Status(), Done(), Station("s", "t"), lambda: b"", lambda: (True, {}))


@pytest.fixture
def page() -> Iterator[Serving]:
    with serving() as running:
        yield running


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=rf"^page 127\.0\.0\.1:{port} cannot be listened on \(.*\); choose another --page$"):
            server(port).start()


def test_an_address_of_another_machine_is_told_in_one_line() -> None:
    with pytest.raises(UnavailableError, match="cannot be listened on"):
        server(free_port(), "192.0.2.1", "a token").start()


def test_an_open_address_without_a_token_is_refused_before_anything_listens() -> None:
    with pytest.raises(UsageError, match="--page-token-file"):
        server(free_port(), "0.0.0.0")  # noqa: S104 - this is what must be refused


def test_a_stopped_page_frees_its_port_and_leaves_no_thread() -> None:
    port = free_port()
    for _ in range(2):
        running = server(port)
        running.start()
        assert "page" in {thread.name for thread in threading.enumerate()}
        running.stop()
        running.stop()
        assert "page" not in {thread.name for thread in threading.enumerate()}


def test_stopping_what_never_started_does_nothing() -> None:
    server(free_port()).stop()


def test_an_agent_without_a_page_loads_no_web_server() -> None:
    code = "import sys, agent.page.server, agent.page.address; print(*sorted({'starlette', 'uvicorn', 'anyio', 'agent.page.app'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


def test_the_page_and_its_files_are_served_and_revalidated(page: Serving) -> None:
    kinds = {
        "/": "text/html",
        "/page.css": "text/css",
        "/page.js": "text/javascript",
        "/pad.js": "text/javascript",
        "/icon.svg": "image/svg+xml",
    }
    for path, kind in kinds.items():
        answer = page.get(path)
        assert answer.status == HTTPStatus.OK
        assert answer.headers["content-type"].startswith(kind)
        assert page.get(path, If_None_Match=answer.headers["etag"]).status == HTTPStatus.NOT_MODIFIED


def test_the_page_needs_nothing_inline_and_nothing_from_elsewhere(page: Serving) -> None:
    for path in ("/", "/login"):
        text = page.get(path).body.decode()
        assert "<style" not in text
        assert "style=" not in text
        assert "<script>" not in text
        assert re.search(r"\son\w+=", text) is None
        assert "//" not in text
    for path in ("/page.js", "/pad.js", "/login.js"):
        assert not re.search(rb"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page.get(path).body)


def test_the_picture_follows_the_camera(page: Serving) -> None:
    assert page.get("/picture.jpg").status == HTTPStatus.NOT_FOUND
    look_at(page.status, picture())
    number = page.get("/api/state").json["picture"]["number"]
    answer = page.get(f"/picture.jpg?n={number}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.body.startswith(b"\xff\xd8")


def test_a_correction_is_recorded_and_shown_on_every_tablet(page: Serving) -> None:
    event = count(7)
    page.status.counted(event)
    assert page.get("/api/state").json["recent"][0]["corrected"] is None
    answer = page.post("/api/correct", {"event_id": event.id, "quantity": 12})
    assert (answer.status, answer.json) == (HTTPStatus.OK, {"words": "there are 12"})
    assert page.done.corrected == [(event.id, 12, "page 127.0.0.1")]
    assert page.get("/api/state").json["recent"][0]["corrected"] == 12


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (InputError("no such count"), HTTPStatus.UNPROCESSABLE_ENTITY),
        (UnavailableError("the disk is full"), HTTPStatus.SERVICE_UNAVAILABLE),
        (UsageError("name the bin: A or B"), HTTPStatus.CONFLICT),
    ],
)
def test_what_could_not_be_done_is_told_and_not_shown_as_done(page: Serving, failure: InputError, status: HTTPStatus) -> None:
    event = count(7)
    page.status.counted(event)
    page.done.failure = failure
    for path, content in (("/api/correct", {"event_id": event.id, "quantity": 1}), ("/api/recount", {"bin": None})):
        answer = page.post(path, content)
        assert (answer.status, answer.json["detail"]) == (status, str(failure))
        assert answer.headers["content-type"] == "application/problem+json"
    assert page.get("/api/state").json["recent"][0]["corrected"] is None


def test_count_now_names_the_bin_or_none(page: Serving) -> None:
    assert page.post("/api/recount", {"bin": "A/1"}).json == {"words": "counting"}
    assert page.post("/api/recount", {}).status == HTTPStatus.OK
    assert page.done.recounted == ["A/1", None]


def test_metrics_and_health_are_what_the_agent_says(page: Serving) -> None:
    metrics = page.get("/metrics")
    assert (metrics.body, metrics.headers["content-type"]) == (b"bintally_up 1\n", "text/plain; version=0.0.4; charset=utf-8")
    assert (page.get("/healthz").status, page.get("/healthz").json) == (HTTPStatus.OK, {"camera": "live"})
    page.well = False
    assert page.get("/healthz").status == HTTPStatus.SERVICE_UNAVAILABLE


def test_a_page_on_ipv6_loopback_answers() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    port = free_port()
    running = server(port, "::1")
    try:
        running.start()
    except UnavailableError:
        pytest.skip("no IPv6 loopback here")
    try:
        with socket.create_connection(("::1", port), timeout=30) as connection:
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: [::1]:{port}\r\n\r\n".encode())
            assert b"200 OK" in connection.recv(4096)
    finally:
        running.stop()
