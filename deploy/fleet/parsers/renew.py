"""``bintally fleet renew``."""

from __future__ import annotations

import argparse
import sys

from deploy.fleet.parsers.options import command, folder_of, missing_lines, now, ring_of, tell


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "renew",
        _renew,
        "sign timestamp and snapshot anew with the online key, from a timer; with roles, give those a later expiry; exit code 1 if anything expired",
        "renew repository",
    )
    parser.add_argument("roles", nargs="*", metavar="ROLE", help="offline roles: root, targets, a model")
    parser.add_argument("--json", action="store_true", help="print roles and their standing as one JSON object")


def _renew(options: argparse.Namespace) -> int:
    import json

    from bintally.errors import UnavailableError
    from deploy.fleet.repository import steps
    from deploy.fleet.repository.listing import role_json, standings, warnings

    folder, ring, time = folder_of(options), ring_of(options), now()
    if options.roles:
        outcomes = steps.renew_offline(folder, ring, options.roles, time)
    else:
        outcome, lacking = steps.renew(folder, ring, time)
        if lacking:
            raise UnavailableError(f"nothing was renewed: {'; '.join(missing_lines(lacking, ring))}")
        outcomes = [outcome] if outcome else []
    found = standings(folder.opened(), time)
    if options.json:
        print(json.dumps({"roles": [role_json(one) for one in found]}))
    else:
        tell(outcomes, ring, options.repository)
        print("\n".join(f"{one.role}: version {one.version}, expires {one.expires:%Y-%m-%d %H:%M} UTC" for one in found))
    for line in warnings(found, options.repository, time):
        print(f"warning: {line}", file=sys.stderr)
    return int(any(one.standing == "expired" for one in found))
