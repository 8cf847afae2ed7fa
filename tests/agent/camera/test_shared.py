"""Frames in memory that two processes share."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.camera.shared import SLOT_BYTES, Header, Ring
from bintally.errors import InputError
from tests.fakes.cameras import grey

_WRITER = """
import sys
import numpy as np
from agent.camera.shared import Ring
ring = Ring(int(sys.argv[1]))
sizes = [(1080, 1920), (720, 1280), (480, 640)]
for number in range(1, 100_000_000):
    height, width = sizes[number % 3]
    ring.write(number, number, 2 * number, np.full((height, width, 3), number % 251, np.uint8))
"""


@pytest.fixture
def ring() -> Iterator[Ring]:
    made = Ring.create()
    yield made
    made.close()


def _write(ring: Ring, number: int, frame: object) -> None:
    ring.write(number, 10 * number, 20 * number, frame)  # type: ignore[arg-type]


def _newest(ring: Ring) -> Header:
    header = ring.newest()
    assert header is not None
    return header


def test_the_newest_frame_comes_over_with_what_is_known_of_it(ring: Ring) -> None:
    assert ring.newest() is None
    for number, (height, width) in enumerate([(48, 64), (1080, 1920), (2, 3)], 1):
        _write(ring, number, grey(40 * number, height, width))
        header = _newest(ring)
        assert (header.number, header.grabbed_ns, header.wall_ns) == (number, 10 * number, 20 * number)
        assert (header.height, header.width, header.brightness) == (height, width, 40 * number)
        frame = ring.read(header)
        assert frame is not None
        assert np.array_equal(frame, grey(40 * number, height, width))


def test_a_frame_that_was_read_is_ones_own(ring: Ring) -> None:
    _write(ring, 1, grey(1))
    frame = ring.read(_newest(ring))
    for number in range(2, 9):
        _write(ring, number, grey(200))
    assert frame is not None
    assert (frame == 1).all()


def test_a_frame_whose_slot_was_taken_is_not_read(ring: Ring) -> None:
    _write(ring, 1, grey(1))
    old = _newest(ring)
    for number in range(2, 5):
        _write(ring, number, grey(number))
    assert ring.read(old) is None


def test_identical_pictures_and_only_these_have_one_fingerprint(ring: Ring) -> None:
    prints = []
    for number, value in enumerate([7, 7, 8], 1):
        _write(ring, number, grey(value))
        prints.append(_newest(ring).fingerprint)
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    "frame",
    [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3), np.uint16), np.zeros((0, 2, 3), np.uint8)],
)
def test_a_frame_of_another_form_is_refused(ring: Ring, frame: object) -> None:
    with pytest.raises(InputError, match="must be 8-bit colour and at most 8K"):
        _write(ring, 1, frame)
    assert ring.newest() is None


def test_a_frame_larger_than_a_slot_is_refused(ring: Ring) -> None:
    frame = np.broadcast_to(np.uint8(0), (1, SLOT_BYTES // 3 + 1, 3))
    with pytest.raises(InputError, match="at most 8K"):
        _write(ring, 1, frame)


def test_a_torn_frame_is_never_read_though_the_writer_is_killed_again_and_again() -> None:
    rng = np.random.default_rng(3)
    read = 0
    for _ in range(5):
        ring = Ring.create()
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(ring.fileno())], pass_fds=(ring.fileno(),))
        try:
            last = 0
            while ring.newest() is None:
                assert writer.poll() is None
                time.sleep(0.001)
            killed = False
            until = time.monotonic() + rng.uniform(0.05, 0.3)
            for _ in range(2000):
                if not killed and time.monotonic() > until:
                    writer.send_signal(signal.SIGKILL)
                    writer.wait()
                    killed = True
                header = ring.newest()
                if header is None:
                    assert not killed, "two of three slots are always complete"
                    continue
                assert header.number >= last or not killed
                frame = ring.read(header)
                if frame is not None:
                    read += 1
                    last = header.number
                    assert frame.shape[0] == [1080, 720, 480][header.number % 3]
                    assert header.grabbed_ns * 2 == header.wall_ns == header.number * 2
                    assert frame.min() == frame.max() == header.number % 251 == header.brightness
                if killed:
                    break
            assert killed
        finally:
            writer.kill()
            writer.wait()
            ring.close()
    assert read > 20


def test_the_memory_has_no_name_and_vanishes_with_its_processes(ring: Ring) -> None:
    assert "memfd:bintally-camera (deleted)" in str(Path(f"/proc/self/fd/{ring.fileno()}").readlink())
