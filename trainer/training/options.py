"""One command-line option for each setting of a run, shared by ``train`` and ``tune``."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

from trainer.training.settings import TrainSettings

_ELEMENT = {"sizes": int, "shares": float}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add ``--learning-rate`` and the others, with their defaults and meanings."""
    group = parser.add_argument_group("settings", "what decides the result; recorded in the checkpoint")
    defaults = TrainSettings()
    for one in fields(TrainSettings):
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


def settings_from(options: argparse.Namespace) -> TrainSettings:
    """The settings that were given.

    Raises:
        UsageError: one is out of its range.
    """
    given = {one.name: getattr(options, one.name) for one in fields(TrainSettings)}
    chosen: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return TrainSettings(**chosen)
