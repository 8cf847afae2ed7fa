"""Write rendered bins as a data set in ABID's own layout, and sequences as video with their truth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from bintally import abid
from bintally.errors import UnavailableError
from bintally.files import make_folder, write_atomically
from bintally.scenes._render import HEIGHT, WIDTH, render_scene, render_sequence
from bintally.scenes._types import Scene

_JPEG_QUALITY = 90


def write_scenes(out: Path, number: int, seed: int, first: int = 1, workers: int = 1) -> Iterator[Path]:
    """Render bins into ``out`` and yield each image's path as it is written.

    Image ``<id>`` depends on the seed and on its id alone, so a larger number adds to what is there.

    Args:
        out: folder; ``bin-images/`` and ``metadata/`` are made in it.
        number: how many.
        seed: of the whole set.
        first: id of the first image.
        workers: processes that render.

    Raises:
        UnavailableError: the folder cannot be written to.
    """
    make_folder(out / abid.IMAGES)
    make_folder(out / abid.METADATA)
    write = partial(_write_scene, out, seed)
    ids = range(first, first + number)
    if workers == 1:
        yield from map(write, ids)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(write, ids, chunksize=16)


def _write_scene(out: Path, seed: int, image_id: int) -> Path:
    scene = render_scene((seed, image_id))
    image = out / abid.IMAGES / f"{image_id:05}.jpg"
    ok, jpeg = cv2.imencode(".jpg", scene.frame, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    if not ok:
        raise UnavailableError(f"{image}: OpenCV could not encode the picture")
    part = image.with_suffix(".part")  # an agent may be watching the folder: an image appears whole, and after its truth
    try:
        abid.metadata_path(image).write_text(_metadata(scene, seed, image_id))
        part.write_bytes(jpeg.tobytes())
        part.replace(image)
    except OSError as error:
        raise UnavailableError(f"{image}: cannot be written ({error.strerror})") from error
    return image


def _metadata(scene: Scene, seed: int, image_id: int) -> str:
    counts = Counter(scene.articles)
    articles = {f"RENDERED-{seed}-{image_id:05}-{article}": number for article, number in sorted(counts.items())}
    return abid.metadata_json(scene.quantity, articles, {"RENDERED": {"seed": [seed, image_id], **scene.facts()}})


def write_sequence(out: Path, seed: int, frames_per_second: int = 10) -> tuple[Path, Path]:
    """Render a video of a bin in which a hand adds and takes items.

    Returns:
        ``sequence-<seed>.avi`` (Motion JPEG) and ``sequence-<seed>.jsonl``: for each frame its number and the quantity,
        null while a hand is in the bin.

    Raises:
        UnavailableError: the video cannot be written.
    """
    make_folder(out)
    video, truth = out / f"sequence-{seed}.avi", out / f"sequence-{seed}.jsonl"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), frames_per_second, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise UnavailableError(f"{video}: OpenCV cannot write this video here; is the folder writable?")
    lines = []
    try:
        for number, moment in enumerate(render_sequence(seed)):
            writer.write(moment.frame)
            lines.append(json.dumps({"frame": number, "quantity": moment.quantity}))
    finally:
        writer.release()
    write_atomically(truth, "\n".join(lines) + "\n")
    return video, truth
