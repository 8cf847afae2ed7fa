"""``bintally wms import | replay | backup | restore | retention``."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from bintally.errors import InputError, UnavailableError, UsageError
from tests.warehouse.ledger.samples import RULES, STATION, at, count
from warehouse.ledger import Ledger, bins
from warehouse.ledger.events import take
from warehouse.ledger.places import layout
from warehouse.wms.cli import wms

LAYOUT = "[layout]\naisles = 4\naisle_pitch_m = 3.0\ncross_aisle_width_m = 2.0\ndepot = { aisle = 0, cross_aisle = 'front' }\n"
LAYOUT += "[[layout.blocks]]\nlength_m = 10.0\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _template: Path) -> Path:
    """A folder with an empty ledger.db."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(_template, tmp_path / "ledger.db")
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert wms([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_site_is_imported_and_counted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "books.csv").write_text("bin,quantity\nA,5\nB,2\n")
    (here / "places.csv").write_text("bin,aisle,position_m\nA,1,2\n")
    (here / "hall.toml").write_text(LAYOUT)
    site = ["--site", STATION.site]
    assert answer(capsys, "import", "layout", "hall.toml", *site) == {"layout": 1}
    assert answer(capsys, "import", "places", "places.csv", *site) == {"places": 1}
    assert answer(capsys, "import", "expected", "books.csv", *site) == {"changed": 2, "same": 0, "late": 0}
    assert answer(capsys, "import", "expected", "books.csv", *site) == {"changed": 0, "same": 2, "late": 0}
    with Ledger("sqlite:///ledger.db") as ledger, ledger.begin() as tx:
        known = bins.bin_of(tx, STATION.site, "A")
        assert known is not None
        assert known.place is not None
        assert (known.view.expected, known.place.aisle, layout(tx, STATION.site)) == (5, 1, LAYOUT)
        take(tx, [count(1, "A", 5, 0)], RULES, at(0))
    replayed = answer(capsys, "replay")
    assert replayed == {
        "epochs": {"made": 1, "changed": 0},
        "bins": {"made": 2, "changed": 0},
        "discrepancies": {"made": 0, "changed": 0},
    }
    assert wms(["replay"]) == 0
    assert "bins                  2 rows,         0 of them changed" in capsys.readouterr().out
    assert answer(capsys, "backup", "copy.db") == {"counts": 1}
    assert answer(capsys, "restore", "copy.db", "--ledger", "sqlite:///new.db") == {"counts": 1}


def test_an_import_with_an_error_changes_nothing(here: Path) -> None:
    (here / "books.csv").write_text("bin,quantity\nA,5\nB,x\n")
    with pytest.raises(InputError, match=r"books\.csv: 1 rows are wrong, and nothing was imported:\nrow 3: quantity = 'x'"):
        wms(["import", "expected", "books.csv", "--site", "s"])
    (here / "places.csv").write_text("bin,aisle,position_m\nA,7,2\n")
    (here / "hall.toml").write_text(LAYOUT)
    wms(["import", "layout", "hall.toml", "--site", "s"])
    with pytest.raises(InputError, match=r"aisle"):
        wms(["import", "places", "places.csv", "--site", "s"])
    (here / "hall.toml").write_text("[layout]\naisles = 'many'\n")
    with pytest.raises(InputError, match="layout of site 's'"):
        wms(["import", "layout", "hall.toml", "--site", "s"])
    (here / "hall.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is no UTF-8 text"):
        wms(["import", "layout", "hall.toml", "--site", "s"])
    with Ledger("sqlite:///ledger.db") as ledger, ledger.read() as tx:
        assert bins.bins(tx).rows == []
        assert layout(tx, "s") == LAYOUT


def test_a_layout_that_bins_lie_outside_of_is_refused(here: Path) -> None:
    (here / "places.csv").write_text("bin,aisle,position_m\nA,3,9\nB,3,11\n")
    wms(["import", "places", "places.csv", "--site", "s"])
    (here / "hall.toml").write_text(LAYOUT)
    with pytest.raises(InputError, match="bin 'B'"):
        wms(["import", "layout", "hall.toml", "--site", "s"])
    with Ledger("sqlite:///ledger.db") as ledger, ledger.read() as tx:
        assert layout(tx, "s") is None


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        (["import", "layout", "x.toml"], UsageError, "--site: whose layout is it"),
        (["import", "expected", "gone.csv"], UnavailableError, "gone.csv: cannot be read"),
        (["retention"], UsageError, "no limit is given"),
        (["retention", "--counts-days", "0"], UsageError, "must be a number of days above 0"),
    ],
)
def test_wrong_use_is_told(here: Path, words: list[str], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        wms(words)
    assert here.is_dir()


def test_retention_says_what_would_go_and_what_went(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = datetime(2020, 1, 1, tzinfo=timezone.utc)
    with Ledger(f"sqlite:///{here / 'ledger.db'}") as ledger, ledger.begin() as tx:
        take(tx, [count(number, "A", 5, number) for number in (1, 2, 3)], RULES, old)
    assert wms(["retention", "--counts-days", "90", "--dry-run"]) == 0
    assert capsys.readouterr().out == "would go: 2 counts, 0 letters, 0 discrepancies, 0 audit\n"
    assert answer(capsys, "retention", "--counts-days", "90")["counts"] == 2
    assert answer(capsys, "retention", "--counts-days", "90")["counts"] == 0
