"""A local S3-compatible store, and a proxy before it that spoils answers."""

from __future__ import annotations

import http.client
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@contextmanager
def store() -> Iterator[str]:
    """A running store's address."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@cache
def client(endpoint_url: str) -> Any:
    """A client that may do everything."""
    return boto3.client("s3", endpoint_url=endpoint_url, **KEYS)


def fill(endpoint_url: str, bucket: str, objects: Mapping[str, bytes]) -> None:
    """Make a public bucket with objects."""
    s3 = client(endpoint_url)
    s3.create_bucket(Bucket=bucket)
    for key, content in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=content, ACL="public-read")


def contents(endpoint_url: str, bucket: str) -> dict[str, bytes]:
    """All objects of a bucket."""
    s3 = client(endpoint_url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


class Proxy:
    """Hands requests on to a store and writes them down.

    Attributes:
        url: its address.
        asked: (method, path) of each request, in order; the path with its bucket.
        faults: by path, what is done to its next answers: ``truncate``, ``garble`` (only the ETag can tell), ``rot`` (only the
            store's checksum can tell), ``drop``, ``hold`` (until ``release`` is set) or a status such as ``503``. The last one stays.
        release: lets held answers go.
        held: counts the answers that are held.
    """

    def __init__(self, store_url: str) -> None:
        self.asked: list[tuple[str, str]] = []
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.release, self.held = threading.Event(), threading.Semaphore(0)
        self._store = urlsplit(store_url).netloc
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def got(self) -> list[str]:
        """Paths of the objects that were asked for, without listings."""
        return [path for method, path in self.asked if method == "GET" and path.count("/") > 1]

    def note(self, method: str, path: str) -> str:
        """Write a request down; returns what is to be done to its answer."""
        with self._lock:
            self.asked.append((method, path))
            faults = self.faults.get(path, [])
            return faults.pop(0) if len(faults) > 1 else "".join(faults)

    def handed_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._store, timeout=30)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET, a HEAD or a PUT."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.note(self.command, urlsplit(self.path).path)
        if fault == "drop":
            self.close_connection = True
            return
        if fault == "hold":
            self.proxy.held.release()
            self.proxy.release.wait()
        status, headers, content = self.proxy.handed_on(self.command, self.path, dict(self.headers), body)
        length = len(content)
        if fault.isdecimal():
            status, headers, content, length = int(fault), [], b"", 0
        if fault == "truncate":
            content = content[: length // 2]
            self.close_connection = True
        if fault in ("garble", "rot"):
            content = bytes([content[0] ^ 1]) + content[1:]
            telling = "x-amz-checksum" if fault == "garble" else "etag"
            headers = [header for header in headers if not header[0].lower().startswith(telling)]
        self._answer(status, headers, content, length)

    do_HEAD = do_PUT = do_GET  # noqa: N815

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, length: int) -> None:
        self.send_response_only(status)
        own = ("connection", "transfer-encoding", "content-length")
        for name, value in headers:
            if name.lower() not in own or (self.command == "HEAD" and name.lower() == "content-length"):
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silent: what was asked stands in ``asked``."""
