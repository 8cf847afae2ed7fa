"""The AsyncAPI 3 document of everything that travels over MQTT, from the pydantic models; enough to write a consumer from it alone.

Source: AsyncAPI 3.0.0; its MQTT bindings, version 0.2.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from bintally import __version__, topics
from bintally.messages import (
    CONTENT_TYPE,
    AckEvent,
    Answer,
    ConfigDesired,
    ConfigReported,
    CountEvent,
    DiscrepancyEvent,
    Expected,
    GapEvent,
    Health,
    ModelDesired,
    ModelReported,
    State,
)
from bintally.messages.commands import KINDS

_BINDING = "0.2.0"
_JSON = "application/json"
_NAME = "percent-encoded but for letters, digits, '.', '_' and '-'"
_ABOUT = (
    "What bintally's stations and the warehouse's side say to each other over MQTT 5. An operation is told as the one it is tagged with does it: "
    "a station sends its counts and receives acknowledgements. To consume counts: keep a persistent session (clean start off, a session expiry, "
    "the same client id at each start), subscribe with QoS 1 to the filter or the shared filter of the channel 'count', store each event once by "
    "(source, id), and only then acknowledge the message to the broker and publish an AckEvent on the same station's channel 'ack'. A station sends "
    "an event again until an AckEvent names it, so acknowledge repeats, too."
)


@dataclass(frozen=True)
class Channel:
    """What goes on one topic.

    Attributes:
        address: last levels of the topic; empty where only the request knows it.
        messages: their models.
        by: who writes them.
        text: what they are for.
        retain: whether the broker keeps the last one.
        qos: 0 or 1.
        content_type: of the payload.
        of_site: the topic is shared by a whole site.
    """

    address: str
    messages: tuple[type[BaseModel], ...]
    by: Literal["station", "warehouse", "fleet"]
    text: str
    retain: bool = False
    qos: int = 1
    content_type: str = _JSON
    of_site: bool = False

    @property
    def topic(self) -> str | None:
        """With parameters in braces."""
        where = "{site}" if self.of_site else "{site}/{station}"
        return f"{topics.PREFIX}/{where}/{self.address}" if self.address else None

    @property
    def filter(self) -> str | None:
        """What to subscribe to for all of them."""
        found = self.topic
        for parameter in ("{site}", "{station}", "{name}"):
            found = found and found.replace(parameter, "+")
        return found

    @property
    def shared_filter(self) -> str | None:
        """What workers that share them subscribe to; retained messages come to nobody there (MQTT 5.0, 4.8.2)."""
        return None if self.filter is None or self.retain or self.by != "station" else topics.shared("wms", self.filter)

    @property
    def parameters(self) -> list[str]:
        """Names of the topic's parameters."""
        return [name for name in ("site", "station", "name") if f"{{{name}}}" in (self.topic or "")]


