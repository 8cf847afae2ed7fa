from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.page.address import is_loopback, parse_address, read_token, refuse_open
from bintally.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8480", "127.0.0.1", 8480),
        ("localhost:80", "localhost", 80),
        ("[::1]:8480", "::1", 8480),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ("0.0.0.0:65535", "0.0.0.0", 65535),  # noqa: S104 - only taken apart
        ("station-7.example:8480", "station-7.example", 8480),
    ],
)
def test_an_address_is_taken_apart(text: str, host: str, port: int) -> None:
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "8480", ":8480", "host", "host:", "host:0", "host:65536", "::1:8480", "[::1]", "http://host:1", "a b:1", "u@h:1"]
)
def test_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"must be host:port, such as 127\.0\.0\.1:8480"):
        parse_address(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "::ffff:127.0.0.1"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)
    refuse_open(host, None)


@pytest.mark.parametrize("host", ["0.0.0.1", "::", "192.168.1.7", "127.0.0.1.evil.example", "localhost.evil.example", "2130706433", ""])
def test_all_else_needs_a_token(host: str) -> None:
    assert not is_loopback(host)
    refuse_open(host, "a token")
    with pytest.raises(UsageError, match="--page-token-file"):
        refuse_open(host, None)


def test_a_token_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("0123456789abcdef\n")
    path.chmod(0o600)
    with capture_logs() as logs:
        assert read_token(path) == "0123456789abcdef"
    assert logs == []


def test_a_token_that_others_can_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("0123456789abcdef")
    path.chmod(0o644)
    with capture_logs() as logs:
        read_token(path)
    assert [entry["advice"] for entry in logs] == [f"chmod 600 {path}"]


@pytest.mark.parametrize(
    "content", [b"", b"short", b"0123456789abcdef\nsecond line", b"0123456789 abcdef", b"\xff" * 20, "ä".encode() * 16]
)
def test_a_weak_or_broken_token_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="token") as caught:
        read_token(path)
    assert content == b"" or content.decode("utf-8", "replace") not in str(caught.value)


def test_a_missing_token_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_token(tmp_path / "none")
