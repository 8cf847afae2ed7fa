"""``bintally wms webhook``: from the command to a signed message at a real receiver."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bintally.cli import main
from bintally.messages import parse_discrepancy
from tests.fakes.programs import Start, wait_until
from tests.warehouse.deliveries.test_hooks import announce, receivers
from tests.warehouse.wms.test_listen import listening
from warehouse.deliveries import verify
from warehouse.ledger import Ledger

Output = pytest.CaptureFixture[str]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


def _wms(*words: str, database: str) -> int:
    return main(["wms", "webhook", *words, "--ledger", database])


def test_a_receiver_that_was_added_hears_with_the_secret_that_was_shown(
    start: Start, embedded_broker: str, database: str, site: str, capsys: Output
) -> None:
    with receivers((200,)) as (receiver,):
        assert _wms("add", "ours", receiver.url, database=database) == 0
        secret = capsys.readouterr().out.splitlines()[0]
        listening(start, embedded_broker, database, "--site", site)
        with Ledger(database) as ledger:
            announce(ledger)
        wait_until(lambda: bool(receiver.heard), "it arrives")
        sent, body = receiver.heard[0]
        assert verify(secret, sent, body, time.time()) == parse_discrepancy(body).id


def test_they_are_listed_without_secrets_and_removed(database: str, tmp_path: Path, capsys: Output) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "A" * 32 + "\n")
    assert _wms("add", "ours", "https://wms.example/x", "--site", "berlin", "--secret-file", str(secret), database=database) == 0
    assert capsys.readouterr().out == ""
    assert _wms("list", "--json", database=database) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"name": "ours", "url": "https://wms.example/x", "site": "berlin", "waiting": 0, "error": None}
    assert _wms("remove", "ours", database=database) == 0
    assert _wms("list", database=database) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "ours", "ftp://wms.example"), 2, "must look like https://host/path"),
        (("add", "ours", "https://me:word@wms.example"), 2, "must hold no user, no password"),
        (("add", "", "https://wms.example"), 2, "1 to 200 characters"),
        (("remove", "nobody"), 1, "there is none"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(words: tuple[str, ...], code: int, said: str, database: str, capsys: Output) -> None:
    assert _wms(*words, database=database) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "word" not in line.replace("password", "")


def test_every_command_has_an_example(capsys: Output) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["wms", "--help"])
    listed = capsys.readouterr().out
    for command in ("listen", "webhook"):
        assert command in listed
        with pytest.raises(SystemExit, match="0"):
            main(["wms", command, "--help"])
        assert f"example: bintally wms {command}" in " ".join(capsys.readouterr().out.split())
