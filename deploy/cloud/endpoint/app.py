"""The endpoint's two routes, as SageMaker asks for them: ``GET /ping`` and ``POST /invocations``.

Source:
    Amazon SageMaker Developer Guide, "Custom Inference Code with Hosting Services".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bintally import __version__
from bintally.errors import BintallyError
from bintally.messages import ModelName
from deploy.cloud.endpoint.contract import IMAGES, JSON, Answer, Answers, Invocation, image_name, images_in
from deploy.cloud.endpoint.refusals import PROBLEM, RefusedError, problem
from deploy.cloud.endpoint.settings import EndpointSettings

_RETRY = {"Retry-After": "1"}
log = structlog.get_logger()


class Counts(Protocol):
    """What counts: ``deploy.cloud.endpoint.counter.Counter``."""

    model: ModelName

    def count(self, images: Sequence[tuple[str, bytes]]) -> list[Answer]: ...


class _Service:
    """The counter once it is proven, its threads, and how many requests there are."""

    def __init__(self, settings: EndpointSettings, load: Callable[[], Counts]) -> None:
        self._settings, self._load = settings, load
        self._pool = ThreadPoolExecutor(settings.workers, "count")
        self._held = 0
        self._counter: Counts | None = None
        self._reason, self._headers = "the counter is being loaded and checked", _RETRY

    @asynccontextmanager
    async def life(self, _: FastAPI) -> AsyncIterator[None]:
        """Load beside the server, so that ``/ping`` can say how it gets on."""
        loading = asyncio.create_task(self._become_ready())
        yield
        loading.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _become_ready(self) -> None:
        try:
            self._counter = await asyncio.get_running_loop().run_in_executor(self._pool, self._load)
            log.info("ready", **self._counter.model.model_dump())
        except BintallyError as error:
            self._reason, self._headers = str(error), {}
            log.error("not usable", reason=self._reason)  # noqa: TRY400 - the text says it all
        except Exception:
            self._reason, self._headers = "the counter cannot be loaded; the server's log says why", {}
            log.exception("not usable")

    def ready(self) -> Counts:
        """The counter.

        Raises:
            RefusedError: it is not loaded yet, or not usable.
        """
        if self._counter is None:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, self._reason, self._headers)
        return self._counter

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Room for one request, from its first byte to its answer, so that no more bodies than that are in memory."""
        if self._held >= self._settings.max_requests:
            text = f"{self._held} requests are being counted or wait, as many as may; send this one again in a moment"
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, text, _RETRY)
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    async def answer(self, request: Request) -> bytes:
        """The answer to an invocation, as JSON."""
        counter = self.ready()
        with self.slot():
            kind = _kind(request)
            body = await self._body(request)
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._counted, counter, kind, body)

    def _counted(self, counter: Counts, kind: str, body: bytes) -> bytes:
        if kind != JSON:
            return counter.count([("the image", body)])[0].model_dump_json().encode()
        images = images_in(body, self._settings.max_images)
        return Answers.dump_json(counter.count([(image_name(number), image) for number, image in enumerate(images)]))

    async def _body(self, request: Request) -> bytes:
        limit = self._settings.max_body_bytes
        too_large = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is too large; at most {limit:,} bytes are read")
        if int(request.headers.get("content-length", 0)) > limit:
            raise too_large
        try:
            body = await asyncio.wait_for(_read(request, limit), self._settings.receive_s)
        except asyncio.TimeoutError as error:
            text = f"the body did not come within {self._settings.receive_s:g} s"
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, text, {"Connection": "close"}) from error
        if body is None:
            raise too_large
        return body


async def _read(request: Request, limit: int) -> bytes | None:
    """The body, None if it is longer than the limit."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


def _kind(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = request.headers.get("content-encoding", "identity")
    if kind not in (*IMAGES, JSON) or coding != "identity":
        text = f"Content-Type {kind or '(none)'!r}, Content-Encoding {coding!r}: send {', '.join((*IMAGES, JSON))}, not compressed"
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
    return kind


def make_app(settings: EndpointSettings, load: Callable[[], Counts]) -> FastAPI:
    """The application.

    Args:
        settings: limits.
        load: gives the counter, once it has proven to count here as it did where it was made.
    """
    service = _Service(settings, load)
    app = FastAPI(title="bintally endpoint", version=__version__, lifespan=service.life, docs_url=None, redoc_url=None)

    @app.get("/ping", summary="200 once the counter has passed its golden inputs, until then 503 with the reason")
    async def ping() -> ModelName:
        return service.ready().model

    @app.post("/invocations", summary="Count one image, or a batch", openapi_extra=_REQUEST, responses=_RESPONSES)
    async def invocations(request: Request) -> Response:
        return Response(await service.answer(request), media_type=JSON)

    @app.exception_handler(RefusedError)
    async def refuse(_: Request, refusal: RefusedError) -> Response:
        return Response(problem(refusal.status, str(refusal)), refusal.status, refusal.headers, PROBLEM)

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> Response:
        text = f"{request.method} {request.url.path[:80]}: there are GET /ping and POST /invocations; GET /openapi.json describes them"
        return Response(problem(error.status_code, text), error.status_code, error.headers, PROBLEM)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        return Response(problem(500, "the request could not be counted; the server's log says why"), 500, media_type=PROBLEM)

    return app


_FILE = {"schema": {"type": "string", "format": "binary"}}
_REQUEST: dict[str, Any] = {
    "requestBody": {"required": True, "content": {**dict.fromkeys(IMAGES, _FILE), JSON: {"schema": Invocation.model_json_schema()}}}
}
_REFUSED = {
    400: "no image, no JSON or no base64",
    408: "the body did not come in time",
    413: "body too large, or too many images",
    415: "neither JPEG, PNG nor JSON",
    422: "JSON of another form, or an image of too many pixels",
    429: "too many requests; Retry-After says when to come again",
    503: "the counter is not ready",
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "one answer for an image, a list for a batch", "model": Answer | list[Answer]},
    **{status: {"description": text, "content": {PROBLEM: {"schema": _PROBLEM_SCHEMA}}} for status, text in _REFUSED.items()},
}
