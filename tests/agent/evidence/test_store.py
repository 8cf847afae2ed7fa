"""Kept pictures on disk: labels, the quota, hostile names, full disks."""

from __future__ import annotations

import errno
import json
import os
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
import structlog

from agent.evidence.choose import Reason
from agent.evidence.entry import MAX_QUANTITY, digest
from agent.evidence.store import EvidenceStore
from bintally import abid
from bintally.errors import InputError, UnavailableError
from tests.agent.evidence.folders import bytes_in, check_sound, count, jpeg, labels, loose
from tests.fakes.events import EPOCH

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
PLENTY = 10**6
ENTRY_BYTES = 3000
"""A little more than a picture of 2,000 bytes takes with its description."""


def name(number: int) -> str:
    return f"{EPOCH}-{number}"


def names(*numbers: int) -> set[str]:
    return {name(number) for number in numbers}


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path, PLENTY)


def fill(store: EvidenceStore, *kinds: Reason) -> None:
    """Keep pictures of 2,000 bytes, numbered from 1."""
    for number, reason in enumerate(kinds, 1):
        assert store.keep(count(number), jpeg(number, 2000), reason) == name(number)


def mark_uploaded(store: EvidenceStore, number: int) -> None:
    kept = store.read(name(number))
    assert kept is not None
    store.uploaded(kept.name, kept.description)


def test_what_nobody_labelled_does_not_look_labelled(store: EvidenceStore, tmp_path: Path) -> None:
    fill(store, "unsure", "mismatch")
    assert labels(tmp_path) == {}
    assert loose(tmp_path) == names(1, 2)
    told = json.loads((tmp_path / "unlabelled" / f"{name(2)}.json").read_bytes())["BINTALLY"]
    assert (told["reason"], told["event"]["subject"]) == ("mismatch", "bin-1")
    assert (tmp_path / "unlabelled" / f"{name(2)}.jpg").read_bytes() == jpeg(2, 2000)


def test_a_correction_brings_a_picture_into_abids_layout(store: EvidenceStore, tmp_path: Path) -> None:
    fill(store, "unsure", "unsure")
    result = store.correct(name(1), 4, "anna", AT)
    assert (result.quantity, result.previous, result.words()) == (4, None, "4 recorded")
    assert labels(tmp_path) == {name(1): 4}
    assert loose(tmp_path) == names(2)
    assert (tmp_path / abid.IMAGES / f"{name(1)}.jpg").read_bytes() == jpeg(1, 2000)


def test_a_second_correction_replaces_the_first_and_both_are_on_record(store: EvidenceStore, tmp_path: Path) -> None:
    fill(store, "unsure")
    store.correct(name(1), 4, "anna", AT)
    assert store.correct(name(1), 5, "bert", AT).words() == "5 recorded in place of 4"
    assert labels(tmp_path) == {name(1): 5}
    lines = [json.loads(line) for line in (tmp_path / "corrections.jsonl").read_text().splitlines() if line]
    assert [(line["event_id"], line["quantity"], line["by"], line["at"]) for line in lines] == [
        (name(1), 4, "anna", AT.isoformat()),
        (name(1), 5, "bert", AT.isoformat()),
    ]


def test_a_count_that_was_not_kept_is_promoted_by_its_correction(store: EvidenceStore, tmp_path: Path) -> None:
    store.correct(name(7), 2, "anna", AT, (count(7), jpeg(7)))
    assert labels(tmp_path) == {name(7): 2}
    assert store.keep(count(7), jpeg(7), "unsure") == name(7)
    assert loose(tmp_path) == set()


@pytest.mark.parametrize("quantity", [-1, MAX_QUANTITY + 1, True, 2.5, "3"])
def test_a_quantity_that_no_bin_holds_is_refused_and_changes_nothing(store: EvidenceStore, tmp_path: Path, quantity: int) -> None:
    fill(store, "unsure")
    with pytest.raises(InputError, match="a bin holds 0 to 999"):
        store.correct(name(1), quantity, "anna", AT)
    assert labels(tmp_path) == {}
    assert not (tmp_path / "corrections.jsonl").exists()


