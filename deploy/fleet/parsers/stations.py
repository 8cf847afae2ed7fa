"""``bintally fleet stations`` and ``bintally fleet label``."""

from __future__ import annotations

import argparse

from deploy.fleet.parsers.fleet_options import broker_options, database_option, station_name, store_of, views_of, who


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "show all stations: what they run, how far they are, how they count"
    parser = commands.add_parser(
        "stations",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example: bintally fleet stations --broker mqtts://broker.lan",
    )
    parser.set_defaults(run=_stations)
    parser.add_argument("--json", action="store_true", help="one JSON object a station, a line each")
    database_option(parser)
    broker_options(parser)


def add_label(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "set labels of a station, by which roll-outs can choose it"
    parser = commands.add_parser(
        "label",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example: bintally fleet label berlin/pick-3 ring=early camera-",
    )
    parser.set_defaults(run=_label)
    parser.add_argument("station", type=station_name, metavar="STATION", help="site/station")
    parser.add_argument("labels", nargs="+", type=_change, metavar="KEY=VALUE", help="set one; KEY- takes one away")
    database_option(parser)


def _change(text: str) -> tuple[str, str | None]:
    key, sign, value = text.partition("=")
    if sign and key and value:
        return key, value
    if not sign and len(text) > 1 and text.endswith("-"):
        return text[:-1], None
    raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, or KEY- to take one away")


def _stations(options: argparse.Namespace) -> int:
    import json
    import time

    from deploy.fleet.repository.listing import aligned
    from deploy.fleet.rollout.shown import station_json, station_table

    with store_of(options) as store:
        views, labels = views_of(options, store), store.labels()
    now = time.time()
    found = [station_json(view, labels, now) for _, view in sorted(views.items())]
    if options.json:
        print("".join(f"{json.dumps(one)}\n" for one in found), end="")
        return 0
    print("\n".join(aligned(station_table(found, now))))
    print(f"{len(found)} stations")
    return 0


def _label(options: argparse.Namespace) -> int:
    import time

    with store_of(options) as store:
        labels = store.label(options.station, dict(options.labels), who(), time.time())
    print(f"{options.station}: {' '.join(f'{key}={value}' for key, value in sorted(labels.items())) or 'no labels'}")
    return 0
