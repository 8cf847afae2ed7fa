"""What a search for good settings varies, as a TOML text that 'bintally tune' and 'bintally cloud tune' both read."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

from bintally.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SEED_SPACE = """\
[learning_rate]
low = 0.001
high = 0.1
log = true

[batch_size]
choice = [32, 64]

[epochs]
choice = [8, 12, 15]
"""
"""The first seed system's."""


TRAVEL_TIME_SPACE = """\
[learning_rate]
low = 0.0005
high = 0.005
log = true

[aisle]
choice = [32, 48, 64]

[looks]
low = 2
high = 5

[told]
choice = [12, 24, 32]

[width]
choice = [96, 128, 192]
"""
"""Of travel-time networks: how fast they learn, and how large their parts are."""


def read_tables(toml: str | None, where: str, fixed: Collection[str] = (), default: str = SEED_SPACE) -> dict[str, Any]:
    """Read a search space.

    Args:
        toml: a table for each searched setting, with ``low``, ``high`` and perhaps ``log``, or with ``choice``; None for
            the default.
        where: the text's name in messages.
        fixed: names of settings that have one value; they leave the default space, and must not stand in a space of one's own.
        default: such a text.

    Returns:
        For each searched setting its table, not yet looked into.

    Raises:
        UsageError: the text is no TOML, a setting is searched and fixed at once, or nothing is left to search.
    """
    try:
        tables = tomllib.loads(default if toml is None else toml)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where}: not readable TOML ({error})") from error
    if toml is None:
        tables = {name: table for name, table in tables.items() if name not in fixed}
    twice = sorted(set(tables) & set(fixed))
    if twice:
        raise UsageError(f"{where}: {twice[0]} is searched, and given one value as well; leave one of the two")
    if not tables:
        raise UsageError(f"{where}: nothing is left to search; give a space with --space, or give fewer settings a value")
    return tables
