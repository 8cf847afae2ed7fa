"""What comes from the broker, sorted into queues; nobody who puts something in ever waits."""

from __future__ import annotations

import queue
import time

import paho.mqtt.client as mqtt
import structlog

from agent.delivery.inbox import Inbox
from agent.delivery.incoming import Incoming
from bintally import topics
from bintally.errors import InputError
from bintally.messages import Range, State, parse_ack, parse_state
from bintally.topics import Station

_MAX_ACKS, _MAX_STATES, _MAX_SESSIONS = 1000, 10_000, 100
log = structlog.get_logger()


class Mail:
    """One station's incoming messages.

    ``acks`` is bounded: an acknowledgement that does not fit is dropped, and comes again because the event is then sent again.

    Args:
        station: whose; messages to others are passed over.
        session: of this start.

    Attributes:
        acks: ranges that the ledger acknowledged.
        inbox: commands, settings and expected quantities.
        past_states: counts of bins that the broker kept from before this connection.
        past_sessions: sessions of retained births and wills that are not this one.
    """

    def __init__(self, station: Station, session: str) -> None:
        self._station, self._session = station, session
        self.acks: queue.Queue[list[Range]] = queue.Queue(_MAX_ACKS)
        self.inbox: queue.Queue[Incoming] = Inbox()
        self.past_states: queue.Queue[bytes] = queue.Queue(_MAX_STATES)
        self.past_sessions: queue.Queue[str] = queue.Queue(_MAX_SESSIONS)

    def sort(self, message: mqtt.MQTTMessage) -> bool:
        """Put a message where it belongs.

        Returns:
            Whether it was an older session's will, or its farewell, that came late: it must not make a living station look lost, so
            that the birth has to be said again.
        """
        try:
            station, kind, name = topics.parse(message.topic)
            if station != self._station:
                return False
            if kind == "ack":
                self._take_ack(parse_ack(bytes(message.payload)).data.ranges)
            elif kind == "state":
                return self._take_state(parse_state(bytes(message.payload)))
            elif kind == "bin":
                if message.retain and not self.past_states.full():
                    self.past_states.put_nowait(bytes(message.payload))
            else:
                self.inbox.put(_incoming(kind, name, message))
        except InputError as error:
            log.warning("message refused", topic=message.topic, reason=str(error))
        return False

    def _take_ack(self, ranges: list[Range]) -> None:
        try:
            self.acks.put_nowait(ranges)
        except queue.Full:
            log.warning("acknowledgement dropped, its events are sent again")

    def _take_state(self, said: State) -> bool:
        if said.session != self._session and not self.past_sessions.full():
            self.past_sessions.put_nowait(said.session)
        return said.status != "online"


def _incoming(kind: topics.Kind | topics.NamedKind, name: str | None, message: mqtt.MQTTMessage) -> Incoming:
    properties = message.properties
    return Incoming(
        kind=kind,
        name=name,
        payload=bytes(message.payload),
        retained=message.retain,
        received_at=time.monotonic(),
        expires_in_s=getattr(properties, "MessageExpiryInterval", None),
        response_topic=getattr(properties, "ResponseTopic", None),
        correlation=getattr(properties, "CorrelationData", None),
    )
