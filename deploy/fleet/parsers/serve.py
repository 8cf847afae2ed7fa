"""``bintally fleet serve``."""

from __future__ import annotations

import argparse

from deploy.fleet.parsers.options import command, folder_of


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command(
        commands,
        "serve",
        _serve,
        "serve a repository over HTTP, for trials and small sites; without TLS, which is a web server's work",
        "serve repository --port 8080",
        keys=False,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s; 0.0.0.0 for all)")
    parser.add_argument("--port", type=int, default=8080, help="0 for any that is free (default: %(default)s)")


def _serve(options: argparse.Namespace) -> int:
    from deploy.fleet.repository.serving import serve

    serve(folder_of(options), options.host, options.port)
    return 0
