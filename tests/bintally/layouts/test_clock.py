"""Times of a day, as they are written and read."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bintally.layouts.clock import clock, seconds_of


@pytest.mark.parametrize(
    ("written", "time_s"),
    [
        ("00:00", 0),
        ("8:30", 30_600),
        ("08:30:15", 30_615),
        ("25:00", 90_000),
        ("47:59:59", 172_799),
        (dt.time(8, 30, 15, 500_000), 30_615.5),
    ],
)
def test_times_are_seconds_after_midnight(written: object, time_s: float) -> None:
    assert seconds_of(written) == time_s


@pytest.mark.parametrize("written", ["8", "8:5", "08:60", "48:00", "08:00:60", "-1:00", " 8:00", "08:00\n", "٠٨:٠٠", 8.5, 830, None, True])
def test_what_is_no_time_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="give a time such as"):
        seconds_of(written)


@given(st.integers(0, 172_799))
def test_a_written_time_is_read_as_it_was(time_s: int) -> None:
    assert seconds_of(clock(time_s)) == time_s
