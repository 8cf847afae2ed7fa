"""``bintally fleet publish``."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.fleet.parsers.options import command, folder_of, new_key_options, new_passphrase, now, ring_of, tell
from deploy.fleet.parsers.types import natural

_LEAST_AGENT = "0.1.0"
"""The first version that updates itself, and reads all bundles so far."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(commands, "publish", _publish, "add bundles to a repository", "publish repository exported/bin-counter-arm.onnx")
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="what 'bintally export' made")
    parser.add_argument(
        "--agent", default=_LEAST_AGENT, metavar="VERSION", help="the least version of the agent that can run them (default: %(default)s)"
    )
    parser.add_argument(
        "--own-keys", type=natural, default=0, metavar="N", help="make so many keys for a model that is new, instead of those of targets"
    )
    parser.add_argument("--own-threshold", type=natural, default=1, metavar="N", help="how many of them must sign (default: %(default)s)")
    new_key_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a bundle, a line each")


def _publish(options: argparse.Namespace) -> int:
    import json

    from deploy.fleet.repository.publish import OwnKeys, publish
    from deploy.fleet.repository.steps import finished

    ring = ring_of(options)
    own = OwnKeys(options.own_keys, options.own_threshold, new_passphrase(options))
    bundles, outcomes = publish(folder_of(options), ring, options.bundles, options.agent, own, now())
    if not options.json:
        for bundle in bundles:
            print(f"{bundle.path}  {bundle.size_bytes / 1e6:.1f} MB  SHA-256 {bundle.sha256}")
        tell(outcomes, ring, options.repository)
        return 0
    for bundle in bundles:
        print(json.dumps({"path": bundle.path, "sha256": bundle.sha256, "size_bytes": bundle.size_bytes, "published": finished(outcomes)}))
    return 0
