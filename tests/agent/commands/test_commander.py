"""Commands over a real broker: what a commander sends, the desk obeys and answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.commands.desk import Desk, Reply
from agent.delivery.incoming import Incoming
from bintally.messages import new_epoch
from bintally.topics import Station, parse
from tests.fakes.commander import Commander
from tests.fakes.programs import wait_until


class _Station:
    """A desk with a connection, which obeys at once and says with what."""

    def __init__(self, broker: str, station: Station) -> None:
        self.desk, self.obeyed = Desk(new_epoch(), lambda: ("A1",)), list[str]()
        address, self.ready = urlsplit(broker), False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message, self._client.on_subscribe = self._on_message, self._on_subscribe
        self._client.connect(address.hostname or "", address.port or 0)
        self._client.subscribe(station.all_named("cmd"), qos=1)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_subscribe(self, *_: object) -> None:
        self.ready = True

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        now, wall = time.monotonic(), datetime.now(timezone.utc)
        told = message.properties
        incoming = Incoming(
            "cmd",
            parse(message.topic)[2],
            bytes(message.payload),
            message.retain,
            now,
            getattr(told, "MessageExpiryInterval", None),
            getattr(told, "ResponseTopic", None),
            getattr(told, "CorrelationData", None),
        )
        self._say(self.desk.take(incoming, now, wall))
        for order in self.desk.orders(now, wall):
            self.obeyed.append(order.name)
            self._say(self.desk.done(order, {"number": order.number}, now))

    def _say(self, replies: list[Reply]) -> None:
        for reply in replies:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            properties.CorrelationData, properties.MessageExpiryInterval = reply.correlation, reply.expires_s
            self._client.publish(reply.topic, reply.payload, qos=1, properties=properties)


@pytest.fixture
def station(embedded_broker: str, site: str) -> Iterator[_Station]:
    station = _Station(embedded_broker, Station(site, "st 1"))
    wait_until(lambda: station.ready, "the station has subscribed")
    yield station
    station.close()


@pytest.fixture
def commander(embedded_broker: str, site: str) -> Iterator[Commander]:
    with Commander(embedded_broker, Station(site, "st 1")) as commander:
        yield commander


@pytest.mark.usefixtures("station")
def test_a_command_is_answered_twice_to_who_sent_it(commander: Commander) -> None:
    request, other = commander.send("recount", {"bin": "A1"}), commander.send("identify")
    assert (request.answer().status, other.answer().status) == ("accepted", "accepted")
    assert (request.result().result, other.result().result) == ({"number": 1}, {"number": 2})
    assert commander.strays == []


def test_a_command_that_is_sent_again_is_answered_again_and_obeyed_once(station: _Station, commander: Commander) -> None:
    request = commander.send("recount")
    assert request.result().status == "done"
    again = commander.send("recount", repeats=request)
    assert again.answer().status == "done"
    assert station.obeyed == ["recount"]


@pytest.mark.usefixtures("station")
def test_a_wrong_command_is_rejected_with_the_reason(commander: Commander) -> None:
    answer = commander.send("recount", {"bin": "B9"}).result()
    assert (answer.status, answer.reason) == ("rejected", "bin: this station does not see 'B9'; it sees A1")
    assert "there is no command 'dance'" in str(commander.send("dance", b"\xff", expires_s=None).result().reason)


def test_a_command_without_a_response_topic_is_obeyed_without_a_word(station: _Station, commander: Commander) -> None:
    silent = commander.send("identify", {"seconds": 5}, wants_answers=False)
    assert commander.send("snapshot").result().status == "done"
    assert station.obeyed == ["identify", "snapshot"]
    assert (silent.waiting(), commander.strays) == (0, [])


def test_a_retained_command_is_rejected_by_a_station_that_comes_later(commander: Commander, embedded_broker: str, site: str) -> None:
    request = commander.send("recount", {"expected": 1}, retain=True)
    station = _Station(embedded_broker, Station(site, "st 1"))
    try:
        assert "publish it without retain" in str(request.result().reason)
        assert station.obeyed == []
    finally:
        station.close()
