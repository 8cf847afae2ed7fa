"""Does the camera give pictures?"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from agent.camera.kind import kind_of, shown
from agent.doctor.finding import Finding
from agent.doctor.machine import has_gstreamer
from agent.settings import AgentSettings
from bintally.errors import BintallyError, UnavailableError

NAME = "camera"
_ALL_S, _CONNECT_S = 9.5, 2.0
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmp": 1935}
_DARK = 8.0
"""Mean brightness below which a picture shows nothing."""
_ANY_CAMERA = Path("/dev")


def check_camera(settings: AgentSettings) -> Finding:
    """Open the source as the agent would, and look at its frames."""
    source, deadline = settings.source, time.monotonic() + _ALL_S
    if Path(source).is_dir():
        return _folder(source)
    kind = kind_of(source)
    if kind == "device":
        held = check_device(source)
        if held is not None:
            return held
    if kind == "url":
        check_address(source)
    if kind == "recording" and not Path(source).is_file():
        raise UnavailableError(f"{source}: no such file or folder; give a camera index, URL, pipeline with '!', video file or folder")
    if kind == "pipeline" and not has_gstreamer():
        return Finding(NAME, "skipped", "the pipeline needs GStreamer, see there")
    return judge(source, probe(source, deadline - time.monotonic()))


def check_device(number: str, dev: Path = _ANY_CAMERA, proc: Path = Path("/proc")) -> Finding | None:
    """Look at a V4L2 device without disturbing who uses it.

    Returns:
        A finding where a running agent has it, so that it is not to be tried; else None.

    Raises:
        UnavailableError: it is not there, is not ours to use, or another program has it.
    """
    device = dev / f"video{number}"
    if not device.exists():
        others = sorted(path.name.removeprefix("video") for path in dev.glob("video*") if path.name[5:].isdigit())
        there = f"there are {', '.join(others)}" if others else "there is no camera at all"
        raise UnavailableError(f"{device} is not here, {there}; check the cable, or give --source the right number")
    if not os.access(device, os.R_OK | os.W_OK):
        raise UnavailableError(
            f"{device} may not be opened by this user; add the user to the group video ('usermod -aG video <user>') and log in again"
        )
    for pid, command in holders(device, proc):
        if "agent.camera" in command or "bintally" in command:
            return Finding(NAME, "ok", f"{device} is in use by the running agent (process {pid}); its page tells how it does")
        raise UnavailableError(f"{device} is in use by process {pid} ({command[:80]}); stop that program")
    return None


def holders(device: Path, proc: Path = Path("/proc")) -> list[tuple[int, str]]:
    """Processes that have a device open, with their command lines; of other users' processes only root sees it."""
    found = []
    for process in proc.glob("[0-9]*"):
        try:
            if any(entry.readlink() == device for entry in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found.append((int(process.name), command))
        except OSError:  # it ended, or it is another user's
            continue
    return found


def check_address(url: str) -> None:
    """See whether a camera's host answers; an RTSP server is asked for the stream, too.

    Raises:
        UnavailableError: it does not, or asks for a password, or has no such stream.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise UnavailableError(f"{shown(url)}: the port is wrong; it must be from 1 to 65535") from error
    if not parts.hostname or port is None:
        return
    try:
        with socket.create_connection((parts.hostname, port), _CONNECT_S) as connection:
            answer = _describe(connection, parts) if parts.scheme == "rtsp" else ""
    except socket.gaierror as error:
        raise UnavailableError(
            f"the name {parts.hostname} cannot be resolved ({error.strerror}); check the name and this device's DNS"
        ) from error
    except OSError as error:
        reason = error.strerror or "no answer"
        raise UnavailableError(
            f"{parts.hostname} port {port}: {reason}; check that the camera is on, its cable, its address and port"
        ) from error
    _judge_rtsp(url, answer)


def _describe(connection: socket.socket, parts: SplitResult) -> str:
    """The first line of the answer to DESCRIBE (RFC 2326, section 10.2)."""
    plain = parts._replace(netloc=(parts.netloc.rpartition("@")[2])).geturl()
    connection.settimeout(_CONNECT_S)
    connection.sendall(f"DESCRIBE {plain} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n".encode())
    return connection.recv(4096).decode(errors="replace").partition("\r\n")[0]


def _judge_rtsp(url: str, answer: str) -> None:
    status = re.match(r"RTSP/1\.\d (\d{3})", answer)
    if status is None:
        return
    if status[1] == "401" and not urlsplit(url).username:
        raise UnavailableError(f"{shown(url)}: the camera asks for a password; write it into --source as rtsp://user:password@host/…")
    if status[1] == "404":
        raise UnavailableError(f"{shown(url)}: the camera has no stream of this name; look its path up in the camera's manual")


def probe(source: str, limit_s: float = _ALL_S) -> dict[str, Any]:
    """Try a source in a child process, as ``agent.doctor.probe`` does.

    Args:
        source: as the settings name it.
        limit_s: afterwards the process is killed.

    Raises:
        UnavailableError: it hangs, or the process dies.
    """
    environment = {**os.environ, "OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
    if source.startswith("rtsp"):
        environment.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    try:
        child = subprocess.run(
            [sys.executable, "-m", "agent.doctor.probe"],
            input=json.dumps(source) + "\n",
            capture_output=True,
            text=True,
            timeout=limit_s,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            f"camera {shown(source)} hangs: no picture within {limit_s:.0f} s; unplug it and plug it in again, or restart it"
        ) from error
    try:
        found: dict[str, Any] = json.loads(child.stdout)
    except ValueError as error:
        reason = (child.stderr.strip().splitlines() or [f"exit code {child.returncode}"])[-1][:200]
        raise UnavailableError(f"camera {shown(source)}: OpenCV broke on it ({reason}); try another driver or pipeline") from error
    return found


def judge(source: str, found: dict[str, Any]) -> Finding:
    """Say what a probe's figures mean."""
    if not found:
        return Finding(NAME, "failed", f"{shown(source)} opens no stream of pictures", _ADVICE[kind_of(source)])
    if not found["frames_per_s"]:
        return Finding(
            NAME, "failed", f"{shown(source)} opens but gives no picture", "Restart the camera, and see that nothing else uses it"
        )
    text = f"{shown(source)}: {found['width']}×{found['height']}, {found['frames_per_s']:.3g} frames a second"
    if found["brightness"] < _DARK:
        return Finding(NAME, "warning", f"{text}, but the picture is black", "Take off the lens cap or switch on the light")
    return Finding(NAME, "ok", text)


_ADVICE = {
    "device": "Check the cable and that it is a camera ('v4l2-ctl --list-devices'): some /dev/video numbers are not for pictures",
    "url": "Check user, password and path in --source by opening the same address in VLC or ffplay",
    "pipeline": "Run the pipeline with gst-launch-1.0 (fakesink in place of appsink) and see what it says",
    "recording": "Convert the video to H.264 or MJPG: OpenCV cannot read this one",
}


def _folder(source: str) -> Finding:
    from agent.camera.sources import IMAGE_SUFFIXES
    from bintally.frames import read_frame

    images = [path for path in sorted(Path(source).iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise UnavailableError(f"{source}: no image in this folder; put JPEG or PNG files into it, or name another")
    try:
        height, width = read_frame(images[0]).shape[:2]
    except BintallyError as error:
        return Finding(
            NAME, "warning", f"{len(images)} images in a folder, but the first: {error}", "Images that cannot be read are passed over"
        )
    return Finding(NAME, "ok", f"{len(images)} images in a folder, the first {width}×{height}")
