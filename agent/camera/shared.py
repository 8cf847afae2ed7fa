"""The newest frame, in memory that the camera's process and the agent share.

Frames lie in slots of an unlinked file in memory (memfd), which vanishes with its last process. A slot is written and read
under a record lock of its own: the kernel frees the lock of a process that is killed, and orders the memory of two cores
on every machine, which a sequence number alone does not on ARM. The slot's number is 0 while it is written, so that what a
killed writer left half done is never read.

Source: POSIX.1-2017, fcntl(), record locks.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from bintally.errors import InputError
from bintally.frames import Frame

SLOTS = 3
SLOT_BYTES = 7680 * 4320 * 3
"""The largest frame, 8K; memory that no frame touched takes no space."""
_PAGE = 4096
_SIZE = _PAGE + SLOTS * SLOT_BYTES
_HEADER = struct.Struct("<QqqIIId")
_NUMBER = struct.Struct("<Q")
_HEADER_STRIDE = 64
_SAMPLE = 8


@dataclass(frozen=True)
class Header:
    """What is known of a frame.

    Attributes:
        number: grows with each frame; from 1.
        grabbed_ns: CLOCK_MONOTONIC, common to all processes, when it was grabbed.
        wall_ns: time of day then, nanoseconds since 1970.
        height: in pixels.
        width: in pixels.
        fingerprint: equal for identical pictures.
        brightness: mean of all channels, 0 to 255.
    """

    number: int
    grabbed_ns: int
    wall_ns: int
    height: int
    width: int
    fingerprint: int
    brightness: float

    @property
    def grabbed_at(self) -> float:
        """Monotonic seconds when it was grabbed."""
        return self.grabbed_ns / 1e9


class Ring:
    """A few slots for frames: one process writes, one other reads, and neither ever waits for the other.

    Record locks are a process's: writer and reader must not live in the same one, and no other thread may use this ring.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._memory = mmap.mmap(fd, _SIZE)
        self._last = 0

    @classmethod
    def create(cls) -> Ring:
        """Make an empty one; ``fileno`` is what another process opens it by."""
        fd = os.memfd_create("bintally-camera")
        os.ftruncate(fd, _SIZE)
        return cls(fd)

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        self._memory.close()
        os.close(self._fd)

    def write(self, number: int, grabbed_ns: int, wall_ns: int, frame: Frame) -> None:
        """Put a frame into the slot that was written longest ago and is not read at this moment.

        Raises:
            InputError: the frame is larger than a slot, or not uint8 [h, w, 3].
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not 0 < frame.nbytes <= SLOT_BYTES:
            raise InputError(f"its frames are {frame.dtype} {list(frame.shape)}; they must be 8-bit colour and at most 8K")
        for step in range(1, SLOTS + 1):
            slot = (self._last + step) % SLOTS
            if self._lock(slot, fcntl.LOCK_EX):
                break
        else:
            return
        try:
            self._fill(slot, number, grabbed_ns, wall_ns, frame)
        finally:
            self._unlock(slot)
        self._last = slot

    def _fill(self, slot: int, number: int, grabbed_ns: int, wall_ns: int, frame: Frame) -> None:
        at = slot * _HEADER_STRIDE
        _NUMBER.pack_into(self._memory, at, 0)
        height, width = frame.shape[:2]
        np.copyto(self._pixels(slot, height, width), frame)
        sample = np.ascontiguousarray(frame[::_SAMPLE, ::_SAMPLE])
        _HEADER.pack_into(self._memory, at, 0, grabbed_ns, wall_ns, height, width, zlib.crc32(sample.data), float(sample.mean()))
        _NUMBER.pack_into(self._memory, at, number)

    def newest(self) -> Header | None:
        """The newest frame that is complete."""
        found = [header for header in map(self._header, range(SLOTS)) if header is not None]
        return max(found, key=lambda header: header.number, default=None)

    def _header(self, slot: int) -> Header | None:
        if not self._lock(slot, fcntl.LOCK_SH):
            return None
        try:
            header = Header(*_HEADER.unpack_from(self._memory, slot * _HEADER_STRIDE))
        finally:
            self._unlock(slot)
        return header if header.number else None

    def read(self, wanted: Header) -> Frame | None:
        """A copy of a frame, uint8 [h, w, 3], or None where a newer one took its slot."""
        for slot in range(SLOTS):
            if not self._lock(slot, fcntl.LOCK_SH):
                continue
            try:
                (number,) = _NUMBER.unpack_from(self._memory, slot * _HEADER_STRIDE)
                if number == wanted.number:
                    return self._pixels(slot, wanted.height, wanted.width).copy()
            finally:
                self._unlock(slot)
        return None

    def _pixels(self, slot: int, height: int, width: int) -> Frame:
        return np.frombuffer(self._memory, np.uint8, height * width * 3, _PAGE + slot * SLOT_BYTES).reshape(height, width, 3)

    def _lock(self, slot: int, kind: int) -> bool:
        try:
            fcntl.lockf(self._fd, kind | fcntl.LOCK_NB, 1, slot)
        except BlockingIOError:
            return False
        return True

    def _unlock(self, slot: int) -> None:
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, slot)
