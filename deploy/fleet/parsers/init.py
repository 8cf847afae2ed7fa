"""``bintally fleet init``."""

from __future__ import annotations

import argparse
from collections import defaultdict

from deploy.fleet.parsers.options import command, folder_of, keys_of, new_key_options, new_passphrase, now, secrets_of, tell
from deploy.fleet.parsers.types import given_key, natural, period


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(commands, "init", _init, "make a repository and its keys", "init repository --root-keys 3 --root-threshold 2")
    new_key_options(parser)
    for role, keys, threshold in (("root", 3, 2), ("targets", 2, 1)):
        parser.add_argument(f"--{role}-keys", type=natural, default=keys, metavar="N", help="how many there are (default: %(default)s)")
        parser.add_argument(
            f"--{role}-threshold", type=natural, default=threshold, metavar="N", help="how many of them must sign (default: %(default)s)"
        )
    parser.add_argument(
        "--key",
        type=given_key,
        action="append",
        default=[],
        metavar="KIND=KEY",
        help="take a key instead of making one, for root, targets, online or desired: a PEM file (a public key's owner signs elsewhere), "
        "hsm:…, gcpkms:…, awskms:…, azurekms:…; may be given several times",
    )
    parser.add_argument(
        "--expires",
        type=period,
        nargs="+",
        default=[],
        metavar="ROLE=DAYS",
        help="for how long metadata are valid (default: root=365 targets=90 snapshot=7 timestamp=1)",
    )


def _init(options: argparse.Namespace) -> int:
    from deploy.fleet.repository.begin import Wanted, init
    from deploy.fleet.repository.state import DEFAULT_PERIODS

    given = defaultdict(list)
    for kind, what in options.key:
        given[kind].append(what)
    wanted = Wanted(
        counts={"root": options.root_keys, "targets": options.targets_keys, "online": 1, "desired": 1},
        thresholds={"root": options.root_threshold, "targets": options.targets_threshold},
        given=given,
        periods={**DEFAULT_PERIODS, **dict(options.expires)},
        passphrase=new_passphrase(options),
    )
    ring, outcome = init(folder_of(options), keys_of(options), secrets_of(options), wanted, now())
    tell([outcome], ring, options.repository)
    print(
        f"keys are in {ring.folder}: root-…, targets-… and desired-… belong elsewhere, each with its owner; online-1 stays with the timer"
    )
    print(f"stations need {options.repository / 'metadata' / '1.root.json'}; call 'bintally fleet renew {options.repository}' every hour")
    return 0
