"""A Lambda function that asks the endpoint; the file stands alone, with ``sample.jpg`` beside it, and needs boto3 only.

``BINTALLY_ENDPOINT`` names the endpoint. The image comes from an event of API Gateway (a JPEG or PNG body, or JSON) or from
``{"image": "<base64>"}``; without one the sample is counted, so that the button "Test" of the console shows whether all works.

Source:
    AWS Lambda Developer Guide, "Using AWS Lambda with Amazon API Gateway"; SageMaker Runtime API Reference, InvokeEndpoint.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

SAMPLE = Path(__file__).with_name("sample.jpg")
"""A rendered bin with two items: the fourth that ``bintally scenes --out rendered --number 4 --seed 4`` draws."""
_JSON, _PROBLEM = "application/json", "application/problem+json"
_TIMEOUT_S = 25  # API Gateway gives up after 29

Event = dict[str, Any]
Answer = dict[str, Any]


class _WrongEventError(Exception):
    """The event holds no image that can be sent on."""


def handler(event: Event, _context: object) -> Answer:
    """Count the event's image; the body of the answer is the endpoint's, also where it refuses the image."""
    try:
        image = _image(event)
    except _WrongEventError as error:
        return _answer(400, _problem(400, str(error)))
    name = os.environ.get("BINTALLY_ENDPOINT")
    if not name:
        return _answer(500, _problem(500, "BINTALLY_ENDPOINT is not set; set it to the endpoint's name in the function's configuration"))
    try:
        found = _runtime().invoke_endpoint(EndpointName=name, ContentType=_kind(image), Body=image)
        return _answer(200, found["Body"].read().decode())
    except ClientError as error:
        said = error.response
        if "OriginalStatusCode" in said:  # the endpoint's own words
            return _answer(int(said["OriginalStatusCode"]), str(said.get("OriginalMessage", "")))
        return _answer(502, _problem(502, f"endpoint {name}: {said['Error'].get('Code')}: {said['Error'].get('Message')}"))
    except BotoCoreError as error:
        return _answer(502, _problem(502, f"endpoint {name}: does not answer ({error})"))


def _image(event: Event) -> bytes:
    if not isinstance(event, dict):
        raise _WrongEventError('the event is no JSON object; send {"image": "<base64>"}')
    if "image" in event:
        return _decoded(event["image"], "image")
    body = event.get("body")
    if not body:
        return SAMPLE.read_bytes()
    if event.get("isBase64Encoded"):
        data = _decoded(body, "body")
        return data if not data.lstrip().startswith(b"{") else _in_json(data)
    return _in_json(body)


def _in_json(text: str | bytes) -> bytes:
    try:
        return _decoded(json.loads(text)["image"], "image")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _WrongEventError(
            'the body is neither an image nor {"image": "<base64>"}; is image/* a binary media type of the API?'
        ) from error


def _decoded(text: object, field: str) -> bytes:
    if not isinstance(text, str) or not text:
        raise _WrongEventError(f"{field}: must be base64 of a JPEG or PNG file")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _WrongEventError(f"{field}: no base64 ({error})") from error


def _kind(image: bytes) -> str:
    return "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"


@cache
def _runtime() -> Any:
    config = Config(connect_timeout=5, read_timeout=_TIMEOUT_S, retries={"mode": "standard", "max_attempts": 2})
    return boto3.client("sagemaker-runtime", config=config)


def _problem(status: int, detail: str) -> str:
    return json.dumps({"type": "about:blank", "status": status, "detail": detail})


def _answer(status: int, body: str) -> Answer:
    kind = _JSON if status == 200 else _PROBLEM
    return {"statusCode": status, "headers": {"Content-Type": kind}, "body": body}
