"""Pictures: stations bring them, people look at them. The protocol is ``agent.evidence.transfer``'s."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.concurrency import contextmanager_in_threadpool
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from bintally.topics import Station
from warehouse.api.deps import Api, Reader, SharedApi, may
from warehouse.api.evidence.files import Files, There, Upload
from warehouse.api.evidence.labels import keep_label
from warehouse.api.evidence.protocol import digest_in, kind_of, repr_digest, span_in
from warehouse.api.names import Name, SitePath
from warehouse.api.problems import RefusedError, documented
from warehouse.api.scopes import Caller
from warehouse.api.tagged import has

router = APIRouter(tags=["evidence"], responses=documented(404))
_ADDRESS = "/evidence/{site:name}/{station:name}/{name:name}"
_TYPES = {"jpg": "image/jpeg", "json": "application/json"}
_PIECE_BYTES = 256 << 10
_DIGEST = {"Repr-Digest": {"schema": {"type": "string"}, "description": "SHA-256 of the whole file, RFC 9530"}}
_OFFSET = {"Upload-Offset": {"schema": {"type": "integer"}, "description": "so many bytes of it are there"}}
_FILE = {"schema": {"type": "string", "format": "binary"}}
_UPLOADER = Security(may("evidence"), scopes=["evidence"])


def _files(api: Api) -> Files:
    if api.files is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "this server takes no pictures; start 'bintally wms serve' with --evidence FOLDER")
    return api.files


@router.head(
    _ADDRESS,
    summary="What is there of a file",
    response_class=Response,
    responses={200: {"description": "all of it, or a part", "headers": {**_DIGEST, **_OFFSET}}},
)
def look(
    site: SitePath, station: Name, name: Name, api: SharedApi, caller: Annotated[Caller, Depends(may("evidence", "read"))]
) -> Response:
    """Nothing (404), the whole file (``Repr-Digest``), or its beginning (``Upload-Offset``, and the digest that the whole will have)."""
    found = _find(api, caller, Station(site, station), name)
    headers = {"Repr-Digest": repr_digest(found.digest)} | ({} if found.whole else {"Upload-Offset": str(found.size)})
    return Response(status_code=HTTPStatus.OK, headers=headers)


@router.get(
    _ADDRESS,
    summary="A picture, or what a station says of it",
    response_class=Response,
    responses={
        200: {"description": "the file", "content": dict.fromkeys(_TYPES.values(), _FILE), "headers": _DIGEST},
        304: {"description": "you have it"},
    },
)
def show(request: Request, site: SitePath, station: Name, name: Name, api: SharedApi, caller: Reader) -> Response:
    """Served so that a browser takes it for nothing else than it is."""
    found = _find(api, caller, Station(site, station), name)
    path = _files(api).path(Station(site, station), name)
    if not found.whole and not path.exists():
        raise _nothing(name)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise _nothing(name) from error
    digest = hashlib.sha256(content).digest()
    headers = {"ETag": f'"{digest.hex()[:32]}"', "Repr-Digest": repr_digest(digest), "Cache-Control": "private, no-cache"}
    if has(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers={**headers, "Content-Disposition": f'inline; filename="{name}"'}, media_type=_TYPES[kind_of(name)])


@router.put(
    _ADDRESS,
    summary="Bring a file, or the rest of one",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    openapi_extra={
        "requestBody": {"required": True, "content": dict.fromkeys(_TYPES.values(), _FILE)},
        "parameters": [
            {"name": "Repr-Digest", "in": "header", "required": True, "schema": {"type": "string"}, "example": "sha-256=:…:"},
            {"name": "Content-Range", "in": "header", "schema": {"type": "string"}, "example": "bytes 4096-8191/8192"},
        ],
    },
    responses={
        201: {"description": "it is here", "headers": _DIGEST},
        204: {"description": "it is here, in place of an older one", "headers": _DIGEST},
        **documented(404, 409, 415, 416, 507),
    },
)
async def bring(
    request: Request, site: SitePath, station: Name, name: Name, api: SharedApi, caller: Annotated[Caller, _UPLOADER]
) -> Response:
    """What came of a body that was cut stays; HEAD says how much. A description with a quantity becomes a correction."""
    whose = Station(site, station)
    _refuse_others(caller, whose)
    files, headers = _files(api), request.headers
    path, digest = files.path(whose, name), digest_in(headers.get("repr-digest"))
    span = span_in(headers.get("content-range"), headers.get("content-length"))
    async with contextmanager_in_threadpool(files.upload(path, digest, span)) as upload:
        async for piece in _pieces(request, api.settings.receive_s):
            await run_in_threadpool(upload.write, piece)
        new = await run_in_threadpool(_finish, api, whose, name, upload)
    return Response(status_code=HTTPStatus.CREATED if new else HTTPStatus.NO_CONTENT, headers={"Repr-Digest": repr_digest(digest)})


def _finish(api: Api, station: Station, name: str, upload: Upload) -> bool:
    """Check a file that is all there; whether it is new. The correction in it comes first: a file that is here was understood."""
    upload.check()
    if kind_of(name) == "json":
        try:
            keep_label(api, station, name.removesuffix(".json"), upload.content())
        except RefusedError:
            upload.discard()
            raise
    return upload.commit()


async def _pieces(request: Request, receive_s: float) -> AsyncIterator[bytes]:
    """The body in pieces; the last one comes even where the body is cut after it."""
    held, stream = bytearray(), request.stream()
    cut: Exception | None = None
    while cut is None:
        try:
            held += await asyncio.wait_for(stream.__anext__(), receive_s)
        except StopAsyncIteration:
            break
        except ClientDisconnect as error:
            cut = error
        except asyncio.TimeoutError:
            cut = RefusedError(HTTPStatus.REQUEST_TIMEOUT, f"nothing came for {receive_s:g} s", {"Connection": "close"})
        if len(held) >= _PIECE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
    if cut is not None:
        raise cut


def _find(api: Api, caller: Caller, station: Station, name: str) -> There:
    """What is there of a file.

    Raises:
        RefusedError: nothing, or it is of a station that the token does not see.
    """
    path = _files(api).path(station, name)
    found = _files(api).there(path) if caller.is_station(station.site, station.station) else None
    if found is None:
        raise _nothing(name)
    return found


def _refuse_others(caller: Caller, station: Station) -> None:
    if not caller.is_station(station.site, station.station):
        raise RefusedError(HTTPStatus.FORBIDDEN, "this token is for another station; give each its own")


def _nothing(name: str) -> RefusedError:
    return RefusedError(HTTPStatus.NOT_FOUND, f"{name[:80]}: there is no such file")
