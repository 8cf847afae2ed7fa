"""Guessing is slow, for whoever guesses alone."""

from __future__ import annotations

from bintally.pages.guesses import Guesses


def test_a_guesser_may_try_again_after_a_minute_and_disturbs_nobody_else() -> None:
    guesses = Guesses()
    for second in range(5):
        assert guesses.wait_s("10.0.0.1", second) == 0
        guesses.wrong("10.0.0.1", second)
    assert guesses.wait_s("10.0.0.1", 5) == 55
    assert guesses.wait_s("10.0.0.2", 5) == 0
    assert guesses.wait_s("10.0.0.1", 60) == 0


def test_guessing_from_many_addresses_of_one_ipv6_network_is_one_guesser() -> None:
    guesses = Guesses()
    for number in range(5):
        guesses.wrong(f"2001:db8::{number}", 0)
    assert guesses.wait_s("2001:db8::abcd", 1) > 0
    assert guesses.wait_s("2001:db8:0:1::1", 1) == 0


def test_guessing_from_everywhere_fills_no_memory() -> None:
    guesses = Guesses()
    for number in range(5000):
        guesses.wrong(f"10.0.{number // 250}.{number % 250}", number)
    assert len(guesses._wrong) <= 1024
