"""``bintally fleet desire``."""

from __future__ import annotations

import argparse

from deploy.fleet.parsers.fleet_options import (
    broker_options,
    database_option,
    key_of,
    key_options,
    repository_options,
    station_name,
    store_of,
    views_of,
    who,
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "have one station run a bundle, by hand; a roll-out that moves it lets go of it"
    parser = commands.add_parser(
        "desire",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example: bintally fleet desire berlin/pick-3 bin-counter/1.0.0-arm.onnx --repository repository --desired-key keys/desired-1.pem",
    )
    parser.set_defaults(run=_desire)
    parser.add_argument("station", type=station_name, metavar="STATION", help="site/station")
    parser.add_argument("target", metavar="TARGET", help="path in the repository, as 'bintally fleet list' shows it")
    parser.add_argument("--retry", action="store_true", help="also if the station rolled this bundle back before")
    repository_options(parser)
    key_options(parser, required=False, text="sign and send it here; without it 'bintally fleet run' does")
    database_option(parser)
    broker_options(parser)


def _desire(options: argparse.Namespace) -> int:
    import time

    from bintally.errors import InputError
    from bintally.fits import fitting
    from bintally.messages.model import Limits
    from deploy.fleet.parsers.run import control
    from deploy.fleet.rollout.starting import check_key
    from deploy.fleet.rollout.targets import open_repository

    repository = open_repository(options.repository, options.root)
    found = repository.find(options.target)
    if found is None:
        raise InputError(f"{options.target}: not in the repository; 'bintally fleet list' shows what is")
    key = key_of(options) if options.desired_key else None
    if key is not None:
        check_key(key, repository.desired_keys())
    with store_of(options) as store:
        view = views_of(options, store).get(options.station)
        if view is None or view.reported is None:
            raise InputError(f"{options.station}: never said which model it runs; 'bintally fleet stations' shows those that do")
        target, device = found
        if device not in fitting(view.reported.device):
            raise InputError(
                f"{options.target}: is for {device}, but {options.station} is {view.reported.device}; docs/fleet.md tells what fits"
            )
        revision = store.give(options.station, target, view.reported.revision, Limits(), who(), time.time(), retry=options.retry)
        if key is not None:
            control(options, store, key, lambda: not store.unsaid())
        said = key is not None and not store.unsaid()
        how = (
            "sent"
            if said
            else "'bintally fleet run' sends it"
            if store.controller(time.time())
            else "sent as soon as 'bintally fleet run' is started"
        )
    print(f"{options.station}: {target.path}, revision {revision}; {how}")
    return 0
