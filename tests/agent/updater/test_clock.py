"""When something may be fetched."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

import pytest

from agent.updater.clock import BUILT, clock_is_set, parse_window
from bintally.errors import UsageError


@pytest.mark.parametrize(("word", "year", "known"), [(True, 2027, True), (None, 2027, True), (False, 2027, False), (True, 1970, False)])
def test_the_clock_is_set_when_the_kernel_says_so_and_it_can_be(word: bool | None, year: int, known: bool) -> None:
    assert clock_is_set(lambda: word, lambda: datetime(year, 5, 1, tzinfo=timezone.utc)) == known


@pytest.mark.parametrize(("year", "known"), [(2027, True), (1970, False)])
def test_a_clock_that_the_settings_believe_must_only_be_possible(year: int, known: bool) -> None:
    assert clock_is_set(lambda: False, lambda: datetime(year, 5, 1, tzinfo=timezone.utc), believed=True) == known


def test_the_date_of_this_version_is_past() -> None:
    assert datetime.now(timezone.utc) > BUILT + timedelta(days=1)


@pytest.mark.parametrize("text", ["22:00-05:30", "05:30-22:00", "00:00-23:59", "23:59-00:00"])
def test_a_window_is_open_in_just_its_minutes(text: str) -> None:
    window = parse_window(text)
    assert str(window) == text
    begin, end = (int(word[:2]) * 60 + int(word[3:]) for word in text.split("-"))
    minutes, at = set(), begin
    while at != end:
        minutes.add(at)
        at = (at + 1) % 1440
    assert {minute for minute in range(1440) if window.open_at(time(*divmod(minute, 60)))} == minutes


@pytest.mark.parametrize("text", ["", "22-5", "22:00", "24:00-05:00", "10:60-11:00", "10:00-10:00", "１0:00-11:00", "10:00-11:00-12:00"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no time window"):
        parse_window(text)