def test_the_largest_label_is_the_largest_that_the_trainer_takes() -> None:
    from trainer.data.check import MAX_QUANTITY as TRAINERS

    assert MAX_QUANTITY == TRAINERS


@pytest.mark.parametrize(
    "event_id", ["../../etc/passwd", f"{EPOCH}-1/../../x", f"{EPOCH}-1\n", "", f"{EPOCH}-0", f"{EPOCH}-1.jpg", "a" * 5000]
)
def test_a_hostile_id_never_becomes_a_path(store: EvidenceStore, tmp_path: Path, event_id: str) -> None:
    before = sorted(tmp_path.parent.rglob("*"))
    with pytest.raises(InputError, match="not the id of a count"):
        store.correct(event_id, 1, "x", AT, (count(1), jpeg(1)))
    forged = count(1).model_copy(update={"id": event_id})
    assert store.keep(forged, jpeg(1), "unsure") is None
    found = sorted(tmp_path.parent.rglob("*"))
    assert [path for path in found if path.is_file()] == [path for path in before if path.is_file()]


def test_a_hostile_bin_or_person_stays_inside_a_description(store: EvidenceStore, tmp_path: Path) -> None:
    event = count(1).model_copy(update={"subject": "../../../<b>\n\x00"})
    assert store.keep(event, jpeg(1), "unsure") == name(1)
    store.correct(name(1), 3, '"}\n{"event_id": "../x"', AT)
    assert labels(tmp_path) == {name(1): 3}
    assert labels_after_restart(tmp_path) == {name(1): 3}
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path, tmp_path / abid.IMAGES, tmp_path / abid.METADATA}


def labels_after_restart(folder: Path) -> dict[str, int]:
    EvidenceStore(folder, PLENTY).load()
    return labels(folder)


def test_an_unknown_count_cannot_be_corrected(store: EvidenceStore) -> None:
    with pytest.raises(InputError, match="no picture of this count is kept any more"):
        store.correct(name(9), 1, "anna", AT)


def test_uploaded_goes_first_then_random_unsure_mismatching_and_corrected(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, 6 * ENTRY_BYTES)
    fill(store, "mismatch", "unsure", "random", "mismatch", "unsure", "unsure")
    store.correct(name(2), 1, "anna", AT)
    mark_uploaded(store, 4)
    gone = []
    for number in range(7, 12):
        before = {*labels(tmp_path), *loose(tmp_path)}
        assert store.keep(count(number), jpeg(number, 2000), "mismatch") == name(number)
        gone += sorted(before - {*labels(tmp_path), *loose(tmp_path)})
        check_sound(tmp_path, 6 * ENTRY_BYTES)
    assert gone[:4] == [name(4), name(3), name(5), name(6)]
    assert gone[4] == name(1)
    assert labels(tmp_path) == {name(2): 1}


def test_a_corrected_picture_never_goes_for_one_without_a_label(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, 3 * ENTRY_BYTES)
    fill(store, "random", "random")
    for number in (1, 2):
        store.correct(name(number), number, "anna", AT)
    for number in range(3, 8):
        store.keep(count(number), jpeg(number, 2000), "mismatch")
    assert labels(tmp_path) == {name(1): 1, name(2): 2}


def test_a_random_picture_does_not_push_out_a_mismatching_one(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, 2 * ENTRY_BYTES)
    fill(store, "mismatch", "mismatch")
    with structlog.testing.capture_logs() as logs:
        assert [store.keep(count(n), jpeg(n, 2000), "random") for n in (3, 4)] == [None, None]
    assert loose(tmp_path) == names(1, 2)
    assert len(logs) == 1


def test_a_picture_larger_than_the_quota_pushes_nothing_out(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, 2 * ENTRY_BYTES)
    fill(store, "random")
    assert store.keep(count(2), jpeg(2, 9000), "mismatch") is None
    assert loose(tmp_path) == names(1)


