"""A consumer that a WMS team could have written: from docs/asyncapi.json and the schemas beside it, with paho and jsonschema, and nothing of ours.

    python consumer.py DOCS HOST PORT CLIENT_ID

It stores each event once, in memory, prints it, and acknowledges it to the station and to the broker. The document says: which filter,
which QoS, how the session is kept, which messages come, where the acknowledgement goes, and what it looks like.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Document:
    """An AsyncAPI document and its schemas."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._document = json.loads((folder / "asyncapi.json").read_text("utf-8"))

    def find(self, reference: str) -> Any:
        """What a ``#/…`` reference stands for."""
        found = self._document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        return found

    def schemas(self, channel: dict[str, Any]) -> list[dict[str, Any]]:
        """Of the messages of a channel."""
        payloads = [self.find(message["$ref"])["payload"]["$ref"] for message in channel["messages"].values()]
        return [json.loads((self._folder / name).read_text("utf-8")) for name in payloads]

    def content_type(self, channel: dict[str, Any]) -> str:
        (message,) = channel["messages"].values()
        return str(self.find(message["$ref"])["contentType"])


class Consumer:
    """Receives what stations send on their ``count`` channel."""

    def __init__(self, document: Document, host: str, port: int, client_id: str) -> None:
        self._document, self._address = document, (host, port)
        operation = document.find("#/operations/send-count")
        self._count, self._ack = (document.find(one["channel"]["$ref"]) for one in (operation, operation["reply"]))
        self._qos = operation["bindings"]["mqtt"]["qos"]
        self._ack_qos = document.find("#/operations/receive-ack")["bindings"]["mqtt"]["qos"]
        self._checks = [jsonschema.Draft202012Validator(schema) for schema in document.schemas(self._count)]
        (ack_schema,) = document.schemas(self._ack)
        self._ack_check = jsonschema.Draft202012Validator(ack_schema)
        self._constants = {name: field["const"] for name, field in ack_schema["properties"].items() if "const" in field}
        self._stored: dict[tuple[str, str], dict[str, Any]] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, manual_ack=True)
        self._client.on_connect = self._subscribe
        self._client.on_message = self._take

    def run(self) -> None:
        binding = self._document.find("#/servers/broker/bindings/mqtt")
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.SessionExpiryInterval = binding["sessionExpiryInterval"]
        self._client.connect(*self._address, keepalive=binding["keepAlive"], clean_start=binding["cleanSession"], properties=properties)
        self._client.loop_forever()

    def _subscribe(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(self._count["x-filter"], qos=self._qos)

    def _take(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        event = self._read(bytes(message.payload))
        if event is not None:
            fresh = (event["source"], event["id"]) not in self._stored
            self._stored[event["source"], event["id"]] = event
            print(json.dumps({"fresh": fresh, "event": event}), flush=True)
            self._acknowledge(message.topic, event["id"])
        client.ack(message.mid, message.qos)

    def _read(self, payload: bytes) -> dict[str, Any] | None:
        try:
            event = json.loads(payload)
        except ValueError:
            return None
        return event if any(check.is_valid(event) for check in self._checks) else None

    def _acknowledge(self, topic: str, event_id: str) -> None:
        epoch, _, seq = event_id.rpartition("-")
        ack = {
            **self._constants,
            "source": "our-wms",
            "id": str(uuid.uuid4()),
            "time": datetime.now(timezone.utc).isoformat(),
            "data": {"ranges": [{"epoch": epoch, "first": int(seq), "last": int(seq)}]},
        }
        self._ack_check.validate(ack)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        properties.ContentType = self._document.content_type(self._ack)
        self._client.publish(self._answer_to(topic), json.dumps(ack), qos=self._ack_qos, properties=properties)

    def _answer_to(self, topic: str) -> str:
        """The same station's ``ack`` topic: its parameters are those of the topic that the event came on."""
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self._count["address"]))
        found = re.fullmatch(pattern, topic)
        if found is None:
            raise ValueError(f"{topic} is not {self._count['address']}")
        return str(self._ack["address"].format(**found.groupdict()))


if __name__ == "__main__":
    folder, host, port, client_id = sys.argv[1:]
    Consumer(Document(Path(folder)), host, int(port), client_id).run()
