"""The commands: a token, and the page as a process."""

from __future__ import annotations

import http.client
import re
import signal
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bintally.errors import UsageError
from deploy.fleet.cli import fleet
from deploy.fleet.page.tokens import owner, read_hashes
from tests.conftest import free_port
from tests.fakes.programs import Start, wait_until

FLEET = (sys.executable, "-c", "import sys; from deploy.fleet.cli import fleet; sys.exit(fleet(sys.argv[1:]))")


def test_a_token_is_shown_once_and_alone_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "page-tokens"
    tokens = []
    for name in ("ann", "ben", "ann"):
        assert fleet(["page-token", name, "--tokens", str(path)]) == 0
        tokens.append(capsys.readouterr().out.strip())
    assert [owner(read_hashes(path), token) for token in tokens] == [None, "ben", "ann"]


def test_tokens_do_not_go_through_the_network_as_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "page-tokens"
    fleet(["page-token", "ann", "--tokens", str(path)])
    with pytest.raises(UsageError, match="as plain text"):
        fleet(["page", "--host", "0.0.0.0", "--tokens", str(path), "--database", f"sqlite:///{tmp_path}/fleet.db"])  # noqa: S104


def test_the_page_serves_believes_only_its_proxy_and_ends_when_told(
    tmp_path: Path, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    path, port = tmp_path / "page-tokens", free_port()
    fleet(["page-token", "ann", "--tokens", str(path)])
    token = capsys.readouterr().out.strip()
    words = ("--port", str(port), "--proxy", "127.0.0.1", "--tokens", str(path), "--database", f"sqlite:///{tmp_path}/fleet.db")
    program = start(*FLEET, "page", *words)
    wait_until(lambda: "page is open" in program.stderr or not program.running, "it listens")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b"the database answers\n"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.9.8.7"}
    connection.request("POST", "/login", urlencode({"token": token}), headers)
    answer = connection.getresponse()
    assert answer.read() == b""
    cookie = answer.headers["Set-Cookie"]
    assert (answer.status, "Secure" in cookie) == (303, True)
    connection.request("GET", "/log", headers={"Cookie": cookie.partition(";")[0], "X-Forwarded-Proto": "https"})
    assert re.search(
        r"<td>ann \(page\)</td><td>login</td><td class=\"wide\">from 10\.9\.8\.7</td>", connection.getresponse().read().decode()
    )
    connection.close()
    program.signal(signal.SIGTERM)
    assert program.wait() == 0
