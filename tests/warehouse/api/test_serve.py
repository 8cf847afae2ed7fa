"""``bintally wms serve`` and ``token`` as programs."""

from __future__ import annotations

import http.client
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.fakes.programs import BINTALLY, Start, wait_until
from tests.warehouse.command import code, lines


def status(port: int, path: str, **headers: str) -> int:
    """Of a GET; 0 while nobody listens."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            return 0


def test_a_server_behind_a_proxy_lets_in_who_has_a_token_knows_who_guesses_and_ends_on_a_signal(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    assert code("wms", "token", "add", "ann", "--scope", "read", "--ledger", ledger) == 0
    token, port = capsys.readouterr().out.strip(), free_port()
    where = ("--listen", f"127.0.0.1:{port}", "--proxy", "127.0.0.1", "--evidence", str(tmp_path / "evidence"))
    server = start(*BINTALLY, "wms", "serve", "--ledger", ledger, *where)
    wait_until(lambda: status(port, "/healthz") == 200 or not server.running, "the server answers")
    assert server.running, server.stderr
    assert status(port, "/v1/bins", Authorization=f"Bearer {token}") == 200
    assert status(port, "/v1/bins") == 401
    guesses = [status(port, "/v1/bins", **{"Authorization": "Bearer wrong", "X-Forwarded-For": "10.0.0.1"}) for _ in range(11)]
    assert guesses == [401] * 10 + [429]
    assert status(port, "/v1/bins", **{"Authorization": "Bearer wrong", "X-Forwarded-For": "10.0.0.2"}) == 401
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert token not in server.stderr


@pytest.mark.parametrize("listen", ["0.0.0.0:8482", "127.0.0.1", "127.0.0.1:70000", ":80", "127.0.0.1:x"])
def test_where_it_must_not_or_cannot_listen_is_wrong_use(listen: str, tmp_path: Path) -> None:
    assert code("wms", "serve", "--ledger", f"sqlite:///{tmp_path}/ledger.db", "--listen", listen) == 2


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert code("wms", "serve", "--ledger", f"sqlite:///{tmp_path}/ledger.db", "--listen", listen) == 1
    assert "choose another --listen" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--evidence-size", "5"], ["--evidence-size", "0GB"], ["--evidence-days", "0"], ["--rate", "nan"], ["--proxy", "proxy.lan"]]
)
def test_options_that_cannot_be_are_wrong_use(words: list[str]) -> None:
    assert code("wms", "serve", *words) == 2


def test_tokens_are_made_listed_without_themselves_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = ("--ledger", f"sqlite:///{tmp_path}/ledger.db")
    station = ("--scope", "evidence", "--site", "köln", "--station", "s 1", "--days", "2")
    assert code("wms", "token", "add", "s1", *station, *database) == 0
    token = capsys.readouterr().out.strip()
    assert token.startswith("bintally_")
    (listed,) = lines(capsys, "wms", "token", "list", *database)
    assert (listed["name"], listed["scopes"], listed["site"], listed["station"]) == ("s1", ["evidence"], "köln", "s 1")
    assert token not in str(listed)
    assert code("wms", "token", "revoke", "s1", *database) == 0
    assert code("wms", "token", "revoke", "s1", *database) == 1
    for words in (["x"], ["x", "--scope", "write"], ["x", "--scope", "read", "--days", "0"], ["a b", "--scope", "read"]):
        assert code("wms", "token", "add", *words, *database) == 2
