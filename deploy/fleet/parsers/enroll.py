"""``bintally fleet enroll``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.fleet.parsers.ca import authority_of, authority_option, valid_option
from deploy.fleet.parsers.options import now

if TYPE_CHECKING:
    from deploy.fleet.enrol.station import Wishes
    from deploy.fleet.enrol.steps import Made

_ROLES = ("ledger", "fleet", "dashboard")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make all that a station installs: key, certificate, settings, in one archive; or a certificate for a program or a person"
    parser = commands.add_parser(
        "enroll",
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="example: bintally fleet enroll ca berlin pick-3 --broker mqtts://broker.lan; bintally fleet enroll ca --role ledger",
    )
    parser.set_defaults(run=_enroll)
    authority_option(parser)
    parser.add_argument("site", nargs="?", metavar="SITE", help="name of the site")
    parser.add_argument("station", nargs="?", metavar="STATION", help="name of the station")
    parser.add_argument("--role", choices=_ROLES, help="instead of a station: what a program or a person may do at the broker")
    parser.add_argument("--name", metavar="WORD", help="with --role: which of several people it is, to take it back from one alone")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to (default: here)")
    valid_option(parser, "825d", "for how long the certificate holds")
    settings = parser.add_argument_group("the station's settings")
    settings.add_argument("--broker", metavar="URL", help="mqtts://host:port, as the station reaches it")
    settings.add_argument("--source", help="camera index, RTSP URL, GStreamer pipeline, folder (default: 0, or the template's)")
    settings.add_argument("--bin", help="the bin that the camera sees")
    settings.add_argument("--template", type=Path, metavar="FILE", help="TOML file of more settings, which stations share")
    settings.add_argument("--updates", metavar="URL", help="where the update repository is served; with --root")
    settings.add_argument("--root", type=Path, metavar="FILE", help="the update repository's metadata/1.root.json")
    settings.add_argument(
        "--page-token",
        type=Path,
        metavar="FILE",
        help="token that the station's page asks for; with it others reach the page, as Prometheus",
    )
    elsewhere = parser.add_argument_group("keys and authorities elsewhere")
    elsewhere.add_argument("--csr", type=Path, metavar="FILE", help="the station's signing request: its key stays where it is")
    elsewhere.add_argument("--csr-out", type=Path, metavar="FILE", help="only make a key, and this request for your own authority to sign")
    elsewhere.add_argument("--certificate", type=Path, metavar="FILE", help="what your own authority made of --csr-out; with --key")
    elsewhere.add_argument("--key", type=Path, metavar="FILE", help="the key that --csr-out made")


def _enroll(options: argparse.Namespace) -> int:
    _check(options)
    if options.csr_out:
        return _ask(options)
    if options.role:
        from deploy.fleet.enrol.holder import role_holder
        from deploy.fleet.enrol.steps import equip

        return _tell(equip(authority_of(options), role_holder(options.role, options.name), options.out, now(), options.valid))
    made = _station(options)
    _tell(made)
    print(f"there: tar -xzf {made.path.name} && sudo ./{made.path.name.removesuffix('.tar.gz')}/install.sh")
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse options that do not fit together."""
    from bintally.errors import UsageError

    if (options.station is None) == (options.role is None) or (options.role and options.site):
        raise UsageError("name SITE and STATION, or a --role; one of both")
    if options.name and not options.role:
        raise UsageError("--name goes with --role; a station's name is SITE STATION")
    if options.role and (options.csr or options.certificate):
        raise UsageError("--csr and --certificate are for stations; with a --role only --csr-out, and the certificate is used as it comes")
    if options.station and not (options.broker or options.csr_out):
        raise UsageError("--broker is missing; give the broker's URL as the station reaches it, such as mqtts://broker.lan")
    for one, other in (("updates", "root"), ("certificate", "key")):
        if (getattr(options, one) is None) != (getattr(options, other) is None):
            raise UsageError(f"--{one} and --{other} belong together; give both or none")
    if sum(value is not None for value in (options.csr, options.csr_out, options.certificate)) > 1:
        raise UsageError("--csr, --csr-out and --certificate are three ways; choose one")


def _ask(options: argparse.Namespace) -> int:
    from deploy.fleet.enrol.steps import ask_for

    holder = _holder(options)
    made = ask_for(holder, options.csr_out)
    print(f"{'made' if made.is_new else 'nothing to do, it is there already'}: {made.path} and {made.path.with_suffix('.key')}")
    print(f"have it signed for the common name {holder.common_name} and client authentication, then: enroll … --certificate … --key …")
    return 0


def _holder(options: argparse.Namespace) -> Any:
    from bintally.topics import Station
    from deploy.fleet.enrol.holder import role_holder, station_holder

    return role_holder(options.role, options.name) if options.role else station_holder(Station(options.site, options.station))


def _station(options: argparse.Namespace) -> Made:
    from bintally.topics import Station
    from deploy.fleet.enrol.steps import Given, enroll_station

    proof = Given(options.certificate, options.key) if options.certificate else options.csr
    named = Station(options.site, options.station)
    return enroll_station(authority_of(options), named, _wishes(options), options.out, now(), options.valid, proof)


def _wishes(options: argparse.Namespace) -> Wishes:
    from bintally.errors import InputError
    from deploy.fleet.enrol.station import Wishes
    from deploy.fleet.repository.private_keys import content

    given = {"source": options.source, "bin": options.bin, "updates": options.updates}
    try:
        template = content(options.template).decode() if options.template else ""
    except UnicodeDecodeError as error:
        raise InputError(f"{options.template}: is no UTF-8 text; TOML is") from error
    root, token = (content(path) if path else None for path in (options.root, options.page_token))
    return Wishes(options.broker, {name: value for name, value in given.items() if value is not None}, template, root, token)


def _tell(made: Made) -> int:
    print(f"{'made' if made.is_new else 'nothing to do, it is there already'}: {made.path}, good until {made.until:%Y-%m-%d}")
    return 0
