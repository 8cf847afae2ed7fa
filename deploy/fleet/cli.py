"""``bintally fleet``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from deploy.fleet.parsers import (
    broker_config,
    ca,
    desire,
    desired_key,
    enroll,
    init,
    list_,
    page,
    publish,
    renew,
    revoke,
    rollout,
    rotate_key,
    run,
    serve,
    sign,
    stations,
)

_COMMANDS = {
    "init": init,
    "publish": publish,
    "list": list_,
    "renew": renew,
    "sign": sign,
    "rotate-key": rotate_key,
    "revoke": revoke,
    "desired-key": desired_key,
    "serve": serve,
    "stations": stations,
    "rollout": rollout,
    "run": run,
    "page": page,
    "desire": desire,
    "ca": ca,
    "enroll": enroll,
    "broker-config": broker_config,
}


def fleet(arguments: Sequence[str]) -> int:
    """signed model updates: a repository of bundles, its keys, and who may move a station"""
    parser = argparse.ArgumentParser(prog="bintally fleet", description=f"{fleet.__doc__}; docs/fleet.md defines it")
    commands = parser.add_subparsers(required=True, metavar=f"{{{','.join(_COMMANDS)}}}")
    for command in _COMMANDS.values():
        command.add(commands)
    stations.add_label(commands)
    page.add_token(commands)
    options = parser.parse_args(arguments)
    return int(options.run(options))
