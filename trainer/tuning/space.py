"""What a search varies: ranges and choices for fields of a run's settings, and what the other fields are fixed to."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Generic

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from bintally.errors import UsageError
from bintally.search_space import SEED_SPACE, read_tables
from trainer.training.options import Settings
from trainer.training.ranges import RunSettings


@dataclass(frozen=True)
class Space(Generic[Settings]):
    """A search space.

    Attributes:
        searched: what each searched field may be; tuples such as ``sizes`` are searched as texts, «128 160».
        fixed: the settings that the other fields are taken from.
    """

    searched: Mapping[str, BaseDistribution]
    fixed: Settings

    def suggest(self, trial: Trial) -> Settings:
        """The settings of a trial.

        Raises:
            UsageError: the trial's values do not go together.
        """
        drawn = {name: _suggest(trial, name, distribution) for name, distribution in self.searched.items()}
        return replace(self.fixed, **{name: _decoded(value, getattr(self.fixed, name)) for name, value in drawn.items()})

    def record(self) -> dict[str, str]:
        """All that two searches must have in common to be one study, as texts by name."""
        fixed = {name: json.dumps(value) for name, value in asdict(self.fixed).items()}
        return fixed | {name: _described(distribution) for name, distribution in self.searched.items()}

    def most_epochs(self) -> int:
        """The longest run that the space holds."""
        distribution = self.searched.get("epochs")
        if isinstance(distribution, CategoricalDistribution):
            return max(int(str(value)) for value in distribution.choices)
        return distribution.high if isinstance(distribution, IntDistribution) else self.fixed.epochs


def space_from(toml: str | None, where: str, fixed: Settings, given: Collection[str] = (), default: str = SEED_SPACE) -> Space[Settings]:
    """Read a search space.

    Args:
        toml: a table for each searched field, with ``low``, ``high`` and perhaps ``log``, or with ``choice``; None for the
            default.
        where: the text's name in messages.
        fixed: settings of the fields that are not searched.
        given: names of the fields that were fixed by name; they leave the default space, and must not stand in a space of one's own.
        default: such a text.

    Raises:
        UsageError: the text is no TOML, names an unknown field, gives a wrong range, or leaves nothing to search.
    """
    tables = read_tables(toml, where, given, default)
    for name in tables:
        _refuse_unknown(where, name, [one.name for one in fields(fixed)], "parameter")
    return Space({name: _distribution(f"{where}: {name}", name, table, fixed) for name, table in tables.items()}, fixed)


def difference(then: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """The first entry in which two records differ, for a person; None if there is none."""
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            return f"{name} was {then.get(name, 'not there')} and is {now.get(name, 'not there')}"
    return None


def _described(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return "one of " + ", ".join(map(str, distribution.choices))
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        raise TypeError(type(distribution).__name__)
    return f"{distribution.low} to {distribution.high}{' on a logarithmic scale' if distribution.log else ''}"


def _refuse_unknown(where: str, name: str, known: Collection[str], what: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
        raise UsageError(f"{where}: unknown {what} {name}{hint}")


def _distribution(where: str, name: str, table: Any, fixed: RunSettings) -> BaseDistribution:
    if not isinstance(table, dict):
        raise UsageError(f"{where}: must be a table with low and high, or with choice")
    for key in table:
        _refuse_unknown(where, key, ("low", "high", "log", "choice"), "key")
    if set(table) == {"choice"}:
        return _choices(where, name, table["choice"], fixed)
    if not {"low", "high"} <= set(table) <= {"low", "high", "log"}:
        raise UsageError(f"{where}: must have low and high, or choice alone")
    low, high = (_value(where, name, table[key], fixed) for key in ("low", "high"))
    if isinstance(low, str | tuple):
        raise UsageError(f"{where}: is no number and has no range; give choice")
    log = table.get("log", False)
    if not isinstance(log, bool):
        raise UsageError(f"{where}: log must be true or false")
    if not low < high:
        raise UsageError(f"{where}: low {low} must be below high {high}")
    if log and low <= 0:
        raise UsageError(f"{where}: low {low} must be above 0 on a logarithmic scale")
    return IntDistribution(low, high, log=log) if isinstance(low, int) else FloatDistribution(low, high, log=log)


def _choices(where: str, name: str, values: Any, fixed: RunSettings) -> CategoricalDistribution:
    if not isinstance(values, list) or len(values) < 2:
        raise UsageError(f"{where}: choice must be a list of at least two values")
    chosen = [_encoded(_value(where, name, value, fixed)) for value in values]
    if len(set(chosen)) < len(chosen):
        raise UsageError(f"{where}: choice holds a value twice")
    return CategoricalDistribution(chosen)


def _value(where: str, name: str, value: Any, fixed: RunSettings) -> Any:
    """A value of a field, in the field's type and range."""
    kind = type(getattr(fixed, name))
    if kind is tuple and isinstance(value, list) and all(_is_number(entry) for entry in value):
        value = tuple(value)
    elif kind is float and _is_number(value):
        value = float(value)
    if type(value) is not kind:
        wanted = {int: "a whole number", float: "a number", str: "a text", tuple: "a list of numbers"}.get(kind, kind.__name__)
        raise UsageError(f"{where}: {value!r} must be {wanted}")
    try:
        replace(fixed, **{name: value})
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _encoded(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def _decoded(value: Any, like: Any) -> Any:
    if not isinstance(like, tuple):
        return value
    return tuple(int(word) if word.isdigit() else float(word) for word in value.split())


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    raise TypeError(type(distribution).__name__)
