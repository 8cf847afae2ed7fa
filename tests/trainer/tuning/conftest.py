"""Fixtures of the search's tests."""

from tests.fakes.postgres import postgres

__all__ = ["postgres"]
