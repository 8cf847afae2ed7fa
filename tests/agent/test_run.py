"""The agent as a program, with a real broker and a real ledger, killed and left alone."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import free_port, require_program
from tests.fakes.bundle import write_grey_images
from tests.fakes.ledgers import counts
from tests.fakes.programs import BINTALLY, Program, Start, wait_until
from warehouse.ledger import Ledger

COUNTS = [0, 1, 2, 3, 4, 5, 6, 1.5]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    write_grey_images(tmp_path / "frames", COUNTS)
    return tmp_path / "frames"


@pytest.fixture
def listen(start: Start, tmp_path: Path, site: str) -> Callable[[str], Program]:
    """Start a ledger's subscriber for this test's site."""

    def listen(broker: str) -> Program:
        return start(
            *BINTALLY, "wms", "listen", "--broker", broker, "--site", site, "--ledger", f"sqlite:///{tmp_path}/ledger.db", "--json"
        )

    return listen


@pytest.fixture
def agent(start: Start, tmp_path: Path, frames: Path, tiny_bundle: Path, site: str) -> Callable[..., Program]:
    """Start an agent of this test's site."""

    def agent(broker: str, *more: str) -> Program:
        options = ["--source", str(frames), "--bundle", str(tiny_bundle), "--broker", broker, "--site", site, "--station", "s 1"]
        return start(*BINTALLY, "agent", "run", *options, "--state-dir", str(tmp_path / "state"), "--threads", "1", *more)

    return agent


def _in_outbox(tmp_path: Path, table: str = "event") -> int:
    path = tmp_path / "state" / "outbox.sqlite"
    if not path.is_file():
        return 0
    with closing(sqlite3.connect(path)) as db:
        try:
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own table
        except sqlite3.OperationalError:  # not made yet
            return 0


def _files_in_ledger(tmp_path: Path) -> list[str]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    rows = counts(ledger)
    ledger.close()
    assert len({(row["source"], row["event_id"]) for row in rows}) == len(rows)
    return sorted(row["file"] for row in rows)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_image_is_in_the_ledger_once_and_a_second_run_counts_nothing(
    embedded_broker: str, listen: Callable[[str], Program], agent: Callable[..., Program], frames: Path, tmp_path: Path, site: str
) -> None:
    ledger = listen(embedded_broker)
    first = agent(embedded_broker, "--once")
    assert first.wait() == 0, first.stderr
    assert first.lines()[-1] == "counted 8, all acknowledged\n"
    received = {one["file"]: one for one in (json.loads(ledger.line()) for _ in COUNTS)}
    assert sorted(received) == _names(frames) == _files_in_ledger(tmp_path)
    for (name, one), count in zip(sorted(received.items()), COUNTS, strict=True):
        assert (one["site"], one["station"], one["bin"]) == (site, "s 1", Path(name).stem)
        expected = (None, None, True) if count == 1.5 else (None, 6, False) if count == 6 else (count, None, False)
        assert (one["counted"], one["at_least"], one["unsure"]) == expected
    assert [one["id"].partition("-")[2] for _, one in sorted(received.items())] == [str(number) for number in range(1, 9)]
    second = agent(embedded_broker, "--once")
    assert second.wait() == 0, second.stderr
    assert second.lines()[-1] == "counted 0, all acknowledged\n"
    assert _files_in_ledger(tmp_path) == _names(frames)


