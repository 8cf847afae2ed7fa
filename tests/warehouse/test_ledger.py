"""The ledger: every event once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bintally.errors import UnavailableError, UsageError
from bintally.messages import GapData, GapEvent, Range, utc_now
from tests.fakes.events import EPOCH, count_event
from warehouse.ledger import Ledger


def test_only_what_is_new_is_returned_and_kept(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    one, two, three = (count_event(f"{EPOCH}-{number}", counted=number) for number in (1, 2, 3))
    assert ledger.add([one, two]) == {(one.source, one.id), (two.source, two.id)}
    assert ledger.add([two, three]) == {(three.source, three.id)}
    assert ledger.add([one, two, three]) == set()
    assert ledger.add([]) == set()
    ledger.close()
    again = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert [(row["event_id"], row["counted"]) for row in again.rows()] == [(f"{EPOCH}-{number}", number) for number in (1, 2, 3)]
    assert again.add([three]) == set()
    again.close()


def test_a_repeat_with_another_content_changes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.add([count_event(counted=3)])
    assert ledger.add([count_event(counted=5)]) == set()
    assert [row["counted"] for row in ledger.rows()] == [3]
    ledger.close()


def test_a_gap_counts_only_what_the_ledger_does_not_hold(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    lost = GapData(ranges=[Range(epoch=EPOCH, first=2, last=12)], reason="restored")
    gap = GapEvent(source="site/station", id=f"{EPOCH}-13", time=utc_now(), data=lost)
    ledger.add([count_event(f"{EPOCH}-{number}") for number in (1, 2, 11, 12)])
    ledger.add([count_event(f"{EPOCH}-3", source="site/other"), count_event(f"{'b' * 22}-4")])
    assert ledger.add([gap]) == {(gap.source, gap.id)}
    assert ledger.add([gap]) == set()
    assert [(row["first"], row["last"], row["missing"], row["event_id"]) for row in ledger.gaps()] == [(2, 12, 8, gap.id)]
    assert len(ledger.rows()) == 6
    ledger.close()


def test_the_same_id_of_two_stations_is_two_events(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert len(ledger.add([count_event(source="a/b"), count_event(source="a/c")])) == 2
    ledger.close()


@pytest.mark.parametrize("url", ["", "ledger.db", "nonsense://x", "mysql://x/y", "oracle://x"])
def test_a_url_of_no_supported_database_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError, match=r"--ledger: .*sqlite:///"):
        Ledger(url)


def test_a_ledger_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"gone/ledger\.db: cannot be opened .*check path, address and rights"):
        Ledger(f"sqlite:///{tmp_path}/gone/ledger.db")
    (tmp_path / "text.db").write_text("no database at all" * 100)
    with pytest.raises(UnavailableError, match=r"text\.db: cannot be opened \(file is not a database\)"):
        Ledger(f"sqlite:///{tmp_path}/text.db")


def test_nothing_of_a_failed_batch_is_kept(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    bad = count_event(f"{EPOCH}-2").model_copy(update={"subject": None})
    with pytest.raises(UnavailableError, match=r"2 counts could not be committed .*stations keep them"):
        ledger.add([count_event(), bad])
    assert ledger.rows() == []
    ledger.close()
