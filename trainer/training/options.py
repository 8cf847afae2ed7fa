"""One command-line option for each setting of a run, shared by ``train`` and ``tune``."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any, TypeVar

from trainer.training.ranges import RunSettings

_ELEMENT = {"sizes": int, "shares": float}
Settings = TypeVar("Settings", bound=RunSettings)


def add_settings(parser: argparse.ArgumentParser, kind: type[Settings]) -> None:
    """Add ``--learning-rate`` and the others, with their defaults and meanings."""
    group = parser.add_argument_group("settings", "what decides the result; recorded in the checkpoint")
    defaults = kind()
    for one in fields(kind):
        value = getattr(defaults, one.name)
        several = isinstance(value, tuple)
        group.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=_ELEMENT[one.name] if several else type(value),
            nargs="*" if several else None,
            default=value,
            choices=one.metadata.get("choices"),
            help=f"{one.metadata['help']} (default: {' '.join(map(str, value)) or 'none' if several else value})",
        )


def settings_from(options: argparse.Namespace, kind: type[Settings]) -> Settings:
    """The settings that were given.

    Raises:
        UsageError: one is out of its range.
    """
    given = {one.name: getattr(options, one.name) for one in fields(kind)}
    chosen: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return kind(**chosen)
