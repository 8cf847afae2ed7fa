"""What the sub-commands of ``bintally cloud`` have in common."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # argparse's own type takes parameters for type checkers only
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

EVERYWHERE = ("region", "profile")
_SETTINGS = "Every one of them is a setting too: BINTALLY_<NAME> in the environment, or <name> in a TOML file."
_ENDPOINT = "endpoint_"


def job_settings() -> tuple[str, ...]:
    """The settings of jobs."""
    from deploy.cloud.settings import CloudSettings

    return tuple(name for name in CloudSettings.model_fields if not name.startswith(_ENDPOINT))


def endpoint_settings() -> tuple[str, ...]:
    """The settings of endpoints."""
    from deploy.cloud.settings import CloudSettings

    own = tuple(name for name in CloudSettings.model_fields if name.startswith(_ENDPOINT))
    return (*EVERYWHERE, "kms_key", "role", "output", *own, "subnets", "security_groups", "tags")


def command(
    commands: Commands, name: str, run: Callable[..., int], text: str, example: str, settings: Sequence[str]
) -> argparse.ArgumentParser:
    """A sub-command with the options that are settings; an endpoint's have a short form too."""
    from deploy.cloud.settings import CloudSettings

    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: {example}")
    group = parser.add_argument_group("settings", _SETTINGS)
    for field_name, field in CloudSettings.model_fields.items():
        if field_name not in settings:
            continue
        default = f" (default: {field.default})" if field.default not in (None, False, (), {}) else ""
        kind: dict[str, Any] = {"metavar": field_name.upper()}
        if field.annotation is bool:
            kind = {"action": "store_const", "const": True}
        elif field.default in ((), {}):
            kind |= {"nargs": "+"}
        flags = dict.fromkeys(f"--{one.replace('_', '-')}" for one in (field_name, field_name.removeprefix(_ENDPOINT)))
        group.add_argument(*flags, dest=field_name, help=f"{field.description}{default}".replace("%", "%%"), **kind)
    group.add_argument("--config", metavar="FILE", help="TOML file with settings")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)
    return parser


def stop_on_sigterm() -> threading.Event:
    """An event that ends a wait; Ctrl-C ends it too."""
    stop = threading.Event()
    # Event.set takes a lock that the main thread may hold in wait() when the handler interrupts it
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.set, name="stop").start())
    return stop
