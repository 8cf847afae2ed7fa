"""Evidence as the station's loop and page see it."""

# ruff: noqa: S311 - draws decide what is kept, nothing secret
from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.evidence.evidence import Evidence, open_evidence
from agent.evidence.store import EvidenceStore
from agent.settings import AgentSettings
from agent.status import RECENT
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.frames import Frame
from bintally.topics import Station
from tests.agent.evidence.folders import count, labels, loose, verified
from tests.fakes.events import EPOCH
from tests.fakes.programs import wait_until
from tests.fakes.uploads import upload_server


def name(number: int) -> str:
    return f"{EPOCH}-{number}"


def picture(number: int) -> Frame:
    """A bin's picture: smooth, so that JPEG keeps it well."""
    noise = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path, 10**8)


@pytest.fixture
def evidence(store: EvidenceStore) -> Iterator[Evidence]:
    evidence = Evidence(store, 0.0)
    evidence.start()
    yield evidence
    evidence.close()


def test_a_wanted_count_is_kept_as_it_was_seen(evidence: Evidence, tmp_path: Path) -> None:
    reason = evidence.wanted(verified("mismatch"), random.Random(1))
    assert reason == "mismatch"
    evidence.keep_later(count(1), picture(1), reason)
    evidence.keep_later(count(2), picture(2), evidence.wanted(count(2).data, random.Random(1)))
    evidence.close()
    assert loose(tmp_path) == {name(1)}
    read = cv2.imread(str(tmp_path / "unlabelled" / f"{name(1)}.jpg"))
    assert read is not None
    assert np.abs(read.astype(int) - picture(1)).mean() < 2
    assert evidence.bytes_used() > 0


def test_the_share_may_change_while_it_runs(evidence: Evidence) -> None:
    assert evidence.wanted(count(1).data, random.Random(1)) is None
    evidence.share = 1.0
    assert evidence.wanted(count(1).data, random.Random(1)) == "random"


def test_each_of_the_last_twenty_counts_can_be_corrected_and_no_older_one(evidence: Evidence, tmp_path: Path) -> None:
    for number in range(1, RECENT + 2):
        evidence.keep_later(count(number), picture(number), None)
    with pytest.raises(InputError, match="no picture of this count"):
        evidence.correct(name(1), 3, "anna")
    for number in range(2, RECENT + 2):
        assert evidence.correct(name(number), number, "anna").words() == f"{number} recorded"
    assert labels(tmp_path) == {name(number): number for number in range(2, RECENT + 2)}


def test_an_older_count_that_is_kept_can_be_corrected_after_a_restart(evidence: Evidence, tmp_path: Path) -> None:
    evidence.keep_later(count(1), picture(1), "unsure")
    evidence.close()
    again = Evidence(EvidenceStore(tmp_path, 10**8), 0.0)
    assert again.correct(name(1), 5, "anna").quantity == 5
    assert labels(tmp_path) == {name(1): 5}


class HangingStore(EvidenceStore):
    """A disk that answers when it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 10**8)
        self.go = threading.Event()
        self.reached = threading.Event()
        self.kept: list[str] = []

    def keep(self, event, jpeg, reason):
        self.reached.set()
        self.go.wait(60)
        self.kept.append(event.id)
        return super().keep(event, jpeg, reason)


def test_a_hanging_disk_holds_nobody_up_and_costs_drawn_pictures_first(tmp_path: Path) -> None:
    store = HangingStore(tmp_path)
    evidence = Evidence(store, 0.0)
    evidence.start()
    evidence.keep_later(count(100), picture(0), "mismatch")
    wait_until(store.reached.is_set, "the disk hangs")
    for number in range(1, 11):
        evidence.keep_later(count(number), picture(number), "mismatch" if number % 2 else "random")
    for number in range(11, 31):
        evidence.keep_later(count(number), picture(number), "mismatch")
    raw = [one for one in evidence._recent.values() if one.frame is not None]
    assert len(raw) <= 4
    store.go.set()
    evidence.close()
    assert store.kept[0] == name(100)
    assert [int(one.rpartition("-")[2]) for one in store.kept[1:]] == list(range(15, 31))


def test_of_two_drawn_pictures_the_newer_is_dropped(tmp_path: Path) -> None:
    store = HangingStore(tmp_path)
    evidence = Evidence(store, 0.0)
    evidence.start()
    evidence.keep_later(count(100), picture(0), "mismatch")
    wait_until(store.reached.is_set, "the disk hangs")
    for number in range(1, 18):
        evidence.keep_later(count(number), picture(number), "random" if number in {3, 9} else "unsure")
    store.go.set()
    evidence.close()
    assert {int(one.rpartition("-")[2]) for one in store.kept} == {100, *range(1, 18)} - {9}


def test_without_room_for_any_nothing_is_kept_or_remembered(tmp_path: Path) -> None:
    evidence = Evidence(EvidenceStore(tmp_path / "evidence", 0), 1.0)
    evidence.start()
    assert evidence.wanted(verified("mismatch"), random.Random(1)) is None
    evidence.keep_later(count(1), picture(1), None)
    with pytest.raises(UnavailableError, match="evidence_max_bytes is 0"):
        evidence.correct(name(1), 3, "anna")
    evidence.close()


def test_a_picture_that_cannot_be_encoded_costs_only_itself(evidence: Evidence, tmp_path: Path) -> None:
    evidence.keep_later(count(1), np.zeros((0, 0, 3), np.uint8), "unsure")
    evidence.keep_later(count(2), picture(2), "unsure")
    with pytest.raises(UnavailableError, match="could not be encoded"):
        evidence.correct(name(1), 3, "anna")
    evidence.close()
    assert loose(tmp_path) == {name(2)}


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    evidence = Evidence(EvidenceStore(tmp_path / "file" / "evidence", 10**8), 0.0)
    evidence.start()
    evidence.keep_later(count(1), picture(1), "unsure")
    evidence.close()
    assert evidence.bytes_used() == 0


def test_corrections_from_many_hands_while_counts_come_in_are_all_kept(evidence: Evidence, tmp_path: Path) -> None:
    def correct(numbers: range) -> None:
        for number in numbers:
            evidence.correct(name(number), number % 7, "anna")

    for number in range(1, 13):
        evidence.keep_later(count(number), picture(number), "unsure" if number % 3 else None)
    hands = [threading.Thread(target=correct, args=(range(first, 13, 3),)) for first in (1, 2, 3)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    evidence.close()
    assert labels(tmp_path) == {name(number): number % 7 for number in range(1, 13)}
    assert loose(tmp_path) == set()


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Evidence]:
    def build(**settings: object) -> Evidence:
        whole = AgentSettings(source="0", **settings)  # type: ignore[arg-type]
        return open_evidence(whole, Station("my site", "s1"), tmp_path, random.Random(1))

    return build


def test_a_correction_travels_to_the_server_by_itself(opened: Callable[..., Evidence]) -> None:
    with upload_server() as server:
        evidence = opened(evidence_url=server.url)
        evidence.start()
        evidence.keep_later(count(1), picture(1), "unsure")
        path = f"/evidence/my%20site/s1/{name(1)}"
        wait_until(lambda: f"{path}.json" in server.files, "the count's picture")
        evidence.correct(name(1), 2, "anna")
        wait_until(lambda: b"EXPECTED_QUANTITY" in server.files[f"{path}.json"], "the label")
        assert evidence.upload_problem is None
        evidence.close()


def test_an_address_that_is_none_is_wrong_use(opened: Callable[..., Evidence]) -> None:
    with pytest.raises(UsageError, match="not an address to upload to"):
        opened(evidence_url="ftp://somewhere")
