"""What depends on the moment: a counter that is not ready yet, that is busy, or that fails; uvicorn runs in a thread here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import uvicorn
from structlog.testing import capture_logs

from bintally.messages import ModelName
from deploy.cloud.endpoint.app import Counts, make_app
from deploy.cloud.endpoint.contract import Answer
from deploy.cloud.endpoint.settings import EndpointSettings
from tests.conftest import free_port
from tests.deploy.cloud.endpoint.asking import ask, grey_file, invoke
from tests.fakes.programs import PATIENCE_S, wait_until

MODEL = ModelName(name="patient", version="1.0.0", digest="d")


class PatientCounter:
    """Counts nothing before it is told to; ``entered`` counts the requests that have come so far."""

    def __init__(self) -> None:
        self.model = MODEL
        self.entered, self.go = threading.Semaphore(0), threading.Event()

    def count(self, images: Sequence[tuple[str, bytes]]) -> list[Answer]:
        self.entered.release()
        assert self.go.wait(PATIENCE_S)
        one = Answer(counted=1, at_least=None, unsure=False, confidence=1, probabilities=[0, 1], frame_ms=1, model=MODEL)
        return [one] * len(images)


@contextmanager
def running(load: Callable[[], Counts], **values: int) -> Iterator[int]:
    """A server's port."""
    port = free_port()
    app = make_app(EndpointSettings(**values), load)  # type: ignore[arg-type]  # pydantic's defaults are unknown to type checkers
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server listens")
        yield port
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


def test_ping_says_that_the_counter_is_being_checked() -> None:
    checked = threading.Event()
    counter = PatientCounter()

    def load() -> Counts:
        assert checked.wait(PATIENCE_S)
        return counter

    with running(load) as port:
        for answer in (ask(port, "GET", "/ping"), invoke(port, grey_file(1))):
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert answer.body["detail"] == "the counter is being loaded and checked"
        checked.set()
        wait_until(lambda: ask(port, "GET", "/ping").status == 200, "the counter is ready")


def test_ping_answers_while_images_are_counted() -> None:
    counter = PatientCounter()
    with running(lambda: counter) as port, ThreadPoolExecutor(1) as pool:
        wait_until(lambda: ask(port, "GET", "/ping").status == 200, "the counter is ready")
        waiting = pool.submit(invoke, port, grey_file(1))
        assert counter.entered.acquire(timeout=PATIENCE_S)
        assert ask(port, "GET", "/ping").body == MODEL.model_dump()
        assert not waiting.done()
        counter.go.set()
        assert waiting.result().body["counted"] == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_requests_are_counted_at_the_same_time_than_there_are_workers(workers: int) -> None:
    counter = PatientCounter()
    with running(lambda: counter, workers=workers, max_requests=3) as port, ThreadPoolExecutor(3) as pool:
        wait_until(lambda: ask(port, "GET", "/ping").status == 200, "the counter is ready")
        waiting = [pool.submit(invoke, port, grey_file(1)) for _ in range(3)]
        for _ in range(workers):
            assert counter.entered.acquire(timeout=PATIENCE_S)
        # A kind that is refused never waits for a place of its own, so that it cannot take the third one's.
        wait_until(lambda: invoke(port, b"", "text/plain").status == 429, "all three have come")
        assert not counter.entered.acquire(blocking=False)
        counter.go.set()
        assert [one.result().status for one in waiting] == [200] * 3


class FailingCounter(PatientCounter):
    """Fails as no counter should."""

    def count(self, images: Sequence[tuple[str, bytes]]) -> list[Answer]:
        raise ZeroDivisionError(f"{len(images)} images, and a secret")


def test_a_bug_is_a_500_that_keeps_its_text_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with running(FailingCounter) as port:
        wait_until(lambda: ask(port, "GET", "/ping").status == 200, "the counter is ready")
        answer = invoke(port, grey_file(1))
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
        assert answer.body["detail"] == "the request could not be counted; the server's log says why"
        assert ask(port, "GET", "/ping").status == 200
    assert "and a secret" in caplog.text


def test_a_bug_in_loading_keeps_the_server_unready() -> None:
    def load() -> Counts:
        raise ZeroDivisionError("a secret")

    with capture_logs() as logged, running(load) as port:
        wait_until(lambda: "log says why" in ask(port, "GET", "/ping").body["detail"], "loading has failed")
        answer = ask(port, "GET", "/ping")
        assert answer.status == 503
        assert "retry-after" not in answer.headers
    assert [(line["event"], line["exc_info"]) for line in logged] == [("not usable", True)]
