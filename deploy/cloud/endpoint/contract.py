"""What the endpoint takes and gives: the bodies of ``POST /invocations`` (pure)."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bintally.messages import MAX_ITEMS, ModelName
from deploy.cloud.endpoint.refusals import RefusedError

IMAGES = ("image/jpeg", "image/png")
JSON = "application/json"


class Invocation(BaseModel):
    """A batch of images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: list[str] = Field(min_length=1, description="JPEG or PNG files, each in base64")


class Answer(BaseModel):
    """One image's count, with the names that a station's count events have."""

    model_config = ConfigDict(frozen=True)

    counted: int | None = Field(ge=0, le=MAX_ITEMS, description="number of items; null when unsure or when at_least says it")
    at_least: int | None = Field(ge=1, le=MAX_ITEMS, description="lower bound where the counter's open class was decided, else null")
    unsure: bool = Field(description="true when no answer was confident enough")
    confidence: float = Field(ge=0, le=1, description="probability of the most probable class")
    probabilities: list[float] = Field(min_length=2, description="one for each count from 0, the last for that many or more")
    frame_ms: float = Field(ge=0, description="milliseconds for resize, inference and decision; of a batch, an equal share")
    model: ModelName


Answers = TypeAdapter(list[Answer])


def images_in(body: bytes, max_images: int) -> list[bytes]:
    """The files in a JSON body.

    Raises:
        RefusedError: it is no such JSON, holds too many images, or one that is no base64.
    """
    try:
        texts = Invocation.model_validate_json(body).images
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["type"] == "json_invalid":
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"the body is no JSON ({first['msg']})") from error
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f'{field[:80]}: {first["msg"]}; send {{"images": ["<base64>", …]}}') from error
    if len(texts) > max_images:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{len(texts)} images; at most {max_images} a request are counted")
    return [_decoded(text, image_name(number)) for number, text in enumerate(texts)]


def image_name(number: int) -> str:
    """Of an image of a batch, in refusals."""
    return f"images[{number}]"


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name}: no base64 ({error})") from error
