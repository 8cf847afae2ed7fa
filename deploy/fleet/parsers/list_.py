"""``bintally fleet list``."""

from __future__ import annotations

import argparse

from deploy.fleet.parsers.options import command, folder_of, now, ring_of


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(
        commands, "list", _list, "show bundles, roles, keys, and what expires soon; verifies all signatures", "list repository"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _list(options: argparse.Namespace) -> int:
    import json

    from deploy.fleet.repository.listing import aligned, as_json, role_table, standings, target_table, warnings
    from deploy.fleet.repository.rotate import desired_keys

    folder, time = folder_of(options), now()
    state = folder.opened()
    desired, waiting = desired_keys(folder, state), folder.staged()
    if options.json:
        print(json.dumps(as_json(state, list(desired.keys), waiting.asked if waiting else None, time)))
        return 0
    ring = ring_of(options, required=False)
    names = {entry.keyid: f"{entry.name} {entry.keyid[:8]}" for entry in ring.entries}
    found = standings(state, time)
    print("\n".join([*aligned(target_table(state)), "", *aligned(role_table(found, names, time))]))
    print(f"\nmodel/desired may be signed by {', '.join(names.get(keyid, keyid[:8]) for keyid in desired.keys) or 'nobody'}")
    if waiting:
        print(f"a change waits for signatures: {waiting.asked}; 'bintally fleet sign {options.repository}' shows it")
    for line in warnings(found, options.repository, time):
        print(f"warning: {line}")
    return 0
