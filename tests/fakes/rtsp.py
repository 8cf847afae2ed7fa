"""A real RTSP server for tests: GStreamer's, run by the system's Python; its pictures never repeat and hold the time they were made.

Needs Debian's packages python3-gi, gir1.2-gst-rtsp-server-1.0, gir1.2-gst-plugins-base-1.0, gstreamer1.0-plugins-base,
gstreamer1.0-plugins-good and gstreamer1.0-plugins-ugly. Run as a program it serves until it is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

PYTHON = "/usr/bin/python3"
PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0 "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
)
_ELEMENTS = ("appsrc", "videoconvert", "x264enc", "rtph264pay", "jpegenc", "rtpjpegpay")
_ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 bitrate=2000 ! rtph264pay name=pay0 pt=96 config-interval=1",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}


CELL_PX = 16
"""Of the squares, black or white, that tell the time: two rows of 16, the highest bit first."""


def time_code(width: int) -> bytes:
    """The topmost rows of a grey picture: monotonic milliseconds in 32 bits; the width is 256 pixels at least."""
    bits = f"{int(time.monotonic() * 1000) % 2**32:032b}"
    rows = (b"".join((b"\xff" if bit == "1" else b"\0") * CELL_PX for bit in half).ljust(width, b"\x80") for half in (bits[:16], bits[16:]))
    return b"".join(row * CELL_PX for row in rows)


def require_rtsp_server() -> None:
    """Skip the test where the server is not installed, or fail it where BINTALLY_REQUIRE_ALL is set."""
    try:
        probe = subprocess.run([PYTHON, __file__, "probe"], capture_output=True, text=True, timeout=60, check=False)
        said = probe.stderr.strip().splitlines()[-1:] if probe.returncode else None
    except (OSError, subprocess.TimeoutExpired) as error:
        said = [str(error)]
    if said is None:
        return
    import pytest  # not at the top: the system's Python that runs this file has none

    if os.environ.get("BINTALLY_REQUIRE_ALL"):
        pytest.fail(f"no RTSP server ({said}); install {PACKAGES}")
    pytest.skip(f"no RTSP server ({said}); install {PACKAGES}")


def rtsp_command(port: int, codec: str = "h264", size: str = "640x480", frames_per_s: int = 15) -> tuple[str, ...]:
    """The command that serves ``rtsp://127.0.0.1:{port}/bin``; it says ``ready`` when it listens."""
    return (PYTHON, __file__, "serve", str(port), codec, size, str(frames_per_s))


def _probe() -> Any:
    import gi  # type: ignore[import-not-found,unused-ignore]

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import Gst  # type: ignore[import-not-found,unused-ignore]

    Gst.init(None)
    missing = [name for name in _ELEMENTS if Gst.ElementFactory.find(name) is None]
    if missing:
        sys.exit(f"GStreamer lacks {', '.join(missing)}")
    return Gst


def _film(gst: Any, glib: Any, media: Any, width: int, height: int, frames_per_s: int) -> None:
    camera = media.get_element().get_by_name("camera")
    still = (b"\x50" * 8 + b"\x90" * 8) * (width // 16 * (height - 4 * CELL_PX))  # stripes, as something to see

    def show() -> bool:
        noise = os.urandom(width * 2 * CELL_PX)
        return bool(camera.emit("push-buffer", gst.Buffer.new_wrapped(time_code(width) + noise + still)) == gst.FlowReturn.OK)

    glib.timeout_add(1000 // frames_per_s, show)


def _serve(port: str, codec: str, size: str, frames_per_s: str) -> None:
    gst = _probe()
    from gi.repository import GLib, GstRtspServer

    width, height = (int(side) for side in size.split("x"))
    picture = f"video/x-raw,format=GRAY8,width={width},height={height},framerate={frames_per_s}/1"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( appsrc name=camera is-live=true do-timestamp=true format=time max-buffers=2 leaky-type=downstream caps={picture} "
        f"! videoconvert ! video/x-raw,format=I420 ! {_ENCODERS[codec]} )"
    )
    factory.set_shared(True)
    factory.connect("media-configure", lambda _, media: _film(gst, GLib, media, width, height, int(frames_per_s)))
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    server.get_mount_points().add_factory("/bin", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        _probe()
    else:
        _serve(*sys.argv[2:])
