"""Read a program's settings once at start: options over environment over TOML; unknown names are refused."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError, TomlConfigSettingsSource

from bintally.errors import UsageError

PREFIX = "BINTALLY_"
_NOT_SETTINGS = {"BINTALLY_CONFIG", "BINTALLY_REQUIRE_ALL"}
_MAX_SHOWN = 80
"""Characters of a wrong name or value that an error shows."""


class ProgramSettings(BaseSettings):
    """Base of each program's settings: environment ``BINTALLY_*`` over the TOML file that ``read_settings`` names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)


_Settings = TypeVar("_Settings", bound=ProgramSettings)


def read_settings(model: type[_Settings], options: Mapping[str, Any]) -> _Settings:
    """Read settings.

    Args:
        model: which settings the program has.
        options: from the command line; ``config`` names a TOML file (or BINTALLY_CONFIG does); None means not given.

    Raises:
        UsageError: a name is unknown (the nearest known one is told), a value is wrong or missing, or the TOML is unreadable.
    """
    given = {name: value for name, value in options.items() if value is not None}
    config = given.pop("config", None) or os.environ.get("BINTALLY_CONFIG")
    _refuse_unknown(
        (n for n in os.environ if n.startswith(PREFIX) and n not in _NOT_SETTINGS),
        {PREFIX + f.upper() for f in model.model_fields},
        "environment",
    )
    if config is not None:
        _check_toml(Path(config), model)

    class FromHere(model):  # type: ignore[valid-type,misc]  # pydantic-settings takes its sources from the class
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], init_settings: Any, env_settings: Any, **_: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            sources = (init_settings, env_settings)
            return (*sources, TomlConfigSettingsSource(settings_cls, Path(config))) if config is not None else sources

    try:
        settings = FromHere(**given)
    except SettingsError as error:
        raise UsageError(f"environment: {str(error).splitlines()[0]}; lists are written as JSON there") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part)[:_MAX_SHOWN] for part in first["loc"])
        setting = name.partition(".")[0]
        option = f"--{setting.replace('_', '-')}, {PREFIX}{setting.upper()}"
        if first["type"] == "missing":
            raise UsageError(f"{name} is not set; give {option} or {name} in a TOML file (--config)") from error
        raise UsageError(
            f"{name} = {_shown(first['input'])}: {first['msg'].removeprefix('Value error, ')} (set by {option} or the TOML file)"
        ) from error
    for name in model.model_fields:
        value = getattr(settings, name)
        if isinstance(value, str | Path) and "\0" in str(value):
            raise UsageError(f"{name}: holds a NUL character, which no name or path can")
    return settings


def _shown(value: Any) -> str:
    """A wrong value, in an error's one line."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no decimal numbers of more than 4,300 digits
        text = "a number too long to show"
    return _short(text)


def _short(text: str, length: int = _MAX_SHOWN) -> str:
    """Leave out the middle of what is too long; at the end of a parser's words stands the place."""
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-length // 2 + 1 :]}"


def _check_toml(path: Path, model: type[ProgramSettings]) -> None:
    try:
        content = TomlConfigSettingsSource(model, path).toml_data if path.is_file() else None
    except RecursionError as error:
        raise UsageError(f"{path}: not readable TOML (lists or tables too deep in each other)") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except ValueError as error:
        raise UsageError(f"{path}: not readable TOML ({_short(str(error), 3 * _MAX_SHOWN)})") from error
    if content is None:
        raise UsageError(f"{path}: no such settings file; check --config or BINTALLY_CONFIG")
    _refuse_unknown(content, set(model.model_fields), str(path))


def _refuse_unknown(names: Any, known: set[str], where: str) -> None:
    for name in names:
        if name.upper() not in {entry.upper() for entry in known}:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
            raise UsageError(f"{where}: unknown setting {name[:_MAX_SHOWN]}{hint}")
