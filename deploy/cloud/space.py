"""What a tuning job varies, from the same TOML that 'bintally tune --space' reads, as SageMaker's parameter ranges (pure)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bintally.errors import UsageError
from bintally.search_space import read_tables

Ranges = dict[str, list[dict[str, Any]]]


def ranges_from(toml: str | None, where: str, fixed: Collection[str] = ()) -> Ranges:
    """Read a search space.

    Args:
        toml: a table for each searched setting, with ``low``, ``high`` and perhaps ``log``, or with ``choice``; None for the first
            seed system's space.
        where: the text's name in messages.
        fixed: names of settings that have one value; they leave the seed's space, and must not stand in a space of one's own.

    Returns:
        ``ParameterRanges`` of CreateHyperParameterTuningJob.

    Raises:
        UsageError: the text is no TOML, a range is none, or nothing is left to search.
    """
    tables = read_tables(toml, where, fixed)
    ranges: Ranges = {"ContinuousParameterRanges": [], "IntegerParameterRanges": [], "CategoricalParameterRanges": []}
    for name, table in tables.items():
        kind, entry = _range(f"{where}: {name}", name, table)
        ranges[kind].append(entry)
    return ranges


def _range(where: str, name: str, table: Any) -> tuple[str, dict[str, Any]]:
    keys = set(table) if isinstance(table, dict) else set()
    if keys == {"choice"}:
        return "CategoricalParameterRanges", {"Name": name, "Values": _choices(where, table["choice"])}
    if not {"low", "high"} <= keys <= {"low", "high", "log"}:
        raise UsageError(f"{where}: must be a table with low and high, perhaps log, or with choice alone")
    low, high, log = table["low"], table["high"], table.get("log", False)
    if not (_is_number(low) and _is_number(high) and isinstance(log, bool) and low < high):
        raise UsageError(f"{where}: low must be a number below high, and log true or false")
    if log and low <= 0:
        raise UsageError(f"{where}: low {low} must be above 0 on a logarithmic scale")
    whole = isinstance(low, int) and isinstance(high, int)
    kind = "IntegerParameterRanges" if whole else "ContinuousParameterRanges"
    return kind, {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": "Logarithmic" if log else "Linear"}


def _choices(where: str, values: Any) -> list[str]:
    if not isinstance(values, list) or len(values) < 2:
        raise UsageError(f"{where}: choice must be a list of at least two values")
    words = [" ".join(map(str, value)) if isinstance(value, list) else str(value) for value in values]
    if len(set(words)) < len(words):
        raise UsageError(f"{where}: choice holds a value twice")
    return words


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
