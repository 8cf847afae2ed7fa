"""The Lambda function, called as Lambda calls it; the endpoint behind it is a real server."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bintally.frames import decode_frame
from deploy.cloud.endpoint import lambda_handler
from tests.deploy.cloud.endpoint.asking import grey_file, png_of
from tests.deploy.cloud.endpoint.conftest import Server
from tests.fakes.sagemaker_runtime import sagemaker_runtime

NAME = "bins"


@pytest.fixture(scope="module")
def runtime(server: Server) -> Iterator[str]:
    with sagemaker_runtime({NAME: server.port}) as url:
        yield url


@pytest.fixture(autouse=True)
def _configured(runtime: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", runtime)
    monkeypatch.setenv("BINTALLY_ENDPOINT", NAME)
    lambda_handler._runtime.cache_clear()
    yield
    lambda_handler._runtime.cache_clear()


def called(event: Any) -> tuple[int, Any]:
    answer = lambda_handler.handler(event, None)
    json.dumps(answer)  # Lambda sends it as JSON
    assert answer["headers"]["Content-Type"] == ("application/json" if answer["statusCode"] == 200 else "application/problem+json")
    return answer["statusCode"], json.loads(answer["body"])


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "event",
    [
        {"image": b64(grey_file(4))},
        {"image": b64(grey_file(4, ".png"))},
        {"body": b64(grey_file(4)), "isBase64Encoded": True, "headers": {"content-type": "image/jpeg"}},
        {"body": json.dumps({"image": b64(grey_file(4))}), "isBase64Encoded": False},
        {"body": b64(json.dumps({"image": b64(grey_file(4))}).encode()), "isBase64Encoded": True},
    ],
    ids=["plain", "png", "body", "json", "json in base64"],
)
def test_the_events_image_is_counted(event: dict[str, Any]) -> None:
    status, answer = called(event)
    assert (status, answer["counted"], answer["model"]["name"]) == (200, 4, "grey-counter")


@pytest.mark.parametrize("event", [{}, {"key1": "value1"}, {"body": None, "isBase64Encoded": False}, {"body": ""}])
def test_without_an_image_the_sample_is_counted(event: dict[str, Any]) -> None:
    status, answer = called(event)
    assert (status, answer["model"]["name"]) == (200, "grey-counter")


def test_the_sample_is_a_whole_picture() -> None:
    assert decode_frame(lambda_handler.SAMPLE.read_bytes(), "sample").shape[2] == 3


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"image": 3}, "image: must be base64"),
        ({"image": ""}, "image: must be base64"),
        ({"image": "%%%"}, "image: no base64"),
        ({"body": "%%%", "isBase64Encoded": True}, "body: no base64"),
        ({"body": 3}, "neither an image nor"),
        ({"body": "\ufffd\ufffd"}, "is image/* a binary media type of the API?"),
        ({"body": '{"picture": ""}'}, 'nor {"image": "<base64>"}'),
        ({"body": "[" * 100_000}, "neither an image nor"),
        ([], "the event is no JSON object"),
        ("text", "the event is no JSON object"),
    ],
)
def test_an_event_without_a_usable_image_is_a_400(event: Any, words: str) -> None:
    status, problem = called(event)
    assert (status, problem["status"]) == (400, 400)
    assert words in problem["detail"]


def test_the_endpoints_refusal_is_passed_on() -> None:
    status, problem = called({"image": b64(png_of(50_000, 50_000))})
    assert status == 422
    assert problem["detail"].startswith("the image: 50000×50000 pixels")


def test_a_missing_endpoint_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINTALLY_ENDPOINT", "gone")
    status, problem = called({})
    assert (status, problem["detail"]) == (502, "endpoint gone: ValidationError: Endpoint gone of account 123456789012 not found.")


def test_an_unset_endpoint_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BINTALLY_ENDPOINT")
    status, problem = called({})
    assert status == 500
    assert "BINTALLY_ENDPOINT is not set" in problem["detail"]


def test_a_runtime_that_does_not_answer_is_a_502(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    status, problem = called({})
    assert status == 502
    assert "does not answer" in problem["detail"]


def test_the_two_files_stand_alone(runtime: str, tmp_path: Path) -> None:
    source = Path(lambda_handler.__file__)
    for path in (source, lambda_handler.SAMPLE):
        shutil.copy(path, tmp_path)
    code = "import lambda_handler, sys; print(lambda_handler.handler({}, None)['statusCode'], *{'bintally', 'cv2', 'numpy'} & set(sys.modules))"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    names = {**keys, "AWS_ENDPOINT_URL": runtime, "BINTALLY_ENDPOINT": NAME}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=names, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "200\n"