CHANNELS = {
    "count": Channel(
        "count",
        (CountEvent, GapEvent),
        "station",
        "A station counted a bin, or gave up events; sent again until an AckEvent names it.",
        content_type=CONTENT_TYPE,
    ),
    "ack": Channel(
        "ack",
        (AckEvent,),
        "warehouse",
        "These events are stored safely: the station may forget them. An event's id is {epoch}-{seq}; a range names the epoch, and the "
        "first and last seq. Published after each commit, for repeats again.",
        content_type=CONTENT_TYPE,
    ),
    "bin": Channel(
        "bin/{name}",
        (CountEvent,),
        "station",
        "The newest count of a bin; {name} is the bin. Not to be acknowledged.",
        retain=True,
        content_type=CONTENT_TYPE,
    ),
    "state": Channel("state", (State,), "station", "Birth, stop, and the last will of a station.", retain=True),
    "health": Channel("health", (Health,), "station", "How a station does; expires, so that a silent one has none.", retain=True, qos=0),
    "cmd": Channel(
        "cmd/{name}",
        tuple(KINDS.values()),
        "warehouse",
        "A command; {name} is recount, snapshot, identify or set. Answers go to the MQTT 5 response topic.",
    ),
    "answer": Channel("", (Answer,), "station", "What a station says to a command, with its correlation data."),
    "expected": Channel(
        "expected/{name}",
        (Expected,),
        "warehouse",
        "The quantity that the books expect in a bin; {name} is the bin. An empty payload takes it back.",
        retain=True,
    ),
    "discrepancy": Channel(
        "discrepancy",
        (DiscrepancyEvent,),
        "warehouse",
        "The books are wrong about a bin, or may be, or no longer: one event for each step. Delivered at least once: take each once by its id.",
        content_type=CONTENT_TYPE,
        of_site=True,
    ),
    "config/desired": Channel("config/desired", (ConfigDesired,), "fleet", "Settings that a fleet manager wants.", retain=True),
    "config/reported": Channel("config/reported", (ConfigReported,), "station", "Settings in force.", retain=True),
    "model/desired": Channel(
        "model/desired",
        (ModelDesired,),
        "fleet",
        "The model that a station is to run, as the payload of a compact JWS (docs/fleet.md).",
        retain=True,
        content_type="application/jose",
    ),
    "model/reported": Channel("model/reported", (ModelReported,), "station", "How far a station is with that.", retain=True),
}


def key_of(name: str) -> str:
    """A channel's key in the document."""
    return name.replace("/", "-")


def document() -> dict[str, Any]:
    """The AsyncAPI document; its schemas are files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "bintally", "version": __version__, "description": _ABOUT},
        "defaultContentType": _JSON,
        "servers": {"broker": _server()},
        "channels": {key_of(name): _channel(channel) for name, channel in CHANNELS.items()},
        "operations": dict(_operation(name, channel) for name, channel in CHANNELS.items()),
        "components": {"messages": {name: message for channel in CHANNELS.values() for name, message in _messages(channel)}},
    }


def _server() -> dict[str, Any]:
    return {
        "host": "127.0.0.1:1883",
        "protocol": "mqtt",
        "protocolVersion": "5.0",
        "description": "Any MQTT 5 broker; 'mqtts' with TLS. Messages can be read with MQTT 3.1.1, too; commands need MQTT 5.",
        "bindings": {"mqtt": {"cleanSession": False, "keepAlive": 30, "sessionExpiryInterval": 300, "bindingVersion": _BINDING}},
    }


def _channel(channel: Channel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "address": channel.topic,
        "description": f"{channel.text} QoS {channel.qos}, {'retained' if channel.retain else 'not retained'}.",
        "parameters": {name: {"description": _NAME} for name in channel.parameters},
        "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in channel.messages},
    }
    if channel.filter is not None:
        found["x-filter"] = channel.filter
    if channel.shared_filter is not None:
        found["x-shared-filter"] = channel.shared_filter
    return found


def _operation(name: str, channel: Channel) -> tuple[str, dict[str, Any]]:
    """As the station does it, where it takes part; else as the warehouse does."""
    action = "send" if channel.by == "station" or channel.of_site else "receive"
    found: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{key_of(name)}"},
        "tags": [{"name": "warehouse" if channel.of_site else "station"}],
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": _BINDING}},
    }
    if name == "cmd":
        found["reply"] = {"address": {"location": "$message.header#/responseTopic"}, "channel": {"$ref": "#/channels/answer"}}
    if name == "count":
        found["reply"] = {"channel": {"$ref": "#/channels/ack"}}
    return f"{action}-{key_of(name)}", found


def _messages(channel: Channel) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            model.__name__,
            {
                "contentType": channel.content_type,
                "summary": (model.__doc__ or "").partition("\n")[0],
                "payload": {"$ref": f"schemas/{model.__name__}.json"},
                "bindings": {"mqtt": {"contentType": channel.content_type, "bindingVersion": _BINDING}},
            },
        )
        for model in channel.messages
    ]
