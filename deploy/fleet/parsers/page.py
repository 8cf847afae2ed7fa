"""``bintally fleet page`` and ``bintally fleet page-token``."""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path

from deploy.fleet.parsers.fleet_options import database_option, store_of
from deploy.fleet.parsers.types import port

_TOKENS = Path("page-tokens")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "serve the fleet's page: stations, roll-outs with a stop button, who did what"
    parser = commands.add_parser(
        "page",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. It reads and orders; 'bintally fleet run' moves and signs.",
        epilog="example: bintally fleet page-token ann && bintally fleet page --database sqlite:///fleet.db",
    )
    parser.set_defaults(run=_page)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port, default=8481, help="(default: %(default)s)")
    parser.add_argument(
        "--proxy",
        type=_network,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address or network of a web server in front that sets X-Forwarded-For and -Proto; may be repeated",
    )
    _tokens_option(parser)
    database_option(parser)


def add_token(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "let somebody use the fleet's page: shows a new token, and writes its hash into the file"
    parser = commands.add_parser(
        "page-token", help=text, description=f"{text[0].upper()}{text[1:]}.", epilog="example: bintally fleet page-token ann"
    )
    parser.set_defaults(run=_page_token)
    parser.add_argument("name", metavar="NAME", help="who gets it, as the log is to show it; an earlier token of the same name ends")
    _tokens_option(parser)


def _tokens_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tokens",
        type=Path,
        default=_TOKENS,
        metavar="FILE",
        help="names and hashes of who may use the page, mode 0600 (default: %(default)s)",
    )


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no address or network, such as 10.0.0.7 or 172.16.0.0/12") from error


def _page(options: argparse.Namespace) -> int:
    import logging

    from bintally.logs import log_to_stderr
    from deploy.fleet.page.app import Page
    from deploy.fleet.page.server import serve
    from deploy.fleet.page.tokens import TokenFile

    log_to_stderr(logging.INFO)
    tokens = TokenFile(options.tokens)
    with store_of(options) as store:
        serve(Page(store, tokens), options.host, options.port, options.proxy)
    return 0


def _page_token(options: argparse.Namespace) -> int:
    import sys

    from deploy.fleet.page.tokens import make_token

    token = make_token(options.tokens, options.name)
    print(token)
    print(f"{options.name} logs in with it; {options.tokens} has only its hash, so it is shown this once", file=sys.stderr)
    return 0
