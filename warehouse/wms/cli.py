"""``bintally wms``."""

from __future__ import annotations

import argparse
import pkgutil
from collections.abc import Sequence
from importlib import import_module

from warehouse import wms as package


def wms(arguments: Sequence[str]) -> int:
    """the warehouse's side: receive counts into a ledger and acknowledge them, find wrong bins, tell who goes to look"""
    parser = argparse.ArgumentParser(prog="bintally wms", description=f"{wms.__doc__}; docs/ledger.md defines it")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in pkgutil.iter_modules(package.__path__):
        command = import_module(f"{package.__name__}.{module.name}")
        if hasattr(command, "add"):  # a command; the others are what commands have in common
            command.add(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))
