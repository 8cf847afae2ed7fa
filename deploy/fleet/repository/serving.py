"""Serve a repository as static files, for trials and small sites; what a web server or CDN would do, but for TLS.

Range and If-Range, so that a download goes on where it was cut; ETag and If-None-Match; HEAD. Files with a version or digest in the name
never change and may be cached for ever; ``timestamp.json`` is asked for each time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bintally.errors import UnavailableError, UsageError
from deploy.fleet.repository.folder import METADATA, TARGETS, Folder
from deploy.fleet.repository.keys import RING

_SMALL_BYTES = 100_000


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        if any(part.startswith(".") for part in Path(path).parts):
            return Response(status_code=404)  # files that are being written
        response = await super().get_response(path, scope)
        if response.status_code in (200, 206, 304):
            fixed = not path.endswith("timestamp.json")
            response.headers["cache-control"] = "public, max-age=31536000, immutable" if fixed else "no-cache"
        return response


def application(folder: Folder) -> Starlette:
    """The ASGI application: ``/metadata/…`` and ``/targets/…``, nothing else of the folder.

    Raises:
        InputError: there is no repository.
        UsageError: keys lie in the folder.
    """
    folder.opened()
    refuse_keys(folder.path)
    return Starlette(routes=[Mount(f"/{name}", _Files(directory=folder.path / name)) for name in (METADATA, TARGETS)])


def serve(folder: Folder, host: str, port: int) -> None:
    """Serve until told to stop.

    Raises:
        UnavailableError: the port is taken.
    """
    config = uvicorn.Config(application(folder), host=host, port=port, log_level="warning", server_header=False)
    server = _Server(config)
    try:
        server.run()
    except SystemExit as error:  # so uvicorn says that it could not bind
        raise UnavailableError(
            f"{host}:{port}: cannot be listened on; another program may have the port: choose one with --port"
        ) from error


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for one in server.sockets:
                host, port = one.getsockname()[:2]
                print(f"serving http://{host}:{port}/{METADATA}/ and /{TARGETS}/; stop with Ctrl-C", flush=True)


def refuse_keys(path: Path) -> None:
    """Look for keys where the world reads.

    Raises:
        UsageError: there are some; says where.
    """
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder, name)
            if name == RING or _holds_key(file):
                raise UsageError(
                    f"{file}: a key lies in the repository; think about who saw it, and move it elsewhere before you serve this"
                )


def _holds_key(file: Path) -> bool:
    try:
        return file.stat().st_size < _SMALL_BYTES and b"PRIVATE KEY-----" in file.read_bytes()
    except OSError:
        return False
