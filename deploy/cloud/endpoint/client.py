"""Ask an endpoint, or a server of one's own, to count an image."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from deploy.cloud.aws import translated
from deploy.cloud.endpoint.contract import Answer

Ask = Callable[[bytes], Answer]
_TIMEOUT_S = 60.0
_INVOCATIONS = "/invocations"


def ask_endpoint(runtime: Any, name: str) -> Ask:
    """Ask a SageMaker endpoint.

    Args:
        runtime: client of ``sagemaker-runtime``.
        name: of the endpoint.

    Raises, when it is called:
        InputError: there is no such endpoint, or it refuses the image.
        UnavailableError: the endpoint is busy or broken, AWS forbids it or does not answer.
    """

    def ask(image: bytes) -> Answer:
        with translated(f"endpoint {name}"):
            try:
                answer = runtime.invoke_endpoint(EndpointName=name, ContentType=_kind(image), Body=image)["Body"].read()
            except runtime.exceptions.ModelError as error:
                said = error.response
                raise _refused(int(said.get("OriginalStatusCode", 500)), str(said.get("OriginalMessage", ""))) from error
        return _understood(answer, f"endpoint {name}")

    return ask


def ask_url(url: str) -> Ask:
    """Ask a server by its address, such as ``http://127.0.0.1:8080``.

    Raises:
        UsageError: it is no address.

    Raises, when it is called:
        InputError: it refuses the image.
        UnavailableError: it is busy or broken, or does not answer.
    """
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--url {url}: must look like http://127.0.0.1:8080")
    where = url.removesuffix("/").removesuffix(_INVOCATIONS)

    def ask(image: bytes) -> Answer:
        request = urllib.request.Request(where + _INVOCATIONS, image, {"Content-Type": _kind(image)})  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - checked above
                return _understood(answer.read(), where)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error.code, error.read(1 << 16).decode(errors="replace")) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise UnavailableError(f"{where}: does not answer ({reason}); start it with 'python -m deploy.cloud.endpoint'") from error

    return ask


def _kind(image: bytes) -> str:
    return "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"


def _understood(answer: bytes, where: str) -> Answer:
    try:
        return Answer.model_validate_json(answer)
    except ValidationError as error:
        raise UnavailableError(
            f"{where}: answers with something else than a count ({answer[:80]!r}); is it bintally's endpoint?"
        ) from error


def _refused(status: int, said: str) -> BintallyError:
    """The server's own words; a 4xx that is no 429 is the image's fault."""
    try:
        detail = str(json.loads(said)["detail"])
    except (ValueError, KeyError, TypeError):
        detail = said.strip()[:200] or "without a word"
    if 400 <= status < 500 and status != 429:
        return InputError(f"refused ({status}): {detail}")
    return UnavailableError(f"the endpoint cannot count now ({status}): {detail}")
