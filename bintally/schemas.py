"""Write what travels over MQTT as JSON Schemas and an AsyncAPI 3 document, from the pydantic models.

    python -m bintally.schemas docs

Source: AsyncAPI 3.0.0.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from bintally import __version__, topics
from bintally.files import make_folder, write_atomically
from bintally.manifest import Manifest
from bintally.messages import CONTENT_TYPE, AckEvent, CountEvent, State

MESSAGES: dict[topics.Kind, tuple[type[BaseModel], str, str]] = {
    "count": (CountEvent, CONTENT_TYPE, "A station counted a bin. QoS 1, not retained; sent again until the ledger acknowledges it."),
    "ack": (AckEvent, CONTENT_TYPE, "The ledger holds these events. QoS 1, not retained."),
    "state": (State, "application/json", "Birth, stop, and the last will of a station. QoS 1, retained."),
}


def documents() -> dict[str, str]:
    """File name → content, for everything under ``docs/`` that is made from the models."""
    models: list[type[BaseModel]] = [model for model, _, _ in MESSAGES.values()]
    models.append(Manifest)
    schemas = {f"schemas/{model.__name__}.json": _schema(model) for model in models}
    return {name: json.dumps(content, indent=1) + "\n" for name, content in {**schemas, "asyncapi.json": _asyncapi()}.items()}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}


def _asyncapi() -> dict[str, Any]:
    channels, operations, messages = {}, {}, {}
    for kind in get_args(topics.Kind):
        model, content_type, text = MESSAGES[kind]
        channels[kind] = {
            "address": f"{topics.PREFIX}/{{site}}/{{station}}/{kind}",
            "description": text,
            "parameters": {
                name: {"description": "percent-encoded but for letters, digits, '.', '_' and '-'"} for name in ("site", "station")
            },
            "messages": {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"}},
        }
        action = "receive" if kind == "ack" else "send"
        operations[f"{action}-{kind}"] = {"action": action, "channel": {"$ref": f"#/channels/{kind}"}}
        messages[model.__name__] = {"contentType": content_type, "payload": {"$ref": f"schemas/{model.__name__}.json"}}
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
