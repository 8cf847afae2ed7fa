"""The server as a child process, asked over HTTP."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bintally.errors import InputError
from bintally.messages import CountData
from deploy.cloud.endpoint.counter import the_bundle_in
from deploy.serving import listen
from tests.conftest import free_port
from tests.deploy.cloud.endpoint.asking import (
    JPEG,
    JSON,
    PNG,
    Request,
    ask,
    batch,
    grey_file,
    half_sent,
    invoke,
    jpeg_of,
    many_scans,
    png_of,
    wait_ready,
)
from tests.deploy.cloud.endpoint.conftest import MAX_BODY_BYTES, MAX_IMAGES, MAX_REQUESTS, Server, serving
from tests.fakes.programs import Start, wait_until

COUNT = ("counted", "at_least", "unsure")


def test_ping_names_the_counter(port: int, tiny_bundle: Path) -> None:
    answer = ask(port, "GET", "/ping")
    assert answer.status == 200
    assert (answer.body["name"], answer.body["version"]) == ("grey-counter", "1.2.3")
    assert answer.body["digest"] == hashlib.sha256(tiny_bundle.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", [JPEG, PNG, "Image/JPEG; q=1"])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_gets_one_answer(port: int, kind: str, suffix: str) -> None:
    answer = invoke(port, grey_file(4, suffix), kind)
    assert answer.status == 200
    assert answer.headers["content-type"] == JSON
    assert [answer.body[name] for name in COUNT] == [4, None, False]
    assert answer.body["confidence"] == max(answer.body["probabilities"]) > 0.9
    assert sum(answer.body["probabilities"]) == pytest.approx(1, abs=1e-3)


def test_a_batch_gets_a_list_in_its_order(port: int) -> None:
    answer = invoke(port, batch(grey_file(0), grey_file(2.5), grey_file(6, ".png"), grey_file(1, side=100)), JSON)
    assert [[one[name] for name in COUNT] for one in answer.body] == [
        [0, None, False],
        [None, None, True],
        [None, 6, False],
        [1, None, False],
    ]


def test_a_batch_of_one_is_a_list(port: int) -> None:
    assert [one["counted"] for one in invoke(port, batch(grey_file(5)), f"{JSON}; charset=utf-8").body] == [5]


def test_an_answer_says_what_a_stations_event_says(port: int) -> None:
    answer = invoke(port, grey_file(3)).body
    data = CountData.model_validate({**answer, "taken_at": "2026-11-21T10:00:00Z"})
    assert set(answer) == {name for name, field in CountData.model_fields.items() if field.is_required()} - {"taken_at"}
    assert data.counted == 3


REFUSED = {
    "nothing": (b"", JPEG, 400, "the image: is empty"),
    "text": (b"no image at all", JPEG, 400, "the image: no JPEG or PNG"),
    "half a jpeg": (grey_file(1, side=400)[:-300], JPEG, 400, "ends early"),
    "a json as an image": (batch(grey_file(1)), JPEG, 400, "no JPEG or PNG"),
    "a png bomb": (png_of(50_000, 50_000), PNG, 422, "50000×50000 pixels; at most 1,000,000"),
    "a jpeg bomb": (jpeg_of(60_000, 60_000), JPEG, 422, "60000×60000 pixels"),
    "endless scans": (many_scans(150), JPEG, 422, "more than 100 scans"),
    "a bomb in a batch": (batch(grey_file(1), png_of(50_000, 50_000)), JSON, 422, "images[1]: 50000×50000 pixels"),
    "no image in a batch": (batch(grey_file(1), b"text", grey_file(1)), JSON, 400, "images[1]: no JPEG or PNG"),
    "an empty image in a batch": (batch(grey_file(1), b""), JSON, 400, "images[1]: is empty"),
    "no base64": (b'{"images": ["", "%%%"]}', JSON, 400, "images[1]: no base64"),
    "base64 that is not ascii": ('{"images": ["é"]}'.encode(), JSON, 400, "images[0]: no base64"),
    "no json": (b'{"images": [', JSON, 400, "the body is no JSON"),
    "no utf-8": (b'{"images": ["\xff"]}', JSON, 400, "the body is no JSON"),
    "an endless json": (b"[" * 100_000, JSON, 400, "the body is no JSON"),
    "an empty json": (b"", JSON, 400, "the body is no JSON"),
    "an empty batch": (b'{"images": []}', JSON, 422, "images: "),
    "another json": (b'{"instances": []}', JSON, 422, 'send {"images": ["<base64>", …]}'),
    "a list": (b"[]", JSON, 422, 'send {"images"'),
    "numbers": (b'{"images": [1]}', JSON, 422, "images.0: "),
    "too many": (batch(*[grey_file(1)] * (MAX_IMAGES + 1)), JSON, 413, "5 images; at most 4 a request"),
    "too large": (bytes(MAX_BODY_BYTES + 1), JPEG, 413, "at most 200,000 bytes"),
    "another type": (grey_file(1), "image/webp", 415, "'image/webp'"),
    "a form": (b"a=b", "application/x-www-form-urlencoded", 415, "send image/jpeg, image/png, application/json"),
    "an empty type": (grey_file(1), "", 415, "(none)"),
}


@pytest.mark.parametrize(("body", "kind", "status", "words"), REFUSED.values(), ids=REFUSED)
def test_a_request_that_cannot_be_counted_is_refused_with_the_reason(port: int, body: bytes, kind: str, status: int, words: str) -> None:
    answer = invoke(port, body, kind)
    assert (answer.status, answer.body["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.body["detail"]
    assert len(answer.body["detail"]) < 300
    assert invoke(port, grey_file(2)).body["counted"] == 2


def test_a_compressed_body_is_refused(port: int) -> None:
    assert invoke(port, grey_file(1), **{"Content-Encoding": "gzip"}).status == 415


def test_bombs_take_no_memory(server: Server) -> None:
    before = _peak_kb(server)
    for bomb in (png_of(50_000, 50_000), png_of(20_000, 20_000), jpeg_of(16_000, 16_000)):
        assert invoke(server.port, bomb).status == 422
    assert _peak_kb(server) - before < 20_000


def _peak_kb(server: Server) -> int:
    (line,) = [line for line in Path(f"/proc/{server.program.pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(port: int) -> None:
    request = Request(port, "POST", "/invocations", {"Content-Type": JPEG, "Content-Length": str(10**12)})
    assert request.answer().status == 413


def test_a_body_that_does_not_say_its_size_is_read_up_to_the_limit(port: int) -> None:
    chunked = {"Content-Type": JPEG, "Transfer-Encoding": "chunked"}
    request = Request(port, "POST", "/invocations", chunked)
    for _ in range(MAX_BODY_BYTES // 50_000 + 1):
        request.send(b"c350\r\n" + bytes(50_000) + b"\r\n")
    assert request.answer().status == 413
    image = grey_file(2)
    request = Request(port, "POST", "/invocations", chunked)
    request.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(image), image))
    assert request.answer().body["counted"] == 2


def test_more_requests_than_allowed_are_sent_away_and_ping_still_answers(port: int) -> None:
    image = grey_file(3)
    held = [half_sent(port, image) for _ in range(MAX_REQUESTS)]
    wait_until(lambda: invoke(port, image).status == 429, "all room is taken")
    refused = invoke(port, image)
    assert refused.headers["retry-after"] == "1"
    assert "2 requests are being counted or wait" in refused.body["detail"]
    assert ask(port, "GET", "/ping").status == 200
    for request in held:
        request.send(image[len(image) // 2 :])
    assert [request.answer().body["counted"] for request in held] == [3, 3]
    assert invoke(port, image).status == 200


def test_one_who_leaves_makes_room(port: int) -> None:
    image = grey_file(3)
    held = [half_sent(port, image) for _ in range(MAX_REQUESTS)]
    wait_until(lambda: invoke(port, image).status == 429, "all room is taken")
    for request in held:
        request.leave()
    wait_until(lambda: invoke(port, image).status == 200, "there is room again")


def test_many_at_the_same_time_get_their_own_count_or_are_sent_away(port: int) -> None:
    counts = [number % 6 for number in range(60)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda count: invoke(port, grey_file(count)), counts))
    assert {answer.status for answer in answers} <= {200, 429}
    right = [answer.body["counted"] == count for answer, count in zip(answers, counts, strict=True) if answer.status == 200]
    assert right
    assert all(right)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/ping", 405), ("GET", "/invocations", 405)])
def test_another_route_says_which_there_are(port: int, method: str, path: str, status: int) -> None:
    answer = ask(port, method, path)
    assert answer.status == status
    assert f"{method} {path}: there are GET /ping and POST /invocations" in answer.body["detail"]


def test_the_server_describes_itself(port: int) -> None:
    described = ask(port, "GET", "/openapi.json").body["paths"]["/invocations"]["post"]
    assert set(described["requestBody"]["content"]) == {JPEG, PNG, JSON}
    assert described["requestBody"]["content"][JSON]["schema"]["required"] == ["images"]
    assert {"200", "400", "408", "413", "415", "422", "429", "503"} == set(described["responses"])


def test_a_body_that_comes_too_slowly_is_given_up(tiny_bundle: Path) -> None:
    with serving(tiny_bundle, receive_s=0.2) as slow:
        answer = half_sent(slow.port, grey_file(1)).answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert answer.body["detail"] == "the body did not come within 0.2 s"
        assert invoke(slow.port, grey_file(1)).status == 200


def test_a_request_in_flight_is_answered_after_sigterm(tiny_bundle: Path) -> None:
    with serving(tiny_bundle, max_requests=1) as running:
        image = grey_file(5)
        request = half_sent(running.port, image)
        wait_until(lambda: invoke(running.port, image).status == 429, "the request has arrived")
        running.program.signal(signal.SIGTERM)
        wait_until(lambda: not _listens(running.port), "nobody else is let in")
        assert running.program.running
        request.send(image[len(image) // 2 :])
        assert request.answer().body["counted"] == 5
        assert running.program.wait() == 0
        assert "Traceback" not in running.program.stderr


def test_a_request_that_never_ends_does_not_hold_the_server(tiny_bundle: Path) -> None:
    with serving(tiny_bundle, grace_s=1, max_requests=1) as running:
        request = half_sent(running.port, grey_file(5))
        wait_until(lambda: invoke(running.port, grey_file(5)).status == 429, "the request has arrived")
        running.program.signal(signal.SIGTERM)
        assert running.program.wait(20) == 0
        request.leave()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_bundle_that_cannot_be_used_is_told_by_ping(start: Start, tmp_path: Path, tiny_bundle: Path) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(tiny_bundle.read_bytes()[:-300])
    port = free_port()
    program = start(sys.executable, "-m", "deploy.cloud.endpoint", "--bundle", str(damaged), "--port", str(port))
    wait_until(lambda: "not usable" in program.stderr or not program.running, "it has seen the bundle")
    answer = ask(port, "GET", "/ping")
    assert answer.status == 503
    assert "damaged.onnx: " in answer.body["detail"]
    assert invoke(port, grey_file(1)).status == 503
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


def test_a_port_that_is_taken_is_one_line(port: int) -> None:
    done = _started("--port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"python -m deploy.cloud.endpoint: 127.0.0.1:{port} cannot be listened on")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_answers_are_sent_at_once(host: str) -> None:
    with listen(host, 0) as listening, socket.create_connection((host, listening.getsockname()[1])), listening.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_wrong_setting_is_one_line() -> None:
    done = _started("--max-images", "none")
    assert done.returncode == 2
    assert "max_images = 'none'" in done.stderr
    assert "Traceback" not in done.stderr


def _started(*words: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "deploy.cloud.endpoint", *words]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)


def test_settings_come_from_the_environment_too(start: Start, tiny_bundle: Path) -> None:
    port = free_port()
    names = {"BINTALLY_PORT": str(port), "BINTALLY_BUNDLE": str(tiny_bundle), "BINTALLY_MAX_PIXELS": "2000", "BINTALLY_THREADS": "1"}
    program = start(sys.executable, "-m", "deploy.cloud.endpoint", "serve", env=names)
    wait_ready(program, port)
    assert invoke(port, grey_file(1)).body["detail"].startswith("the image: 64×48 pixels; at most 2,000")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "exactly one bundle, an .onnx file; there is none"),
        (("a.onnx", "b.onnx"), "there is a.onnx, b.onnx"),
        (("model.pt",), "there is none"),
    ],
)
def test_sagemakers_folder_must_hold_one_bundle(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=words):
        the_bundle_in(tmp_path)


def test_sagemakers_folder_may_hold_other_files(tmp_path: Path) -> None:
    for name in ("a.onnx", "._a.onnx", "notes.txt"):
        (tmp_path / name).touch()
    assert the_bundle_in(tmp_path) == tmp_path / "a.onnx"
    with pytest.raises(InputError, match="cannot be read"):
        the_bundle_in(tmp_path / "gone")


def test_the_server_needs_neither_torch_nor_boto3() -> None:
    code = "import json, sys, deploy.cloud.endpoint.server; print(json.dumps(sorted({'torch', 'onnx', 'boto3', 'trainer', 'agent'} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == []
