"""A local stand-in for SageMaker's runtime: hands an endpoint's invocations on to the server behind it.

Source:
    SageMaker Runtime API Reference, InvokeEndpoint: 424 ModelError carries the container's status and body.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PATH = re.compile(r"/endpoints/([^/]+)/invocations")


@contextmanager
def sagemaker_runtime(endpoints: Mapping[str, int]) -> Iterator[str]:
    """Its address.

    Args:
        endpoints: name, and port of the server on the loopback.
    """
    handler = type("Handler", (_Handler,), {"endpoints": endpoints})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    endpoints: Mapping[str, int]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer InvokeEndpoint."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = _PATH.fullmatch(self.path)
        port = self.endpoints.get(found[1]) if found else None
        if port is None:
            said: dict[str, object] = {"Message": f"Endpoint {found and found[1]} of account 123456789012 not found."}
            self._answer(400, said, "ValidationError")
            return
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/invocations", body, {"Content-Type": self.headers["Content-Type"]})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status == 200:
            self._send(200, content, {"Content-Type": answer.headers["Content-Type"]})
            return
        text = content.decode()
        said = {
            "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
            "LogStreamArn": "",
            "OriginalMessage": text,
            "OriginalStatusCode": answer.status,
            "Message": f'Received client error ({answer.status}) from primary with message "{text}".',
        }
        self._answer(424, said, "ModelError")

    def _answer(self, status: int, said: Mapping[str, object], kind: str) -> None:
        self._send(status, json.dumps(said).encode(), {"Content-Type": "application/json", "x-amzn-errortype": kind})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silent."""
