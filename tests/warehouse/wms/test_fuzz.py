"""Whatever is sent to the listener is either in the ledger or a dead letter, and the listener goes on."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bintally.messages import GapData, GapEvent, Health, Range, State, utc_now
from bintally.topics import Station
from tests.fakes.events import EPOCH, count_event
from tests.fakes.mutations import COMMON, Mutator
from tests.fakes.programs import Start, wait_until
from tests.warehouse.subscriber.peers import FakeStation
from tests.warehouse.wms.test_listen import listening
from tests.warehouse.wms.test_receive import CLIENT
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger
from warehouse.ledger.tables import COUNTS, DEAD_LETTERS, GAPS
from warehouse.subscriber import Batch
from warehouse.subscriber.batch import Raw
from warehouse.wms.receive import store

SHORT, LONG, SENT = 3_000, 1_000_000, 300
STATION = Station("site", "station")
_HEALTH = {
    "session": EPOCH, "at": "2026-11-22T08:00:00Z", "uptime_s": 1, "phase": "counting", "camera": {"state": "live", "frame_age_s": 0.1}, "model": None,
    "providers": ["CPUExecutionProvider"], "counted": 1, "unsure": 0, "outbox_depth": 0, "disk_free_bytes": 1, "temperature_c": 40.5,
}  # fmt: skip
_KEYS = [
    b'"source"',
    b'"id"',
    b'"data"',
    b'"counted"',
    b'"taken_at"',
    b'"ranges"',
    b'"model"',
    b'"probabilities"',
    b'"specversion"',
    b'"zz"',
]


def examples(source: str = STATION.source) -> list[bytes]:
    """Good messages of each kind."""
    gap = GapData(ranges=[Range(epoch=EPOCH, first=1, last=5)], reason="size")
    count = count_event(source=source, file="a.jpg")
    unsure = count.data.model_copy(update={"counted": None, "unsure": True, "evidence": "e", "trigger": "heartbeat"})
    known = [
        count,
        count.model_copy(update={"data": unsure, "id": f"{EPOCH}-2"}),
        GapEvent(source=source, id=f"{EPOCH}-6", time=utc_now(), data=gap),
        State(status="online", session=EPOCH, version="1", model=count.data.model),
        Health.model_validate(_HEALTH),
    ]
    return [one.model_dump_json().encode() for one in known]


def _topics(seed: int) -> Iterator[bytes]:
    """Mostly right; the others are another station's, of another kind, or nonsense."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    right = [STATION.topic(kind).encode() for kind in ("count", "count", "count", "state", "health")]
    wrong = [
        STATION.topic("ack").encode(),
        b"bintally/v1/site/other/count",
        b"bintally/v1/%zz/s/count",
        b"",
        b"\xff/count",
        b"$SYS/x",
        b"a/" * 900,
    ]
    while True:
        topic = chance.choice(right if chance.random() < 0.9 else wrong)
        yield topic if chance.random() < 0.97 else topic.replace(b"station", chance.choice(COMMON)[:200])


def _batches(number: int, seed: int) -> Iterator[Batch]:
    payloads = Mutator(examples(), _KEYS, b":", b",", seed).many(number)
    raws = (Raw(CLIENT, mid, topic, payload) for mid, (topic, payload) in enumerate(zip(_topics(seed), payloads, strict=False)))
    while some := list(itertools.islice(raws, 500)):
        yield Batch(some, lambda _: None)


@pytest.mark.parametrize("number", [SHORT, pytest.param(LONG, marks=[pytest.mark.long, pytest.mark.timeout(7200)])])
def test_every_payload_is_in_the_ledger_or_a_dead_letter(ledger: Ledger, number: int) -> None:
    letters, times, kept = set[str](), 0, set[tuple[str, str]]()
    with capture_logs() as told:
        for batch in _batches(number, seed=5):
            store(ledger, batch, Rules())
            kept |= {(one.event.source, one.event.id) for one in batch}
            times += len(batch.letters)
            letters |= {hashlib.sha256(one.topic.encode("utf-8", "replace") + b"\0" + one.payload).hexdigest() for one in batch.letters}
    assert [entry for entry in told if entry["log_level"] == "error"] == []  # nothing was more than a letter to anybody
    with ledger.read() as tx:
        assert set(tx.scalars(sa.select(DEAD_LETTERS.c.digest))) == letters
        assert tx.scalar(sa.select(sa.func.sum(DEAD_LETTERS.c.times))) == times
        held = {(row[0], row[1]) for table in (COUNTS, GAPS) for row in tx.execute(sa.select(table.c.source, table.c.event_id))}
    assert held == kept
    assert len(letters) > number * 0.6


def test_a_real_listener_survives_what_a_real_broker_brings(start: Start, mosquitto: str, tmp_path: Path, site: str) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    station = FakeStation(mosquitto, site)
    program = listening(start, mosquitto, url, "--site", site)
    payloads = list(Mutator(examples(station.station.source), _KEYS, b":", b",", 7).many(SENT))
    for payload in payloads:
        station.send(payload)
    station.send(station.event(10**17))  # a gap event among the mutations may name more of the epoch
    wait_until(lambda: station.acknowledged()[-1][1] == 10**17, "the last one is acknowledged")
    assert program.running
    topic = station.station.topic("count").encode()
    with Ledger(url) as ledger, ledger.read() as tx:
        letters = set(tx.scalars(sa.select(DEAD_LETTERS.c.digest)))
    good = [payload for payload in payloads if hashlib.sha256(topic + b"\0" + payload).hexdigest() not in letters]
    assert all(json.loads(payload)["source"] == station.station.source for payload in good)
    assert len(letters) > SENT * 0.6
    station.close()
