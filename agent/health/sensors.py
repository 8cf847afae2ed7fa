"""What the device says of itself: temperature, throttling, disk, clock, memory; None where it cannot be told."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT = Path("/")
_CHIP = re.compile(r"cpu|gpu|soc|core|\btj\b|^cv\d|x86_pkg", re.IGNORECASE)
"""Thermal zones of the chips that compute. Others mislead: a Jetson Nano's PMIC-Die always says 100 °C."""
_SLOWS = re.compile(r"cpufreq|devfreq|throttle|balanced|^Processor$|^intel_powerclamp$", re.IGNORECASE)
"""Cooling devices that slow the device down; fans, backlights and Intel's TCC Offset are other ones."""
_PI_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
_PI_NOW = 0b1110
"""Of the Raspberry Pi's bits: frequency capped, throttled, soft temperature limit, each now."""
_PLAUSIBLE_C = (-40.0, 150.0)
_STA_UNSYNC, _TIME_ERROR = 0x40, 5


class Space(Protocol):
    """As much of ``os.statvfs_result`` as is looked at."""

    @property
    def f_bavail(self) -> int: ...
    @property
    def f_frsize(self) -> int: ...


StatVfs = Callable[[Path], Space]


@dataclass(frozen=True)
class Readings:
    """All sensors at one moment.

    Attributes:
        disk_free_bytes: where the state folder lies; 0 where that cannot be reached, as nothing can be written then.
        temperature_c: of the hottest CPU or GPU zone.
        throttled: whether the device slows down to keep cool.
        clock_synchronised: whether the kernel says that the clock is set.
        resident_bytes: of this process and its children.
    """

    disk_free_bytes: int
    temperature_c: float | None = None
    throttled: bool | None = None
    clock_synchronised: bool | None = None
    resident_bytes: int | None = None


def read_sensors(folder: Path, root: Path = ROOT) -> Readings:
    """Read all; ``folder`` is the state folder, ``root`` the file system's."""
    return Readings(
        disk_free_bytes=disk_free_bytes(folder),
        temperature_c=temperature_c(root),
        throttled=throttled(root),
        clock_synchronised=clock_synchronised(root),
        resident_bytes=resident_bytes(os.getpid(), root),
    )


def temperature_c(root: Path = ROOT) -> float | None:
    """The hottest thermal zone of a CPU or GPU.

    Source: Linux, Documentation/driver-api/thermal/sysfs-api.rst (``temp`` in thousandths of a degree).
    """
    found = []
    for zone in (root / "sys/class/thermal").glob("thermal_zone*"):
        value = _number(zone / "temp")  # a zone that is powered off, as cv0 of an Orin may be, answers with an error
        if value is not None and _CHIP.search(_text(zone / "type") or ""):
            found.append(value / 1000)
    return max((value for value in found if _PLAUSIBLE_C[0] <= value <= _PLAUSIBLE_C[1]), default=None)


def throttled(root: Path = ROOT) -> bool | None:
    """Whether the device slows down now.

    From the cooling devices that slow processors (Jetson's ``*-throttle-alert``, ``cpufreq`` and ``devfreq`` everywhere), and from
    a Raspberry Pi's firmware. The limits in cpufreq are no source: a Jetson's power mode lowers them for good.

    Source: Linux, sysfs-api.rst (``cur_state``); NVIDIA Jetson Linux Developer Guide, «Thermal Management»; Raspberry Pi, ``get_throttled``.
    """
    states = [
        state
        for device in (root / "sys/class/thermal").glob("cooling_device*")
        if _SLOWS.search(_text(device / "type") or "") and (state := _number(device / "cur_state")) is not None
    ]
    flags = _number(root / _PI_THROTTLED, 16)
    if not states and flags is None:
        return None
    return any(state > 0 for state in states) or bool((flags or 0) & _PI_NOW)


def disk_free_bytes(folder: Path, statvfs: StatVfs = os.statvfs) -> int:
    """Bytes that an ordinary user may still write in a folder; 0 where it cannot be reached."""
    try:
        space = statvfs(folder)
    except OSError:
        return 0
    return space.f_bavail * space.f_frsize


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def kernel_clock() -> bool | None:
    """Ask the kernel whether something keeps its clock right; None where it does not say, as in some containers.

    Source: adjtimex(2), STA_UNSYNC and TIME_ERROR.
    """
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):  # no Linux
        return None
    timex = _Timex()  # modes 0: only read
    state = adjtimex(ctypes.byref(timex))
    if state < 0:
        return None
    return state != _TIME_ERROR and not timex.status & _STA_UNSYNC


def clock_synchronised(root: Path = ROOT, ask: Callable[[], bool | None] = kernel_clock) -> bool | None:
    """Whether the clock is set: the kernel's word, and systemd-timesyncd's where the kernel gives none."""
    word = ask()
    if word is None and (root / "run/systemd/timesync").is_dir():
        return (root / "run/systemd/timesync/synchronized").exists()
    return word


def resident_bytes(pid: int, root: Path = ROOT) -> int | None:
    """Resident memory of a process and its children, as the camera's; None without a /proc.

    Source: proc(5), ``statm`` and ``task/[tid]/children`` (kernels without the latter give the process alone).
    """
    own = _resident(root / "proc" / str(pid))
    if own is None:
        return None
    children = {child for task in (root / "proc" / str(pid) / "task").glob("*") for child in (_text(task / "children") or "").split()}
    return own + sum(_resident(root / "proc" / child) or 0 for child in children)


def _resident(process: Path) -> int | None:
    fields = (_text(process / "statm") or "").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 and fields[1].isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(_text(path) or "", base)
    except ValueError:
        return None
