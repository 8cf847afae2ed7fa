"""Settings of a run that carry their ranges, choices and meanings: what options, checks and search spaces are made from."""

from __future__ import annotations

from dataclasses import Field, field, fields
from typing import Any, ClassVar, Protocol

from bintally.errors import UsageError


class RunSettings(Protocol):
    """A frozen dataclass whose fields are made by ``number`` and ``choice``, ``epochs`` and ``seed`` among them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def epochs(self) -> int: ...

    @property
    def seed(self) -> int: ...


def number(default: Any, low: float, high: float, text: str) -> Any:
    """A field that holds a number, or some numbers, from low to high."""
    return field(default=default, metadata={"low": low, "high": high, "help": text})


def choice(default: str, choices: tuple[str, ...], text: str) -> Any:
    """A field that holds one of some words."""
    return field(default=default, metadata={"choices": choices, "help": text})


def check(settings: RunSettings) -> None:
    """Raises:
    UsageError: a value is out of its range or none of its choices.
    """
    for one in fields(settings):
        value = getattr(settings, one.name)
        option = f"--{one.name.replace('_', '-')} {value}"
        if "choices" in one.metadata:
            if value not in one.metadata["choices"]:
                raise UsageError(f"{option}: must be one of {', '.join(one.metadata['choices'])}")
            continue
        low, high = one.metadata["low"], one.metadata["high"]
        if not all(low <= entry <= high for entry in (value if isinstance(value, tuple) else (value,))):
            raise UsageError(f"{option}: must be from {low} to {high}")
