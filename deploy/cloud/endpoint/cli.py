"""``bintally cloud deploy``, ``rollback``, ``invoke`` and ``undeploy``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.cloud.options import EVERYWHERE, command, endpoint_settings, stop_on_sigterm

if TYPE_CHECKING:
    from deploy.cloud.endpoint.client import Ask
    from deploy.cloud.endpoint.states import EndpointStatus
    from deploy.cloud.options import Commands
    from deploy.cloud.settings import CloudSettings


def add_deploy(commands: Commands) -> None:
    """Add ``deploy``."""
    parser = command(
        commands,
        "deploy",
        _deploy,
        "serve a bundle from a SageMaker endpoint, or bring one that is there to it",
        "bintally cloud deploy mine.onnx --name bins --config cloud.toml --wait",
        endpoint_settings(),
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="an .onnx file that 'bintally export' wrote; 'default' is the shipped one")
    parser.add_argument("--name", required=True, help="of the endpoint")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the server, such as max_images=64")
    parser.add_argument("--wait", action="store_true", help="until it answers")


def _deploy(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud.aws import connect
    from deploy.cloud.endpoint import service
    from deploy.cloud.endpoint.requests import ARCHIVE, environment_from, packed, plan
    from deploy.cloud.items import Item
    from deploy.cloud.jobs import output
    from deploy.cloud.storage import upload

    digest, name, content = _bundle(options.bundle)
    folder = output(settings) / f"{options.name}/{digest}/"
    planned = plan(options.name, datetime.now(timezone.utc), settings, folder / ARCHIVE, environment_from(options.set))
    archive = packed(content, name)
    sagemaker = connect("sagemaker", settings)
    upload(connect("s3", settings), [Item(ARCHIVE, archive, len(archive))], folder, settings.kms_key)
    before = service.deploy(sagemaker, planned)
    more = {"archive": str(folder / ARCHIVE), "digest": digest}
    return follow(options, sagemaker, planned.name, planned.resource, before, more)


def _bundle(name: str) -> tuple[str, str, bytes]:
    """Digest, name and content of a bundle's file; whether it counts as it should is proven where it will be served."""
    import hashlib

    from bintally.errors import UnavailableError

    try:
        from bintally.bundle import DEFAULT_BUNDLE, read_manifest
    except ModuleNotFoundError as error:
        raise UnavailableError(f"needs {error.name}, which is not installed; run: pip install 'bintally[cloud,endpoint]'") from error
    path = DEFAULT_BUNDLE if name == "default" else Path(name)
    manifest = read_manifest(path)
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), f"{manifest.name}-{manifest.version}.onnx", content


def add_rollback(commands: Commands) -> None:
    """Add ``rollback``."""
    parser = command(
        commands,
        "rollback",
        _rollback,
        "bring an endpoint back to an earlier configuration; 'deploy' names the one that it replaces",
        "bintally cloud rollback bins bins-20261121-101500 --wait",
        EVERYWHERE,
    )
    parser.add_argument("name", help="of the endpoint")
    parser.add_argument("to", metavar="CONFIG", help="the configuration")
    parser.add_argument("--wait", action="store_true", help="until it answers from that")


def _rollback(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud.aws import connect
    from deploy.cloud.endpoint.service import roll_back

    sagemaker = connect("sagemaker", settings)
    return follow(options, sagemaker, options.name, options.to, roll_back(sagemaker, options.name, options.to), {})


def follow(
    options: argparse.Namespace,
    sagemaker: Any,
    name: str,
    config: str,
    before: EndpointStatus | None,
    more: dict[str, str],
    every_s: float = 30,
) -> int:
    """Wait if that is asked for, and say what there is now.

    Args:
        options: of the command.
        sagemaker: client.
        name: of the endpoint.
        config: that it is to answer from.
        before: the endpoint as it was.
        more: for the JSON.
        every_s: how often the endpoint is looked at.

    Raises:
        UnavailableError: it has come to rest, and does not answer from there.
    """
    from deploy.cloud.endpoint.service import must_look, refuse_not_serving
    from deploy.cloud.service import wait

    previous = None if before is None else before.config
    if not options.json and previous is not None:
        print(f"{name}: answers from {previous} until {config} is ready; to go back: bintally cloud rollback {name} {previous}")
    if options.wait:
        now = wait(lambda: must_look(sagemaker, name), stop_on_sigterm(), lambda state: print(state, file=sys.stderr), every_s)
    else:
        now = must_look(sagemaker, name)
    if options.json:
        print(json.dumps({**asdict(now), "wanted": config, "previous": previous, **more}))
    elif now.ended_at_all:
        print(now)
    else:
        print(f"{name}: {now.state}; 'bintally cloud status {name} --wait' waits until it answers")
    if options.wait and now.ended_at_all:
        refuse_not_serving(now, config)
    return 0


def add_invoke(commands: Commands) -> None:
    """Add ``invoke``."""
    parser = command(
        commands, "invoke", _invoke, "count image files by an endpoint", "bintally cloud invoke bins bin-1.jpg bin-2.jpg", EVERYWHERE
    )
    parser.usage = "bintally cloud invoke [options] (NAME | --url URL) IMAGE [IMAGE ...]"
    parser.add_argument("words", nargs="+", metavar="NAME IMAGE", help="the endpoint, unless --url is given, and image files")
    parser.add_argument("--url", help="a server of your own instead, such as http://127.0.0.1:8080")


def _invoke(options: argparse.Namespace, settings: CloudSettings) -> int:
    from bintally.decision import Decision
    from bintally.errors import InputError

    ask, images = _asked(options, settings)
    width = max(5, *(len(image) for image in images))
    if not options.json:
        print(f"{'image':<{width}}  {'count':<9}  confidence  {'ms':>6}")
    failed = False
    for image in images:
        try:
            answer = ask(_content(image))
        except InputError as error:
            print(f"bintally cloud: {image}: {error}", file=sys.stderr)
            failed = True
            continue
        if options.json:
            print(json.dumps({"file": image, **answer.model_dump()}))
        else:
            words = Decision(answer.counted, answer.at_least, answer.unsure, answer.confidence).words()
            print(f"{image:<{width}}  {words:<9}  {answer.confidence:>10.0%}  {answer.frame_ms:>6.1f}")
    return 1 if failed else 0


def _asked(options: argparse.Namespace, settings: CloudSettings) -> tuple[Ask, list[str]]:
    from bintally.errors import UsageError
    from deploy.cloud.aws import connect
    from deploy.cloud.endpoint.client import ask_endpoint, ask_url

    if options.url is not None:
        return ask_url(options.url), options.words
    name, *images = options.words
    if not images:
        raise UsageError(f"{name}: name the endpoint and at least one image, or give --url")
    return ask_endpoint(connect("sagemaker-runtime", settings), name), images


def _content(image: str) -> bytes:
    from bintally.errors import InputError

    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from error


def add_undeploy(commands: Commands) -> None:
    """Add ``undeploy``."""
    parser = command(
        commands,
        "undeploy",
        _undeploy,
        "delete an endpoint with its models and configurations; the archives in the bucket stay",
        "bintally cloud undeploy bins",
        EVERYWHERE,
    )
    parser.add_argument("name", help="of the endpoint")


def _undeploy(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud.aws import connect
    from deploy.cloud.endpoint.service import undeploy

    gone = undeploy(connect("sagemaker", settings), options.name)
    print(json.dumps({"name": options.name, "deleted": gone}) if options.json else f"deleted: {', '.join(gone)}")
    return 0
