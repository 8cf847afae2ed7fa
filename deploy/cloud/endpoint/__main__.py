"""The endpoint's server; SageMaker starts it with the word ``serve``.

python -m deploy.cloud.endpoint --port 8080
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from bintally.errors import BintallyError
from bintally.logs import log_to_stderr
from bintally.settings import read_settings
from deploy.cloud.endpoint.settings import EndpointSettings

_PROGRAM = "python -m deploy.cloud.endpoint"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Serve one bundle over HTTP: GET /ping, POST /invocations. Every option is a setting: also BINTALLY_<NAME> in the environment, or <name> in a TOML file.",
        epilog=f"example: {_PROGRAM} --bundle mine.onnx --port 8080",
    )
    parser.add_argument("what", nargs="?", choices=["serve"], help="the word with which SageMaker starts a container")
    for name, field in EndpointSettings.model_fields.items():
        default = "" if field.default is None else f" (default: {field.default})"
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.upper(), help=f"{field.description}{default}")
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings")
    options = vars(parser.parse_args(arguments))
    del options["what"]
    try:
        settings = read_settings(EndpointSettings, options)
        log_to_stderr(logging.INFO)
        from deploy.cloud.endpoint.server import serve

        serve(settings)
    except BintallyError as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(f"{_PROGRAM}: needs {error.name}, which is not installed; run: pip install 'bintally[endpoint]'", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
