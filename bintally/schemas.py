"""Write what travels over MQTT, and the files of pick lists and orders, as JSON Schemas and an AsyncAPI 3 document, from the pydantic models.

    python -m bintally.schemas docs

Source: AsyncAPI 3.0.0.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bintally import __version__, topics
from bintally.files import make_folder, write_atomically
from bintally.layouts.model import LayoutFile, OrderFile, PickFile
from bintally.manifest import Manifest
from bintally.messages import (
    CONTENT_TYPE,
    AckEvent,
    Answer,
    ConfigDesired,
    ConfigReported,
    CountEvent,
    Expected,
    GapEvent,
    Health,
    ModelDesired,
    ModelReported,
    State,
)
from bintally.messages.commands import KINDS
from bintally.travel_time import TravelTimeManifest


@dataclass(frozen=True)
class Channel:
    """What goes on one topic: its last levels, the messages, and who writes them."""

    address: str
    messages: tuple[type[BaseModel], ...]
    by_station: bool
    text: str
    content_type: str = "application/json"


CHANNELS = {
    "count": Channel(
        "count",
        (CountEvent, GapEvent),
        True,
        "A station counted a bin, or gave up events. QoS 1, not retained; sent again until the ledger acknowledges it.",
        CONTENT_TYPE,
    ),
    "ack": Channel("ack", (AckEvent,), False, "The ledger holds these events. QoS 1, not retained.", CONTENT_TYPE),
    "bin": Channel("bin/{name}", (CountEvent,), True, "The newest count of a bin. QoS 1, retained.", CONTENT_TYPE),
    "state": Channel("state", (State,), True, "Birth, stop, and the last will of a station. QoS 1, retained."),
    "health": Channel("health", (Health,), True, "How a station does. QoS 0, retained, expires."),
    "cmd": Channel(
        "cmd/{name}",
        tuple(KINDS.values()),
        False,
        "A command; {name} is recount, snapshot, identify or set. QoS 1, not retained. Answers go to the MQTT 5 response topic.",
    ),
    "answer": Channel("", (Answer,), True, "What a station says to a command, with its correlation data. QoS 1, not retained."),
    "config/desired": Channel("config/desired", (ConfigDesired,), False, "Settings that a fleet manager wants. QoS 1, retained."),
    "config/reported": Channel("config/reported", (ConfigReported,), True, "Settings in force. QoS 1, retained."),
    "model/desired": Channel(
        "model/desired",
        (ModelDesired,),
        False,
        "The model that a station is to run, as the payload of a compact JWS (docs/fleet.md). QoS 1, retained.",
        "application/jose",
    ),
    "model/reported": Channel("model/reported", (ModelReported,), True, "How far a station is with that. QoS 1, retained."),
    "expected": Channel("expected/{name}", (Expected,), False, "The quantity that the books expect in a bin. QoS 1, retained."),
}


def documents() -> dict[str, str]:
    """File name → content, for everything under ``docs/`` that is made from the models."""
    files: tuple[type[BaseModel], ...] = (Manifest, TravelTimeManifest, LayoutFile, PickFile, OrderFile)
    models = {model.__name__: model for model in [*(model for channel in CHANNELS.values() for model in channel.messages), *files]}
    schemas = {f"schemas/{name}.json": _schema(model) for name, model in models.items()}
    return {name: json.dumps(content, indent=1) + "\n" for name, content in {**schemas, "asyncapi.json": _asyncapi()}.items()}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}


def _address(name: str, channel: Channel) -> tuple[str | None, list[str]]:
    """A channel's topic and the names of its parameters; an answer's topic is known to the request alone."""
    if name == "answer":
        return None, []
    return f"{topics.PREFIX}/{{site}}/{{station}}/{channel.address}", [
        "site",
        "station",
        *(["name"] if "{name}" in channel.address else []),
    ]


def _asyncapi() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for name, channel in CHANNELS.items():
        key = name.replace("/", "-")
        address, levels = _address(name, channel)
        channels[key] = {
            "address": address,
            "description": channel.text,
            "parameters": {level: {"description": "percent-encoded but for letters, digits, '.', '_' and '-'"} for level in levels},
            "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in channel.messages},
        }
        action = "send" if channel.by_station else "receive"
        operations[f"{action}-{key}"] = {"action": action, "channel": {"$ref": f"#/channels/{key}"}}
        if name == "cmd":
            operations[f"{action}-{key}"]["reply"] = {
                "address": {"location": "$message.header#/responseTopic"},
                "channel": {"$ref": "#/channels/answer"},
            }
        messages |= {
            model.__name__: {"contentType": channel.content_type, "payload": {"$ref": f"schemas/{model.__name__}.json"}}
            for model in channel.messages
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "bintally station",
            "version": __version__,
            "description": "What a station's agent sends and receives over MQTT 5.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def main(folder: Path) -> None:
    """Write every document below ``folder``."""
    for name, content in documents().items():
        path = folder / name
        make_folder(path.parent)
        write_atomically(path, content)
        print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