def test_what_others_delete_makes_room(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path, 2 * ENTRY_BYTES)
    fill(store, "mismatch", "mismatch")
    (tmp_path / "unlabelled" / f"{name(2)}.jpg").unlink()
    assert store.keep(count(3), jpeg(3, 2000), "random") == name(3)
    assert loose(tmp_path) == names(1, 3)
    shutil.rmtree(tmp_path)
    assert store.keep(count(4), jpeg(4, 2000), "random") == name(4)
    assert loose(tmp_path) == names(4)
    assert store.read(name(1)) is None
    with pytest.raises(InputError, match="no picture"):
        store.correct(name(3), 1, "anna", AT)


def test_what_others_put_there_counts_and_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "unlabelled").mkdir()
    for stranger in ("notes.txt", "unlabelled/photo.jpg"):
        (tmp_path / stranger).write_bytes(b"x" * ENTRY_BYTES)
    store = EvidenceStore(tmp_path, 4 * ENTRY_BYTES)
    for number in range(1, 6):
        assert store.keep(count(number), jpeg(number, 2000), "unsure") == name(number)
        assert bytes_in(tmp_path) <= 4 * ENTRY_BYTES
    assert (tmp_path / "notes.txt").exists()
    assert (tmp_path / "unlabelled" / "photo.jpg").exists()


def test_a_smaller_quota_at_the_next_start_is_obeyed_at_once(tmp_path: Path) -> None:
    fill(EvidenceStore(tmp_path, PLENTY), "random", "mismatch", "unsure")
    store = EvidenceStore(tmp_path, ENTRY_BYTES)
    store.load()
    assert loose(tmp_path) == names(2)
    check_sound(tmp_path, ENTRY_BYTES)
    assert store.bytes_used >= bytes_in(tmp_path)


def test_a_full_disk_keeps_nothing_and_is_told_once(store: EvidenceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, "unsure")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, structlog.testing.capture_logs() as logs:
        patch.setattr(os, "fsync", full)
        assert [store.keep(count(n), jpeg(n), "unsure") for n in (2, 3)] == [None, None]
        with pytest.raises(UnavailableError, match="free space and correct again"):
            store.correct(name(1), 3, "anna", AT)
    assert len(logs) == 1
    assert loose(tmp_path) == names(1)
    assert labels(tmp_path) == {}
    check_sound(tmp_path, PLENTY)
    assert store.keep(count(4), jpeg(4), "unsure") == name(4)
    assert store.correct(name(1), 2, "anna", AT).previous is None
    assert labels(tmp_path) == {name(1): 2}


def test_without_any_room_a_correction_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no room for this correction within 500 bytes"):
        EvidenceStore(tmp_path, 500).correct(name(1), 3, "anna", AT, (count(1), jpeg(1)))
    assert bytes_in(tmp_path) == 0


def test_upload_marks_survive_a_restart_and_a_correction_takes_them_back(store: EvidenceStore, tmp_path: Path) -> None:
    fill(store, "unsure", "random")
    mark_uploaded(store, 1)
    again = EvidenceStore(tmp_path, PLENTY)
    assert again.waiting() == [name(2)]
    again.correct(name(1), 3, "anna", AT)
    assert again.waiting() == [name(1), name(2)]
    mark_uploaded(again, 1)
    assert EvidenceStore(tmp_path, PLENTY).waiting() == [name(2)]


def test_a_mark_for_an_older_label_is_none_for_the_newer(store: EvidenceStore) -> None:
    fill(store, "unsure")
    old = store.read(name(1))
    assert old is not None
    store.correct(name(1), 3, "anna", AT)
    store.uploaded(old.name, old.description)
    new = store.read(name(1))
    assert new is not None
    assert digest(new.description) != digest(old.description)
    assert store.waiting() == [name(1)]


def test_the_most_valuable_are_uploaded_first(store: EvidenceStore) -> None:
    fill(store, "random", "unsure", "mismatch", "random", "unsure")
    store.correct(name(4), 1, "anna", AT)
    assert store.waiting() == [name(4), name(3), name(2), name(5), name(1)]
