"""Kept pictures after a kill (-9) at any step, and the quota after anything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import bintally.files
from agent.evidence.choose import Reason
from agent.evidence.corrections import newest
from agent.evidence.store import EvidenceStore
from bintally.errors import InputError, UnavailableError
from tests.agent.evidence.folders import bytes_in, check_sound, count, jpeg, killed_at, labels, loose
from tests.fakes.events import EPOCH
from tests.fakes.programs import Start

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
QUOTA = 9000
STATIONS_QUOTA = 200_000


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill takes nothing back that the kernel has; without waiting for the disk there is time for every step."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def name(number: int) -> str:
    return f"{EPOCH}-{number}"


def before(folder: Path) -> None:
    """Two pictures, one of them corrected and uploaded."""
    store = EvidenceStore(folder, QUOTA)
    for number, reason in ((1, "unsure"), (2, "mismatch")):
        assert store.keep(count(number), jpeg(number, 1500), reason)  # type: ignore[arg-type]
    store.correct(name(2), 4, "anna", AT)
    kept = store.read(name(2))
    assert kept is not None
    store.uploaded(name(2), kept.description)


def keep(folder: Path) -> None:
    EvidenceStore(folder, QUOTA).keep(count(3), jpeg(3, 1500), "random")


def keep_where_there_is_no_room(folder: Path) -> None:
    EvidenceStore(folder, QUOTA).keep(count(3), jpeg(3, 3700), "mismatch")


def correct(folder: Path) -> None:
    EvidenceStore(folder, QUOTA).correct(name(1), 2, "anna", AT)


def correct_again(folder: Path) -> None:
    EvidenceStore(folder, QUOTA).correct(name(2), 5, "bert", AT)


def correct_what_was_not_kept(folder: Path) -> None:
    EvidenceStore(folder, QUOTA).correct(name(3), 1, "anna", AT, (count(3), jpeg(3, 500)))


def mark(folder: Path) -> None:
    EvidenceStore(folder, QUOTA).uploaded(name(1), b"{}")


@pytest.mark.parametrize("work", [keep, keep_where_there_is_no_room, correct, correct_again, correct_what_was_not_kept, mark])
def test_a_kill_at_any_step_leaves_whole_pictures_and_true_labels(tmp_path: Path, work: Callable[[Path], None]) -> None:
    before(tmp_path / "before")
    steps = 0
    while True:
        steps += 1
        folder = shutil.copytree(tmp_path / "before", tmp_path / str(steps))
        killed = killed_at(steps, folder, lambda folder=folder: work(folder))  # type: ignore[misc]
        EvidenceStore(folder, QUOTA).load()
        check_sound(folder, QUOTA)
        found, said = labels(folder), newest(folder / "corrections.jsonl")
        assert found == {one: label.quantity for one, label in said.items() if one in found}
        assert not loose(folder) & said.keys()
        if not killed:
            break
        shutil.rmtree(folder)
    assert steps > 5
    expected: dict[str, tuple[dict[str, int], set[str]]] = {
        "keep": ({name(2): 4}, {name(1), name(3)}),
        "keep_where_there_is_no_room": ({}, {name(1), name(3)}),
        "correct": ({name(1): 2, name(2): 4}, set()),
        "correct_again": ({name(2): 5}, {name(1)}),
        "correct_what_was_not_kept": ({name(2): 4, name(3): 1}, {name(1)}),
        "mark": ({name(2): 4}, {name(1)}),
    }
    assert (labels(folder), loose(folder)) == expected[work.__name__]


def test_a_kill_while_repairing_loses_no_label(tmp_path: Path) -> None:
    before(tmp_path / "before")
    steps = 0
    killed = True
    while killed:
        steps += 1
        folder = shutil.copytree(tmp_path / "before", tmp_path / str(steps))
        with (folder / "corrections.jsonl").open("a") as file:  # killed right behind this line
            file.write(json.dumps({"event_id": name(1), "quantity": 3, "by": "anna", "at": AT.isoformat()}) + "\n")
        killed = killed_at(steps, folder, EvidenceStore(folder, QUOTA).load)
        EvidenceStore(folder, QUOTA).load()
        check_sound(folder, QUOTA)
        assert labels(folder) == {name(1): 3, name(2): 4}
        shutil.rmtree(folder)
    assert steps > 5


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_a_line_that_a_kill_cut_short_spoils_no_other(tmp_path: Path, cut: int) -> None:
    before(tmp_path)
    path = tmp_path / "corrections.jsonl"
    path.write_bytes(path.read_bytes() + b'{"event_id": "' + name(1).encode()[:cut])
    store = EvidenceStore(tmp_path, QUOTA)
    store.correct(name(1), 6, "anna", AT)
    assert {one: label.quantity for one, label in newest(path).items()} == {name(1): 6, name(2): 4}
    EvidenceStore(tmp_path, QUOTA).load()
    assert labels(tmp_path) == {name(1): 6, name(2): 4}


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"BINTALLY": 3}',
        b'{"BINTALLY": {"event": {}, "reason": "hunger"}}',
        b"\xff\x00",
        b"[" * 100_000,
        b'{"EXPECTED_QUANTITY": 7, "BINTALLY": {"event": {}, "reason": "unsure"}}',
        b'{"EXPECTED_QUANTITY": -7, "BINTALLY": {"event": {}, "reason": "unsure", "label": {"by": "x", "at": "y"}}}',
    ],
    ids=range(10),
)
def test_a_damaged_description_is_never_taken_for_a_label(tmp_path: Path, damage: bytes) -> None:
    before(tmp_path)
    (tmp_path / "unlabelled" / f"{name(1)}.json").write_bytes(damage)
    (tmp_path / "metadata" / f"{name(2)}.json").write_bytes(damage)
    (tmp_path / "corrections.jsonl").write_bytes(b"\x00\xff\n[1]\n{}\n" + damage + b"\n" + (tmp_path / "corrections.jsonl").read_bytes())
    store = EvidenceStore(tmp_path, 10**6)
    store.load()
    assert labels(tmp_path) == {name(2): 4}
    assert loose(tmp_path) == set()
    assert store.keep(count(5), jpeg(5), "unsure")


def test_a_station_killed_at_random_moments_keeps_every_correction_that_it_confirmed(start: Start, tmp_path: Path) -> None:
    confirmed: dict[str, int] = {}
    for run in range(3):
        station = start(sys.executable, "-m", "tests.agent.evidence.station", str(tmp_path), str(STATIONS_QUOTA), str(run * 10_000))
        for _ in range(15):
            one, quantity = station.line().split()
            confirmed[one] = int(quantity)
        station.signal(signal.SIGKILL)
        station.wait()
        for line in station.lines():
            one, quantity = line.split()
            confirmed[one] = int(quantity)
        EvidenceStore(tmp_path, STATIONS_QUOTA).load()
        check_sound(tmp_path, STATIONS_QUOTA)
        found = labels(tmp_path)
        said = newest(tmp_path / "corrections.jsonl")
        assert {one: said[one].quantity for one in confirmed} == confirmed
        assert {one: found[one] for one in confirmed if one in found} == {one: confirmed[one] for one in confirmed if one in found}
        assert len(set(confirmed) & set(found)) > 10


REASONS: list[Reason] = ["random", "unsure", "mismatch"]
NUMBERS = st.integers(1, 12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), NUMBERS, st.sampled_from(REASONS), st.integers(200, 3000)),
        st.tuples(st.just("correct"), NUMBERS, st.integers(0, 20)),
        st.tuples(st.just("promote"), NUMBERS, st.integers(0, 20), st.integers(200, 3000)),
        st.tuples(st.just("uploaded"), NUMBERS),
        st.tuples(st.just("deleted"), st.integers(0, 50)),
        st.tuples(st.just("restart")),
    ),
    max_size=30,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, quota=st.integers(0, 12_000))
@example(steps=[("keep", 2, "random", 200), ("deleted", 1), ("keep", 1, "random", 200)], quota=963)
def test_the_quota_holds_at_every_moment_whatever_happens(tmp_path: Path, steps: list[tuple[object, ...]], quota: int) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    store = EvidenceStore(tmp_path, quota)
    seen = []
    sync = bintally.files.sync

    def measured(path: Path) -> None:
        seen.append(bytes_in(tmp_path))
        sync(path)

    with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs():
        patch.setattr(bintally.files, "sync", measured)
        for step in steps:
            if step[0] == "restart":
                store = EvidenceStore(tmp_path, quota)
                store.load()
            else:
                _do(store, tmp_path, step)
            assert bytes_in(tmp_path) <= min(quota, store.bytes_used)
    assert max(seen, default=0) <= quota
    store.load()
    assert bytes_in(tmp_path) <= store.bytes_used


def _do(store: EvidenceStore, folder: Path, step: tuple[object, ...]) -> None:
    kind, *rest = step
    if kind == "deleted":
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if files:
            files[int(rest[0]) % len(files)].unlink()  # type: ignore[call-overload]
        return
    number, event = int(rest[0]), count(int(rest[0]))  # type: ignore[call-overload]
    if kind == "keep":
        store.keep(event, jpeg(number, rest[2]), rest[1])  # type: ignore[arg-type]
    elif kind == "uploaded":
        kept = store.read(event.id)
        if kept is not None:
            store.uploaded(event.id, kept.description)
    else:
        picture = (event, jpeg(number, rest[2])) if kind == "promote" else None  # type: ignore[arg-type]
        try:
            quantity = int(rest[1])  # type: ignore[call-overload]
            assert store.correct(event.id, quantity, "anna", AT, picture).quantity == quantity
        except (InputError, UnavailableError):
            return
        assert labels_of(folder, event.id) == quantity


def labels_of(folder: Path, one: str) -> int | None:
    path = folder / "metadata" / f"{one}.json"
    assert (folder / "bin-images" / f"{one}.jpg").exists()
    quantity = json.loads(path.read_bytes())["EXPECTED_QUANTITY"]
    assert isinstance(quantity, int)
    return quantity
