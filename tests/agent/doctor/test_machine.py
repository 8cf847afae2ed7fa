"""The machine, the model, the page's port and the evidence's server."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import pytest

from agent.doctor.finding import Finding
from agent.doctor.machine import check_clock, check_gstreamer, check_processor, check_providers
from agent.doctor.model import check_model
from agent.doctor.web import check_evidence, check_page
from agent.settings import AgentSettings
from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from tests.conftest import free_port
from tests.fakes.bundle import repack

NOW = datetime(2027, 3, 4, 5, 6, 7, tzinfo=timezone.utc)


def settings(**given: object) -> AgentSettings:
    return AgentSettings(**{"source": "0", "threads": 1, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "synchronised", "status"),
    [(NOW, True, "ok"), (NOW, False, "warning"), (datetime(1970, 1, 1, 0, 3, tzinfo=timezone.utc), True, "failed")],
)
def test_a_clock_that_is_wrong_or_not_kept(now: datetime, synchronised: bool, status: str) -> None:
    finding = check_clock(settings(), now, synchronised)
    assert (finding.status, bool(finding.advice)) == (status, status != "ok")
    assert f"{now:%Y-%m-%d %H:%M:%S} UTC" in finding.text


def test_gstreamer_is_needed_by_pipelines_only() -> None:
    assert check_gstreamer(settings()).status == "skipped"
    has = "GStreamer:                   YES" in cv2.getBuildInformation()
    finding = check_gstreamer(settings(source="nvarguscamerasrc ! appsink"))
    assert (finding.status, bool(finding.advice)) == (("ok", False) if has else ("failed", True))


def test_a_preferred_provider_that_is_missing_is_a_warning_and_a_needed_one_a_fault() -> None:
    import onnxruntime as ort

    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this machine has CUDA")
    assert check_providers(settings(providers="cpu")).status == "ok"
    warned = check_providers(settings(providers="cuda,cpu"))
    assert (warned.status, "counting with cpu" in warned.text, "cuda" in warned.advice) == ("warning", True, True)
    assert check_providers(settings(providers="cuda")).status == "failed"


def test_more_threads_than_cores_are_a_warning() -> None:
    cores = len(os.sched_getaffinity(0))
    assert check_processor(settings(threads=cores)).status == "ok"
    assert check_processor(settings(threads=min(256, cores + 1))).status == "warning"


def test_a_processor_that_is_too_hot_is_a_warning(tmp_path: Path) -> None:
    for name, files in {
        "thermal_zone0": {"type": "cpu-thermal", "temp": "96500"},
        "cooling_device0": {"type": "cpufreq-cpu0", "cur_state": "2"},
    }.items():
        (tmp_path / "sys/class/thermal" / name).mkdir(parents=True)
        for file, content in files.items():
            (tmp_path / "sys/class/thermal" / name / file).write_text(content)
    finding = check_processor(settings(), tmp_path)
    assert (finding.status, ", 96 °C: " in finding.text, "slows down" in finding.text) == ("warning", True, True)


def test_a_bundle_is_opened_proven_and_timed(tiny_bundle: Path) -> None:
    finding = check_model(settings(bundle=tiny_bundle))
    assert finding.status == "ok"
    assert "grey-counter 1.2.3 for any CPU: golden answers right" in finding.text
    assert "ms a frame with CPU" in finding.text


def test_a_station_with_tensorrt_is_told_that_its_engine_is_not_built_yet(tiny_bundle: Path, tmp_path: Path) -> None:
    finding = check_model(settings(bundle=tiny_bundle, providers="tensorrt,cpu", state_dir=tmp_path))
    assert (finding.status, "no TensorRT engine yet" in finding.text) == ("warning", True)


def test_a_damaged_bundle_or_one_that_counts_otherwise_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(tiny_bundle.read_bytes()[:-700])
    with pytest.raises(InputError):
        check_model(settings(bundle=path))
    path.write_bytes(repack(tiny_bundle.read_bytes(), lambda fields: fields["golden"][0]["probabilities"].reverse()))
    with pytest.raises(InputError, match="answers differ"):
        check_model(settings(bundle=path))


def test_a_page_is_let_in_only_where_it_may_listen(tmp_path: Path) -> None:
    assert check_page(settings()).status == "skipped"
    assert check_page(settings(page=f"127.0.0.1:{free_port()}")).status == "ok"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match="Address already in use"):
            check_page(settings(page=f"127.0.0.1:{port}", state_dir=tmp_path))
    with pytest.raises(UsageError):
        check_page(settings(page=f"0.0.0.0:{free_port()}"))
    with pytest.raises(UnavailableError, match="cannot listen there"):
        check_page(settings(page=f"[fe80::1]:{free_port()}", page_token_file=_token(tmp_path)))
    with pytest.raises(UsageError):
        check_page(settings(page="8480"))


def _token(folder: Path) -> Path:
    path = folder / "token"
    path.write_text("0123456789abcdef0123\n")
    path.chmod(0o600)
    return path


class _Uploads(http.server.BaseHTTPRequestHandler):
    """Takes one token, has no folder of that name, and is ill on one path."""

    def do_HEAD(self) -> None:
        right = self.headers.get("Authorization") == "Bearer 0123456789abcdef0123"
        self.send_response(401 if not right else 503 if self.path == "/ill" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def uploads() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Uploads) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_evidences_server_is_asked_with_the_token(uploads: str, tmp_path: Path) -> None:
    token = _token(tmp_path)

    def look(url: str | None, token: Path | None = token) -> Finding | str:
        try:
            return check_evidence(settings(evidence_url=url, evidence_token_file=token))
        except BintallyError as error:
            return str(error)

    assert look(None) == Finding("evidence", "skipped", "frames of doubtful counts stay here: no --evidence-url is set")
    assert look(f"{uploads}/kept") == Finding("evidence", "ok", f"{uploads}/kept: reachable with the token")
    ill = look(f"{uploads}/ill")
    assert isinstance(ill, Finding)
    assert ill.status == "warning"
    assert "does not take the token" in str(look(f"{uploads}/kept", None))
    assert "the token cannot be read" in str(look(uploads, tmp_path / "gone"))
    assert "no answer" in str(look(f"http://127.0.0.1:{free_port()}/"))
    assert "is not known here" in str(look("http://uploads.invalid/"))
    for wrong in ("ftp://host/", "nonsense", "http://[", "http://host:port/"):
        assert "must look like https://host/folder" in str(look(wrong))
