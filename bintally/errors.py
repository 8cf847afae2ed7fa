"""Errors that a person or a program can act on: each says what is wrong, where, and what to do.

Three kinds, told apart by whose fault it is. The command line prints the text as one line and exits with ``exit_code``.
"""

from __future__ import annotations


class BintallyError(Exception):
    """Base of every error that bintally raises on purpose."""

    exit_code = 1


class UsageError(BintallyError):
    """The caller asked for something that cannot be: a wrong option, an unknown setting."""

    exit_code = 2


class InputError(BintallyError):
    """Data from outside is not what it must be: a file, a bundle, a message."""


class UnavailableError(BintallyError):
    """Something that is needed does not answer: a broker, a camera, a disk."""
