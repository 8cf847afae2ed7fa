"""A consumer that was written only from the AsyncAPI document empties a real agent's outbox."""

from __future__ import annotations

import ast
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest

from bintally.asyncapi import CHANNELS, document
from bintally.messages import AckData, AckEvent, Range, utc_now
from bintally.messages.base import Message
from tests.fakes.bundle import write_grey_images
from tests.fakes.events import EPOCH, count_event
from tests.fakes.programs import BINTALLY, Program, Start, wait_until
from tests.warehouse.deliveries.test_outbox import event
from tests.warehouse.subscriber.peers import FakeStation

DOCS = Path(__file__).parents[3] / "docs"
CONSUMER = Path(__file__).with_name("consumer.py")


def _consume(start: Start, broker: str, client_id: str) -> Program:
    return start(sys.executable, str(CONSUMER), str(DOCS), "127.0.0.1", broker.rpartition(":")[2], client_id)


def test_the_consumer_knows_nothing_of_ours() -> None:
    tree = ast.parse(CONSUMER.read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports]
    modules = {name.partition(".")[0] for name in names}
    assert modules - set(sys.stdlib_module_names) == {"jsonschema", "paho"}


def test_a_real_agents_outbox_empties(start: Start, mosquitto: str, site: str, tiny_bundle: Path, tmp_path: Path) -> None:
    write_grey_images(tmp_path / "frames", [0, 1, 2, 3])
    consumer = _consume(start, mosquitto, site)
    options = [
        "--source",
        str(tmp_path / "frames"),
        "--bundle",
        str(tiny_bundle),
        "--broker",
        mosquitto,
        "--site",
        site,
        "--station",
        "s 1",
    ]
    agent = start(*BINTALLY, "agent", "run", *options, "--state-dir", str(tmp_path / "state"), "--threads", "1", "--once")
    events: list[dict[str, Any]] = []
    while len(events) < 4:
        said = json.loads(consumer.line())
        if said["event"]["source"].startswith(f"{site}/") and said["fresh"]:
            events.append(said["event"])
    assert agent.wait() == 0, agent.stderr  # it ends when everything is acknowledged
    assert sorted(one["data"]["file"].rpartition("/")[2] for one in events) == sorted(path.name for path in (tmp_path / "frames").iterdir())
    with closing(sqlite3.connect(tmp_path / "state" / "outbox.sqlite")) as outbox:
        assert outbox.execute("SELECT count(*) FROM event").fetchone() == (0,)


def test_what_came_while_it_was_away_is_acknowledged_too_and_repeats_again(start: Start, mosquitto: str, site: str) -> None:
    station = FakeStation(mosquitto, site)
    first = _consume(start, mosquitto, site)

    def hears() -> bool:
        station.send(station.event(1))
        return not station.messages.empty()

    wait_until(hears, "it has subscribed")
    first.end()
    station.send(station.event(2))
    station.send(station.event(1))
    _consume(start, mosquitto, site)
    heard: set[int] = set()
    while heard != {1, 2}:
        heard |= {first for first, _ in station.acknowledged()}
    station.close()


@pytest.mark.parametrize(
    "message",
    [
        count_event(),
        AckEvent(source="warehouse", id="1", time=utc_now(), data=AckData(ranges=[Range(epoch=EPOCH, first=1, last=2)])),
        event(),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_is_sent_is_what_its_schema_says(message: Message) -> None:
    schema = json.loads((DOCS / "schemas" / f"{type(message).__name__}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(message.model_dump_json()), schema)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    whole = document()

    def follow(part: object) -> int:
        if isinstance(part, list):
            return sum(map(follow, part))
        if not isinstance(part, dict):
            return 0
        reference = part.get("$ref")
        if isinstance(reference, str):
            if not reference.startswith("#/"):
                assert (DOCS / reference).is_file()
            else:
                found = whole
                for name in reference.removeprefix("#/").split("/"):
                    found = found[name]
        return (reference is not None) + sum(map(follow, part.values()))

    assert follow(whole) > 3 * len(CHANNELS)
    assert set(whole["channels"]["discrepancy"]["parameters"]) == {"site"}
