"""Rendered bins: their truth is exact, and it takes counting to find it."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from bintally import abid
from bintally.errors import UnavailableError
from bintally.scenes import HEIGHT, MAX_QUANTITY, WIDTH, render_scene, render_sequence, write_scenes, write_sequence
from bintally.scenes._camera import mark_rendered
from bintally.scenes._filling import MIN_VISIBLE
from tests.fakes.programs import BINTALLY, Start


def test_the_same_seed_gives_the_same_picture() -> None:
    one, same, other = (render_scene(seed) for seed in (3, 3, 4))
    assert (one.frame == same.frame).all()
    assert one.facts() == same.facts()
    assert (one.frame != other.frame).any()


@pytest.mark.parametrize("quantity", range(MAX_QUANTITY + 1))
def test_a_bin_holds_exactly_what_was_asked_for(quantity: int) -> None:
    for seed in range(3):
        scene = render_scene((seed, quantity), quantity)
        assert scene.frame.shape == (HEIGHT, WIDTH, 3)
        assert scene.frame.dtype == np.uint8
        assert scene.quantity == len(scene.articles) == len(scene.item_kinds) == len(scene.visible) == quantity
        assert all(MIN_VISIBLE <= share <= 1 for share in scene.visible)
        assert (scene.foreground > 0) == (quantity > 0)


@pytest.mark.parametrize("quantity", [-1, MAX_QUANTITY + 1])
def test_a_quantity_that_no_bin_holds_is_refused(quantity: int) -> None:
    with pytest.raises(ValueError, match="a rendered bin holds 0 to 12 items"):
        render_scene(1, quantity)


def test_seven_classes_are_drawn_evenly() -> None:
    for seed in range(30):
        drawn = int(np.random.default_rng(seed).integers(0, 7))
        assert min(6, render_scene(seed).quantity) == drawn


def test_all_kinds_of_bins_and_items_occur() -> None:
    scenes = [render_scene((7, seed), 5) for seed in range(30)]
    assert {scene.bin_kind for scene in scenes} == {"fabric", "shelf"}
    assert {kind for scene in scenes for kind in scene.item_kinds} == {"box", "book", "bag", "bottle"}
    assert any(len(set(scene.articles)) < 5 for scene in scenes)
    assert any(min(scene.visible) < 0.7 for scene in scenes)


def test_every_picture_says_that_it_is_rendered() -> None:
    frames = [render_scene(seed).frame for seed in range(6)] + [moment.frame for moment in render_sequence(1, changes=1, rest_frames=1)]
    black, white = np.zeros_like(frames[0]), np.full_like(frames[0], 255)
    mark_rendered(black)
    mark_rendered(white)
    solid = (black == white).all(axis=2)
    assert solid.sum() > 50
    for frame in frames:
        assert (frame[solid] == black[solid]).all(), "the mark is on top of everything else"


def test_a_data_set_has_abids_layout_and_its_metadata_adds_up(bin_photos: Path) -> None:
    images = abid.image_paths(bin_photos)
    assert [image.name for image in images] == [f"{number:05}.jpg" for number in range(1, 7)]
    for number, image in enumerate(images, 1):
        scene = render_scene((5, number))
        content = json.loads(abid.metadata_path(image).read_text())
        assert content["EXPECTED_QUANTITY"] == scene.quantity == abid.read_metadata(abid.metadata_path(image)).quantity
        assert sum(entry["quantity"] for entry in content["BIN_FCSKU_DATA"].values()) == scene.quantity
        assert len(content["BIN_FCSKU_DATA"]) == len(set(scene.articles))
        assert content["RENDERED"]["seed"] == [5, number]
        read = cv2.imread(str(image))
        assert read is not None
        assert np.abs(read.astype(int) - scene.frame).mean() < 12


def test_a_larger_data_set_only_adds(bin_photos: Path, tmp_path: Path) -> None:
    list(write_scenes(tmp_path, 2, seed=5, first=2, workers=2))
    for image in abid.image_paths(tmp_path):
        assert image.read_bytes() == (bin_photos / abid.IMAGES / image.name).read_bytes()
    assert {path.suffix for path in (tmp_path / abid.IMAGES).iterdir()} == {".jpg"}


def test_a_file_in_the_way_of_a_data_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "bin-images").touch()
    with pytest.raises(UnavailableError, match="bin-images: cannot make this folder"):
        next(write_scenes(tmp_path, 1, seed=1))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hand_changes_the_quantity_by_one_and_hides_the_truth_meanwhile(seed: int) -> None:
    changes, rest, reach = 4, 2, 2
    moments = list(render_sequence(seed, changes, rest, reach))
    assert len(moments) == changes * (rest + 2 * reach) + rest
    rests = []
    for start in range(0, len(moments), rest + 2 * reach):
        truths = {moment.quantity for moment in moments[start : start + rest]}
        assert len(truths) == 1
        rests.append(truths.pop())
        assert all(moment.quantity is None for moment in moments[start + rest : start + rest + 2 * reach])
    quantities = [quantity for quantity in rests if quantity is not None]
    assert len(quantities) == changes + 1
    assert all(abs(after - before) == 1 for before, after in pairwise(quantities))


def test_a_sequence_is_written_with_a_line_of_truth_a_frame(tmp_path: Path) -> None:
    video, truth = write_sequence(tmp_path, seed=1)
    capture = cv2.VideoCapture(str(video))
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    frames = 0
    while capture.grab():
        frames += 1
    capture.release()
    assert frames == len(lines) > 100
    assert [line["frame"] for line in lines] == list(range(frames))
    assert {line["quantity"] is None for line in lines} == {True, False}


def test_the_command_writes_what_the_function_writes(bin_photos: Path, tmp_path: Path, start: Start) -> None:
    program = start(*BINTALLY, "scenes", "--out", str(tmp_path / "out"), "--number", "2", "--seed", "5", "--workers", "1")
    assert program.wait() == 0, program.stderr
    for image in abid.image_paths(tmp_path / "out"):
        assert image.read_bytes() == (bin_photos / abid.IMAGES / image.name).read_bytes()


def _features(seed: int) -> tuple[float, float, int]:
    scene = render_scene((99, seed), seed % 6)
    edges = cv2.Canny(cv2.cvtColor(scene.frame, cv2.COLOR_BGR2GRAY), 80, 160)
    return scene.foreground, float((edges > 0).mean()), scene.quantity


def test_area_and_edges_do_not_tell_the_count() -> None:
    """A regression that knows the true foreground area, and the density of edges, stays under one half on 0 to 5 items."""
    with ProcessPoolExecutor(2) as pool:
        rows = np.array(list(pool.map(_features, range(600), chunksize=25)))
    area, edges, quantity = rows.T
    known = np.stack((np.ones_like(area), area, edges, area**2, edges**2, area * edges), 1)
    weights, *_ = np.linalg.lstsq(known[:400], quantity[:400], rcond=None)
    guessed = np.clip(np.rint(known[400:] @ weights), 0, 5)
    accuracy = float((guessed == quantity[400:]).mean())
    assert accuracy < 0.5
    assert accuracy > 1 / 6, "the regression works at all"
