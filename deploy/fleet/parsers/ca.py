"""``bintally fleet ca``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.fleet.parsers.options import new_passphrase, now, secrets_of
from deploy.fleet.parsers.types import lifetime

if TYPE_CHECKING:
    from deploy.fleet.enrol.authority import Authority, Issued


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make the authority that certifies stations, see what it certified, renew, take back"
    parser = commands.add_parser("ca", help=text, description=f"{text[0].upper()}{text[1:]}.", epilog="example: bintally fleet ca init ca")
    actions = parser.add_subparsers(required=True, metavar="{init,list,renew,revoke}")
    _add_init(actions)
    _add_list(actions)
    _add_renew(actions)
    _add_revoke(actions)


def authority_option(parser: argparse.ArgumentParser) -> None:
    """The authority's folder, and what opens its key."""
    parser.add_argument("authority", type=Path, metavar="DIR", help="the authority's folder")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="what opens the authority's key; else it is asked for")


def valid_option(parser: argparse.ArgumentParser, default: str, what: str) -> None:
    """For how long a certificate holds."""
    parser.add_argument("--valid", type=lifetime, default=default, metavar="DAYS", help=f"{what} (default: %(default)s)")


def _add_init(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "init", help="make an authority, or take one that is elsewhere", epilog="example: bintally fleet ca init ca"
    )
    authority_option(parser)
    parser.add_argument(
        "--passphrase", action="store_true", help="put its key behind a passphrase, from --passphrase-file or asked for twice"
    )
    parser.add_argument(
        "--certificate", type=Path, metavar="FILE", help="of your own authority, which signs elsewhere what 'enroll --csr-out' asks for"
    )
    valid_option(parser, "7300d", "for how long the authority itself holds")
    parser.set_defaults(run=_init)


def _init(options: argparse.Namespace) -> int:
    from deploy.fleet.enrol.authority import KEY

    authority = authority_of(options)
    if options.certificate:
        is_new = authority.adopt(options.certificate)
    else:
        is_new = authority.make(now(), options.valid, new_passphrase(options) if not (options.authority / KEY).exists() else None)
    print(f"made: the authority in {options.authority}" if is_new else "nothing to do: it is there already")
    if authority.is_here:
        print(f"{options.authority / KEY} can certify any station: keep it off the broker's machine, and a copy of the folder elsewhere")
    return 0


def _add_list(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "list",
        help="show who has a certificate, until when, and which end within 30 days (soon)",
        epilog="example: bintally fleet ca list ca",
    )
    authority_option(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    import json

    from deploy.fleet.enrol.authority import SOON
    from deploy.fleet.enrol.certificates import holder_of

    def standing(one: Issued) -> str:
        return "revoked" if one.revoked else "good" if one.holds(now() + SOON) else "soon" if one.holds(now()) else "expired"

    rows = [
        {
            "name": holder_of(one.certificate).common_name,
            "person": holder_of(one.certificate).person,
            "hosts": list(holder_of(one.certificate).hosts),
            "serial": one.serial,
            "until": one.certificate.not_valid_after_utc.isoformat(),
            "standing": standing(one),
        }
        for one in authority_of(options).issued()
    ]
    if options.json:
        print(json.dumps({"certificates": rows}))
    else:
        for row in rows:
            print(
                f"{row['standing']:8} {str(row['until'])[:10]}  {row['serial']}  {row['name']}{' ' + str(row['person']) if row['person'] else ''}"
            )
    return 0


def _add_renew(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "make a later certificate for the key that somebody has; its file replaces the one before"
    parser = actions.add_parser("renew", help=text, epilog="example: bintally fleet ca renew ca berlin/pick-3 --out renewed")
    authority_option(parser)
    parser.add_argument("name", metavar="NAME", help="as 'ca list' shows it: site/station, role:… or a host; or a serial number")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to (default: here)")
    valid_option(parser, "825d", "for how long it holds")
    parser.set_defaults(run=_renew)


def _renew(options: argparse.Namespace) -> int:
    from deploy.fleet.enrol.steps import renew

    made = renew(authority_of(options), options.name, options.out, now(), options.valid)
    print(f"made: {made.path}, good until {made.until:%Y-%m-%d}; put it where the one before is (a station: /etc/bintally/station.crt)")
    return 0


def _add_revoke(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "take certificates back; the broker knows when it gets the new list"
    parser = actions.add_parser("revoke", help=text, epilog="example: bintally fleet ca revoke ca berlin/pick-3")
    authority_option(parser)
    parser.add_argument("name", metavar="NAME", help="as 'ca list' shows it, for all of that name; or a serial number, for one")
    parser.set_defaults(run=_revoke)


def _revoke(options: argparse.Namespace) -> int:
    from deploy.fleet.enrol.authority import REVOKED
    from deploy.fleet.enrol.steps import revoke

    taken = revoke(authority_of(options), options.name, now())
    print(f"taken back: {len(taken)} of {options.name}")
    print(f"copy {options.authority / REVOKED} to the broker's folder, and restart the broker: that ends connections that are open, too")
    return 0


def authority_of(options: argparse.Namespace) -> Authority:
    """The authority that the options name."""
    from deploy.fleet.enrol.authority import Authority

    return Authority(options.authority, secrets_of(options))
