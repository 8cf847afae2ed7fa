"""``bintally fleet rollout``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from deploy.fleet.parsers.fleet_options import (
    broker_options,
    database_option,
    key_of,
    key_options,
    pair,
    percentages,
    repository_options,
    share,
    span,
    store_of,
    views_of,
    who,
)
from deploy.fleet.parsers.types import natural

if TYPE_CHECKING:
    from deploy.fleet.desired import DesiredKey
    from deploy.fleet.rollout.plan import Rollout
    from deploy.fleet.rollout.store import Store

_ENDED = ("done", "halted", "aborted")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "rollout",
        help="give stations a new model cohort by cohort; halts by itself and takes it back",
        epilog="example: bintally fleet rollout start --repository repository --model bin-counter --version 1.1.0",
    )
    verbs = parser.add_subparsers(required=True, metavar="{start,status,pause,resume,abort}")
    _add_start(verbs)
    _add_status(verbs)
    for name, text in (
        ("pause", "begin no further cohort; what is out is watched, and taken back if it turns out bad"),
        ("resume", "go on after a pause"),
        ("abort", "end it; stations keep what they have, unless --roll-back is given"),
    ):
        verb = verbs.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: bintally fleet rollout {name} ID"
        )
        verb.set_defaults(run=_order, order=name)
        verb.add_argument("id", metavar="ID", help="of the roll-out")
        database_option(verb)
        if name == "abort":
            verb.add_argument("--roll-back", action="store_true", help="give all stations of it what they had before")


def _add_start(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    start = verbs.add_parser(
        "start",
        help="begin one",
        description="Begin a roll-out. 'bintally fleet run' moves it; with --desired-key this command does itself, until it ends.",
        epilog="example: bintally fleet rollout start --repository repository --model bin-counter --version 1.1.0 --site berlin --soak 2h",
    )
    start.set_defaults(run=_start)
    repository_options(start)
    start.add_argument("--model", required=True, metavar="NAME", help="name of the model")
    start.add_argument("--version", required=True, metavar="V", help="which of its versions")
    start.add_argument("--site", action="append", default=[], metavar="NAME", help="only this site's stations; may be repeated")
    start.add_argument("--label", type=pair, action="append", default=[], metavar="KEY=VALUE", help="only stations with it; all of several")
    start.add_argument(
        "--cohorts",
        type=percentages,
        default=(0.01, 0.1, 0.5, 1.0),
        metavar="1,10,50,100",
        help="percent that have it then (default: 1,10,50,100)",
    )
    start.add_argument("--least", type=natural, default=10, metavar="N", help="stations that a cohort adds at least (default: %(default)s)")
    start.add_argument("--soak", type=span, default=1800.0, metavar="TIME", help="how long a cohort is watched (default: 30m)")
    start.add_argument(
        "--answer", type=span, default=3600.0, metavar="TIME", help="how long a station that is online may take no notice (default: 1h)"
    )
    start.add_argument("--success", type=share, default=0.95, metavar="SHARE", help="of a cohort that must be active (default: 95%%)")
    start.add_argument("--errors", type=share, default=0.02, metavar="SHARE", help="that may fail (default: 2%%)")
    start.add_argument(
        "--crashes",
        type=float,
        default=0.2,
        metavar="N",
        help="an hour a station; more are compared with the others (default: %(default)s)",
    )
    start.add_argument(
        "--unsure", type=share, default=0.01, metavar="SHARE", help="of counts without an answer above the others' share (default: 1%%)"
    )
    start.add_argument(
        "--counts",
        type=int,
        default=20,
        metavar="N",
        help="that half of a cohort's stations must have made; 0: none (default: %(default)s)",
    )
    start.add_argument(
        "--limit",
        type=pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of a station's own judgement, such as probation_s=3600",
    )
    start.add_argument(
        "--no-way-back", action="store_true", help="also where what runs now is not in the repository, so cannot be given back"
    )
    start.add_argument("--json", action="store_true", help="one JSON object")
    key_options(start, required=False, text="sign and move it here, until it ends, instead of 'bintally fleet run'")
    database_option(start)
    broker_options(start)


def _add_status(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = verbs.add_parser("status", help="how far they are", epilog="example: bintally fleet rollout status --json")
    status.set_defaults(run=_status)
    status.add_argument("id", nargs="?", metavar="ID", help="only this one, with its stations (default: all)")
    status.add_argument("--json", action="store_true", help="one JSON object")
    database_option(status)


def _start(options: argparse.Namespace) -> int:
    import json
    import time

    from deploy.fleet.rollout.starting import check_key, make_plan, no_overlap
    from deploy.fleet.rollout.targets import open_repository

    repository = open_repository(options.repository, options.root)
    key = None
    if options.desired_key:
        key = key_of(options)
        check_key(key, repository.desired_keys())
    with store_of(options) as store:
        views, labels = views_of(options, store), store.labels()
        plan = make_plan(repository, views, labels, _wanted(options), way_back=not options.no_way_back)
        name = store.start(plan, no_overlap(plan, views, labels), who(), time.time())
        if key is None:
            works = store.controller(time.time())
            told = f"{works} moves it" if works else "nobody moves it yet: start 'bintally fleet run'"
            print(json.dumps({"id": name, "controller": works}) if options.json else f"{name}: begun; {told}")
            return 0
        return _move(options, store, name, key)


def _wanted(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "name": options.model,
        "version": options.version,
        "sites": options.site,
        "labels": dict(options.label),
        "shares": options.cohorts,
        "least": options.least,
        "soak_s": options.soak,
        "answer_s": options.answer,
        "success": options.success,
        "errors": options.errors,
        "crashes": options.crashes,
        "unsure": options.unsure,
        "least_counts": options.counts,
        "limits": dict(options.limit),
    }


def _move(options: argparse.Namespace, store: Store, name: str, key: DesiredKey) -> int:
    """Be the controller until the roll-out ends; 0 only if it is done."""
    import json

    from deploy.fleet.parsers.run import control

    told = [""]

    def ended() -> bool:
        one = store.rollout(name)
        if one.why != told[0] and not options.json:
            told[0] = one.why
            print(f"{name}: {one.status}: {one.why}", flush=True)
        return one.status in _ENDED and not store.unsaid()

    control(options, store, key, ended)
    status = store.rollout(name).status
    if options.json:
        print(json.dumps(_shown(store, [store.rollout(name)], stations=True)[0]))
    return 0 if status == "done" else 1


def _status(options: argparse.Namespace) -> int:
    import json
    import time

    from deploy.fleet.repository.listing import aligned
    from deploy.fleet.rollout.shown import rollout_table

    with store_of(options) as store:
        found = [store.rollout(options.id)] if options.id else store.rollouts()
        shown, controller = _shown(store, found, stations=bool(options.id)), store.controller(time.time())
    if options.json:
        print(json.dumps({"controller": controller, "rollouts": shown}))
        return 0
    print("\n".join(aligned(rollout_table(shown))))
    for one in shown:
        print(f"{one['id']}: {one['why']}")
        rest = [station for station in one.get("stations", []) if station["standing"] != "active"]
        print("".join(f"  {station['source']}  cohort {station['cohort']}  {station['standing']}\n" for station in rest), end="")
    print(f"moved by {controller}" if controller else "nobody moves them: start 'bintally fleet run'")
    return 0


def _shown(store: Store, found: list[Rollout], *, stations: bool) -> list[dict[str, Any]]:
    import time

    from deploy.fleet.rollout.shown import rollout_json

    views, now = store.views(), time.time()
    return [rollout_json(one, views, now, stations=stations) for one in found]


def _order(options: argparse.Namespace) -> int:
    import time

    from deploy.fleet.rollout.orders import give_order

    order = "roll-back" if options.order == "abort" and options.roll_back else options.order
    with store_of(options) as store:
        print(give_order(store, options.id, order, who(), time.time()))
    return 0
