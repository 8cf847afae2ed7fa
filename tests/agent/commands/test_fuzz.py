"""Malformed commands, settings, quantities, acknowledgements and settings files: no crash, and nothing changes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent.commands.bins import check_regions
from agent.commands.desk import Desk
from agent.commands.expected import ExpectedBook
from agent.commands.runtime import FILE, RuntimeConfig
from agent.delivery.incoming import Incoming
from agent.settings import AgentSettings
from bintally.errors import InputError, UsageError
from bintally.messages import MAX_ITEMS, ConfigDesired, Set, parse_ack, parse_answer
from bintally.settings import read_settings
from tests.agent.commands.quiet import quiet
from tests.fakes.mutations import Mutator

WALL = datetime(2026, 11, 21, tzinfo=timezone.utc)
START = AgentSettings(source="0", station="st")
SETTINGS: dict[str, Any] = {
    "heartbeat_s": 60,
    "settle_s": 0.5,
    "frames": 3,
    "abstain_below": 0.6,
    "evidence_share": 0.01,
    "regions": [{"bin": "A1", "left": 0, "top": 0, "right": 0.5, "bottom": 1}, {"bin": None, "left": 0.5}],
}
NAMES = ("recount", "snapshot", "identify", "set")
COMMANDS = (
    {"bin": "A1", "expected": 3, "timeout_s": 20.5, "expires_at": "2026-11-22T00:00:00Z"},
    {"expected": None, "timeout_s": 5},
    {"max_side_px": 640},
    {"seconds": 30.0, "expires_at": "2026-12-01T00:00:00+01:00"},
    {"settings": SETTINGS},
    {"settings": {"frames": 2}},
)
DESIRED = ({"revision": 5, "settings": SETTINGS}, {"revision": 6, "settings": {}})
EXPECTED = ({"quantity": 12, "at": "2026-11-21T12:00:00Z"}, {"quantity": 0})
ACK = {
    "specversion": "1.0",
    "type": "bintally.ack.v1",
    "source": "warehouse",
    "id": "1",
    "time": "2026-11-21T12:00:00Z",
    "datacontenttype": "application/json",
    "data": {"ranges": [{"epoch": "0" * 22, "first": 1, "last": 20}, {"epoch": "f" * 22, "first": 3, "last": 3}]},
}
TOML = (
    b'source = "0"\nstation = "st"\nthreads = 2\nproviders = ["cpu"]\nsettle_s = 0.5\nread_labels = false\nstate_dir = "here"\n',
    (
        b'source = "rtsp://camera/1"\nbroker = "mqtts://broker:8883"\nproviders = "cuda,cpu"\nevidence_max_bytes = 1_000\npage = "[::1]:80"\n'
        b'[[regions]]\nbin = "A1"\nright = 0.5\n\n[[regions]]\nbin = "A2"\nleft = 0.5\n'
    ),
    b'source = \'0\'\nregions = [{bin = "A1", right = 0.5}, {left = 0.5}]\noutbox_max_age_s = 1e6 # long\nacknowledged_by = "broker"\n',
)
SHORT, LONG = 20_000, 1_000_000
SHORT_FILES, LONG_FILES = 400, 30_000
BOUNDS = {
    "expected": (0, MAX_ITEMS),
    "timeout_s": (0, 3600),
    "max_side_px": (32, 4096),
    "seconds": (0, 600),
    "heartbeat_s": (1, 604_800),
    "settle_s": (0.1, 60),
    "frames": (1, 50),
    "abstain_below": (0, 1),
    "evidence_share": (0, 1),
    "left": (0, 1),
    "top": (0, 1),
    "right": (0, 1),
    "bottom": (0, 1),
    "revision": (1, 10**15),
    "quantity": (0, MAX_ITEMS),
    "first": (1, 10**18),
    "last": (1, 10**18),
    "stale_after_s": (0.5, 600),
    "frames_per_s": (0, 120),
}

pytestmark = pytest.mark.usefixtures("_quiet")
how_many = pytest.mark.parametrize("number", [SHORT, pytest.param(LONG, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
how_many_files = pytest.mark.parametrize(
    "number", [SHORT_FILES, pytest.param(LONG_FILES, marks=[pytest.mark.long, pytest.mark.timeout(7200)])]
)


@pytest.fixture
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def json_mutations(examples: tuple[dict[str, Any], ...], seed: int, number: int) -> Iterator[bytes]:
    keys = [json.dumps(key).encode() for key in (*BOUNDS, "bin", "regions", "settings", "expires_at", "data", "ranges", "epoch", "x" * 99)]
    encoded = [json.dumps(example, separators=separators).encode() for example in examples for separators in ((",", ":"), (", ", ": "))]
    return Mutator(encoded, keys, b":", b",", seed).many(number)


def assert_sane(message: BaseModel, payload: bytes | None = None) -> None:
    """What was taken for good is JSON to another parser, too, and every value is within the bounds that this test knows."""
    if payload:
        json.loads(payload)
    for name, value in walk(message.model_dump()):
        assert not isinstance(value, float) or math.isfinite(value) or name.endswith(("patience_s", "max_age_s")), name
        if name in BOUNDS and value is not None:
            low, high = BOUNDS[name]
            assert low <= value <= high, (name, value)


def walk(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from walk(inner, name)
    else:
        yield name, value


@how_many
def test_malformed_commands_are_rejected_and_leave_the_desk_as_it_was(number: int, tmp_path: Path) -> None:
    desk = Desk("a" * 22, lambda: ("A1", None))
    config = RuntimeConfig(START, tmp_path)
    obeyed = 0
    names = cycle((*NAMES, *NAMES, "dance", ""))
    for count, payload in enumerate(json_mutations(COMMANDS, 1, number)):
        correlation = None if count % 7 == 0 else count.to_bytes(4, "big")
        before = dict(desk._open), list(desk._known), desk._numbers
        effective = config.effective
        message = Incoming("cmd", next(names), payload, response_topic="replies", correlation=correlation)
        [reply] = desk.take(message, float(count), WALL)
        answer = parse_answer(reply.payload)
        if answer.status == "rejected":
            assert answer.reason
            assert (desk._open, list(desk._known), desk._numbers) == before
            assert config.effective is effective
            continue
        for order in desk.orders(float(count), WALL):
            obeyed += 1
            assert_sane(order.command, payload)
            desk.done(order, _execute(config, order.command), float(count))
        assert not desk._open
    assert obeyed < number / 3
    assert list(tmp_path.iterdir()) == []


def _execute(config: RuntimeConfig, command: BaseModel) -> dict[str, Any]:
    before = config.effective
    if isinstance(command, Set):
        try:
            return config.change(command.settings)
        except InputError:
            assert config.effective is before
        finally:
            check_regions(config.effective.regions, "st", read_labels=False)
    return {}


@how_many
def test_malformed_desired_settings_are_rejected_and_leave_all_as_it_was(number: int, tmp_path: Path) -> None:
    config = RuntimeConfig(START, tmp_path)
    config.desire(ConfigDesired.model_validate({"revision": 10**14, "settings": {"frames": 7}}).model_dump_json().encode())
    before, kept = config.effective, (tmp_path / FILE).read_bytes()
    obeyed = 0
    for payload in json_mutations(DESIRED, 2, number):
        if not payload:
            continue
        reported = config.desire(payload)
        if reported.status == "rejected":
            assert reported.reason
            assert config.effective is before
        else:
            obeyed += 1
            assert json.loads(payload)["revision"] > 10**14
            before, kept = config.effective, (tmp_path / FILE).read_bytes()
            assert_sane(ConfigDesired.model_validate_json(kept))
            check_regions(before.regions, "st", read_labels=False)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).read_bytes() == kept
    assert RuntimeConfig(START, tmp_path).effective == before
    assert obeyed < 5


@how_many
def test_malformed_quantities_change_nothing(number: int) -> None:
    book = ExpectedBook()
    book.take(Incoming("expected", "A", b'{"quantity": 999}'))
    changes = 0
    for payload in json_mutations(EXPECTED, 3, number):
        before = book.quantity("A")
        if book.take(Incoming("expected", "A", payload)):
            changes += 1
            after = book.quantity("A")
            assert (after is None) == (payload == b"")
            assert after is None or (json.loads(payload) and 0 <= after <= MAX_ITEMS)
        else:
            assert book.quantity("A") == before
    assert len(book) <= 1
    assert changes < number / 3


@how_many
def test_malformed_acknowledgements_are_refused_as_input(number: int) -> None:
    good = 0
    for payload in json_mutations((ACK,), 4, number):
        try:
            ack = parse_ack(payload)
        except InputError as error:
            assert str(error).startswith("not a AckEvent: ")  # noqa: PT017 - raises is too slow a million times
            continue
        good += 1
        assert_sane(ack, payload)
    assert good < number / 3


@how_many_files
def test_malformed_settings_files_are_refused_as_wrong_use(number: int, tmp_path: Path) -> None:
    path, state = tmp_path / "agent.toml", tmp_path / "state"
    state.mkdir()
    environment = dict(os.environ)
    keys = [name.encode() for name in (*AgentSettings.model_fields, "regions.bin", "[regions]\nbin", '"a b"', "x" * 99)]
    good = 0
    for content in Mutator(TOML, keys, b"=", b"\n", 5).many(number):
        path.write_bytes(content)
        try:
            settings = read_settings(AgentSettings, {"config": str(path)})
            RuntimeConfig(settings, state)
        except UsageError as error:
            assert 10 < len(str(error)) < 2000, content  # noqa: PT017 - as above
            continue
        good += 1
        assert_sane(settings)
    assert os.environ == environment
    assert {entry.name for entry in tmp_path.rglob("*")} == {"agent.toml", "state"}
    assert good < number / 3
