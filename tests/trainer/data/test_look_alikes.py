"""Look-alikes: the same picture is found however it is stored, other pictures are not, and it agrees with a plain search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from bintally import abid
from bintally.frames import Frame, decode_frame
from tests.trainer.folders import write_bin
from trainer.data import look_alikes
from trainer.data.look_alikes import MAX_DISTANCE, MIN_CORRELATION, Thumbnail, find_look_alikes, perceptual_hash, thumbnail
from trainer.data.scan import Plan, scan, survey
from trainer.data.split import Link, group


def picture(seed: int, side: int = 160) -> Frame:
    """Coarse patches, as unlike each other as two bins."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return cv2.resize(coarse, (side * 3 // 2, side), interpolation=cv2.INTER_CUBIC)


def noisy(frame: Frame) -> Frame:
    return np.clip(frame + np.random.default_rng(1).normal(0, 10, frame.shape), 0, 255).astype(np.uint8)


def stored_anew(frame: Frame, quality: int) -> Frame:
    return decode_frame(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes(), "stored anew")


def pairs(frames: Sequence[Frame], empty: Sequence[int] = ()) -> list[tuple[int, int]]:
    found = find_look_alikes(np.stack([thumbnail(frame) for frame in frames]), np.isin(np.arange(len(frames)), empty))
    return [(pair.one, pair.other) for pair in found]


def plain_distance(one: Thumbnail, other: Thumbnail) -> int:
    return sum(a != b for a, b in zip(perceptual_hash(one), perceptual_hash(other), strict=True))


def plain_groups(thumbnails: Sequence[Thumbnail]) -> dict[str, str]:
    """The reference: every pair by itself, with numpy's own correlation."""
    alike = [
        (one, other)
        for one, other in combinations(range(len(thumbnails)), 2)
        if plain_distance(thumbnails[one], thumbnails[other]) <= MAX_DISTANCE
        and np.corrcoef(thumbnails[one].ravel(), thumbnails[other].ravel())[0, 1] >= MIN_CORRELATION
    ]
    links = [Link(f"{one:03}", f"{other:03}", "") for one, other in alike]
    return group((f"{i:03}" for i in range(len(thumbnails))), links)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.copy(),
        lambda frame: stored_anew(frame, 40),
        lambda frame: cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        lambda frame: cv2.resize(frame, (224, 224)),
        lambda frame: np.clip(frame * 1.2, 0, 255).astype(np.uint8),
        noisy,
    ],
    ids=["copy", "jpeg", "half", "squashed", "brighter", "noise"],
)
def test_the_same_picture_is_found_however_it_is_stored(change: Callable[[Frame], Frame]) -> None:
    frames = [picture(seed) for seed in range(12)]
    assert pairs([*frames, change(frames[5])]) == [(5, 12)]


def test_other_pictures_are_not_joined() -> None:
    assert pairs([picture(seed) for seed in range(60)]) == []


def test_a_mirrored_picture_is_another_one() -> None:
    assert pairs([picture(3), picture(3)[:, ::-1]]) == []


def test_two_empty_bins_are_no_pair_but_an_empty_one_and_a_full_one_are() -> None:
    frames = [picture(8), noisy(picture(8))]
    assert pairs(frames, empty=[0, 1]) == []
    assert pairs(frames, empty=[0]) == [(0, 1)]


def test_pictures_of_a_single_tone_are_like_no_other() -> None:
    dark, light = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    assert pairs([dark, dark, light, light, picture(1)]) == []


def test_the_hash_is_half_ones_and_ignores_brightness_and_contrast() -> None:
    one = thumbnail(picture(2))
    assert perceptual_hash(one).sum() == 32
    assert plain_distance(one, (one // 2 + 40).astype(np.uint8)) <= 2


def test_the_measures_of_a_pair_are_those_of_a_plain_computation() -> None:
    one, other = thumbnail(picture(4)), thumbnail(noisy(picture(4)))
    (pair,) = find_look_alikes(np.stack([one, other]), np.zeros(2, bool))
    assert pair.distance == plain_distance(one, other)
    assert pair.correlation == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1], abs=1e-4)


@pytest.fixture(scope="module")
def drifting() -> list[Thumbnail]:
    """Frames that drift from one picture to the next: long chains, of which the ends are no pair."""
    shares = np.random.default_rng(9).permutation(np.linspace(0, 3, 60))
    return [thumbnail(cv2.addWeighted(picture(int(s)), 1 - s % 1, picture(int(s) + 1), s % 1, 0)) for s in shares]


@pytest.fixture(scope="module")
def drifting_groups(drifting: list[Thumbnail]) -> dict[str, str]:
    return plain_groups(drifting)


@pytest.mark.parametrize("tile", [1, 7, 64])
def test_a_search_in_tiles_finds_the_groups_of_a_plain_search(
    tile: int, drifting: list[Thumbnail], drifting_groups: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_alikes, "_TILE", tile)
    found = find_look_alikes(np.stack(drifting), np.zeros(len(drifting), bool))
    groups = group(drifting_groups, [Link(f"{pair.one:03}", f"{pair.other:03}", "") for pair in found])
    assert groups == drifting_groups
    assert len(found) == len(groups) - len(set(groups.values())) > 20


def write_copies(folder: Path, quantity: int) -> None:
    """Twenty other bins, and one photograph under two ids that share no article."""
    for i in range(20):
        write_bin(folder, f"{i:05}", i % 7, [f"ASIN-{i}"])
    twin = write_bin(folder, "copy", quantity, ["B-other"])
    twin.write_bytes((folder / abid.IMAGES / "00003.jpg").read_bytes())


def test_a_copy_under_another_id_stays_in_the_part_of_its_original(tmp_path: Path) -> None:
    write_copies(tmp_path, 5)
    for seed in range(10):
        found = {example.image_id: example for example in scan(tmp_path, seed).examples}
        assert found["copy"].group == found["00003"].group == "00003"
        assert found["copy"].part == found["00003"].part


def test_look_alikes_can_be_left_apart(tmp_path: Path) -> None:
    write_copies(tmp_path, 5)
    found = survey(tmp_path, Plan(join_look_alikes=False))
    assert found.look_alikes == ()
    assert len({example.group for example in found.data.examples}) == 21