def test_an_agent_killed_again_and_again_counts_each_image_once(
    embedded_broker: str, listen: Callable[[str], Program], agent: Callable[..., Program], frames: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    write_grey_images(frames, list(rng.integers(0, 6, 200)), first=9)
    listen(embedded_broker)
    for share in (0.0, 0.05, 0.3, 0.5, 0.9):
        killed = agent(embedded_broker, "--once")
        enough = int(share * 208 + rng.integers(1, 10))
        wait_until(lambda: _in_outbox(tmp_path, "counted_file") >= enough or not killed.running, f"{enough} are counted")  # noqa: B023
        killed.signal(signal.SIGKILL)
        killed.wait()
    last = agent(embedded_broker, "--once")
    assert last.wait() == 0, last.stderr
    assert _in_outbox(tmp_path) == 0
    assert _files_in_ledger(tmp_path) == _names(frames)


def test_a_ledger_that_comes_later_gets_everything(
    embedded_broker: str, listen: Callable[[str], Program], agent: Callable[..., Program], frames: Path, tmp_path: Path
) -> None:
    alone = agent(embedded_broker, "--once", "--broker-patience-s", "1")
    assert alone.wait() == 1
    assert "8 counts were sent to" in alone.stderr
    assert "no ledger acknowledged them; they are kept" in alone.stderr
    assert "Traceback" not in alone.stderr
    assert _in_outbox(tmp_path) == 8
    listen(embedded_broker)
    again = agent(embedded_broker, "--once")
    assert again.wait() == 0, again.stderr
    assert again.lines()[-1] == "counted 0, all acknowledged\n"
    assert _files_in_ledger(tmp_path) == _names(frames)


def test_an_unreachable_broker_is_one_clear_line_and_the_counts_are_kept(agent: Callable[..., Program], tmp_path: Path) -> None:
    broker = f"mqtt://127.0.0.1:{free_port()}"
    alone = agent(broker, "--once", "--broker-patience-s", "2")
    assert alone.wait() == 1
    said = [line for line in alone.stderr.splitlines() if line.startswith("bintally agent: ")]
    assert len(said) == 1
    assert said[0].startswith(f"bintally agent: broker {broker} does not answer")
    assert "8 counts are kept and go out at the next start; check --broker" in said[0]
    assert "Traceback" not in alone.stderr
    assert _in_outbox(tmp_path) == 8


def test_a_bad_image_fails_in_the_end_and_the_others_arrive(
    embedded_broker: str, listen: Callable[[str], Program], agent: Callable[..., Program], frames: Path, tmp_path: Path
) -> None:
    (frames / "bin-003.jpg").write_bytes(b"\xff\xd8 cut")
    listen(embedded_broker)
    run = agent(embedded_broker, "--once")
    assert run.wait() == 1
    assert "1 images could not be counted; first: " in run.stderr
    assert run.lines()[-1] == "counted 7, all acknowledged\n"
    assert "bin-003.jpg: the JPEG ends early (truncated)" in run.stderr
    assert "Traceback" not in run.stderr
    assert _files_in_ledger(tmp_path) == [name for name in _names(frames) if name != "bin-003.jpg"]


@pytest.mark.parametrize("option", [("--broker", "http://x"), ("--interval-s", "-1"), ("--site", ""), ("--config", "gone.toml")])
def test_a_wrong_setting_is_wrong_use(agent: Callable[..., Program], option: tuple[str, str]) -> None:
    run = agent("mqtt://127.0.0.1:1", *option)
    assert run.wait() == 2
    assert len(run.stderr.splitlines()) == 1, run.stderr


def _subscriber(start: Start, broker: str, topic: str) -> Program:
    port = broker.rpartition(":")[2]
    program = start(
        "stdbuf", "-oL", require_program("mosquitto_sub"), "-d", "-V", "5", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", topic
    )
    while not program.line().startswith("Subscribed"):
        pass
    return program


def _payload(subscriber: Program) -> dict[str, object]:
    while not (line := subscriber.line()).startswith("{"):
        pass
    found: dict[str, object] = json.loads(line)
    return found


@pytest.mark.parametrize("broker", ["embedded_broker", "mosquitto"])
def test_the_station_says_online_stopped_and_lost(
    broker: str, start: Start, agent: Callable[..., Program], site: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(broker)
    states = _subscriber(start, url, f"bintally/v1/{site}/+/state")
    for end, said in ((signal.SIGTERM, "stopped"), (signal.SIGKILL, "lost")):
        running = agent(url)
        while (birth := _payload(states))["model"] is None:  # said at once, and again when the counter is ready
            assert birth["status"] == "online"
        assert birth["status"] == "online"
        running.signal(end)
        running.wait()
        while (told := _payload(states))["status"] == "online":  # a birth may be said again
            assert told == birth
        assert told == birth | {"status": said, "model": told["model"]}
        assert told["model"] == birth["model"] or said == "lost"  # the will may have been written before the counter was ready
    retained = _subscriber(start, url, f"bintally/v1/{site}/+/state")
    assert _payload(retained)["status"] == "lost"


def test_a_plain_mqtt_client_reads_the_events_of_a_running_agent(
    mosquitto: str, start: Start, agent: Callable[..., Program], site: str
) -> None:
    reader = _subscriber(start, mosquitto, f"bintally/v1/{site}/s%201/count")
    running = agent(mosquitto, "--interval-s", "0", "--acknowledged-by", "broker")
    events = [_payload(reader) for _ in COUNTS]
    assert [event["subject"] for event in events] == [f"bin-{number:03}" for number in range(1, 9)]
    assert {event["source"] for event in events} == {f"{site}/s%201"}
    assert len({event["id"] for event in events}) == len(events)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0, running.stderr


def test_without_a_ledger_the_brokers_word_is_enough_when_asked_for(mosquitto: str, agent: Callable[..., Program], tmp_path: Path) -> None:
    run = agent(mosquitto, "--once", "--acknowledged-by", "broker")
    assert run.wait() == 0, run.stderr
    assert _in_outbox(tmp_path) == 0


def test_a_wrong_setting_that_is_found_while_the_counter_opens_ends_in_order(agent: Callable[..., Program], tmp_path: Path) -> None:
    for _ in range(3):
        wrong = agent("mqtt://127.0.0.1:1", "--page", "127.0.0.1:1", "--page-token-file", str(tmp_path / "none"))
        assert wrong.wait() == 2, wrong.stderr
        assert "the page's token cannot be read" in wrong.stderr
        assert "terminate called" not in wrong.stderr


def test_a_folder_that_was_emptied_keeps_nobody_from_stopping(
    mosquitto: str, agent: Callable[..., Program], frames: Path, tmp_path: Path
) -> None:
    running = agent(mosquitto, "--interval-s", "0", "--acknowledged-by", "broker")
    wait_until(lambda: _in_outbox(tmp_path, "newest") == len(COUNTS), "every image was counted")
    for path in frames.iterdir():
        path.unlink()
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 0, running.stderr
