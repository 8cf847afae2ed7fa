"""Deliveries over MQTT, at both brokers: each until the broker has it, the retained ones in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bintally.brokers import broker_access
from bintally.messages import utc_now
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt import Client
from tests.fakes.programs import Start, wait_until
from warehouse.deliveries.publisher import Publisher
from warehouse.ledger import Ledger, deliveries


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        yield ledger


def _waiting(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return sum(deliveries.waiting(tx).values())


def _say(ledger: Ledger, kind: deliveries.Kind, topic: str, *payloads: str) -> None:
    with ledger.begin() as tx:
        deliveries.enqueue_all(tx, kind, [(topic, one) for one in payloads], utc_now())


@pytest.mark.parametrize("broker", ["embedded_broker", "mosquitto"])
def test_quantities_are_retained_and_discrepancies_are_not(ledger: Ledger, site: str, broker: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(broker)
    listener = Client(url, f"{site}/#")
    publisher = Publisher(ledger, broker_access(url))
    publisher.start()
    _say(ledger, "expected", f"{site}/expected", "3")
    first = listener.message()
    _say(ledger, "discrepancy", f"{site}/discrepancy", *map(str, range(5)))
    heard = [listener.message() for _ in range(5)]
    assert [bytes(one.payload) for one in heard] == [b"0", b"1", b"2", b"3", b"4"]
    assert getattr(first.properties, "ContentType", None) == "application/json"
    assert {getattr(one.properties, "ContentType", None) for one in heard} == {"application/cloudevents+json"}
    wait_until(lambda: _waiting(ledger) == 0, "all is done")
    late = Client(url, f"{site}/#")
    assert late.payload() == b"3"
    _say(ledger, "expected", f"{site}/expected", "")
    assert listener.payload() == b""
    publisher.close()
    listener.close()
    late.close()


def test_while_the_broker_is_away_all_is_kept_and_the_newest_goes_out_afterwards(ledger: Ledger, start: Start, tmp_path: Path) -> None:
    broker = Mosquitto(start, tmp_path)
    publisher = Publisher(ledger, broker_access(broker.url()))
    publisher.start()
    _say(ledger, "expected", "t", "1")
    wait_until(lambda: _waiting(ledger) == 0, "the first is out")
    broker.stop()
    wait_until(lambda: not publisher._line.up, "it notices")
    for quantity in ("2", "3"):
        _say(ledger, "expected", "t", quantity)
    assert _waiting(ledger) == 1
    broker.start()
    wait_until(lambda: _waiting(ledger) == 0, "the rest is out")
    listener = Client(broker.url(), "t")
    assert listener.payload() == b"3"
    publisher.close()
    listener.close()


def test_what_the_broker_refuses_waits_and_holds_up_no_other_topic(ledger: Ledger, start: Start, tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("topic readwrite allowed/#\n")
    rights.chmod(0o600)
    broker = Mosquitto(start, tmp_path, f"listener {{port}} 127.0.0.1\nallow_anonymous true\nacl_file {rights}\n")
    publisher = Publisher(ledger, broker_access(broker.url()))
    _say(ledger, "expected", "forbidden/a", "1")
    _say(ledger, "expected", "allowed/a", "2")
    publisher.start()
    wait_until(lambda: _waiting(ledger) == 1, "the allowed one is out")
    with ledger.begin() as tx:
        (left,) = deliveries.due(tx, "expected", utc_now() + timedelta(hours=1), 10)
    assert (left.target, left.payload) == ("forbidden/a", "1")
    assert left.attempts >= 1
    publisher.close()
