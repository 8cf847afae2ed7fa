"""``bintally cloud``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.cloud.endpoint.cli import add_deploy, add_invoke, add_rollback, add_undeploy
from deploy.cloud.options import EVERYWHERE, command, job_settings, stop_on_sigterm

if TYPE_CHECKING:
    from deploy.cloud.jobs import Inputs, Request
    from deploy.cloud.options import Commands
    from deploy.cloud.service import Status
    from deploy.cloud.settings import CloudSettings

_UPLOADS_AT_ONCE = 16


def cloud(arguments: Sequence[str]) -> int:
    """train and count on AWS: data to a bucket, SageMaker jobs, artifacts back, endpoints"""
    parser = argparse.ArgumentParser(
        prog="bintally cloud",
        description=f"{cloud.__doc__}; the recipe stands in deploy/cloud/README.md",
        epilog="example: bintally cloud upload prepared --to s3://bucket/prepared",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_upload, _add_train, _add_tune, _add_status, _add_stop, _add_download):
        add(commands)
    for add in (add_deploy, add_rollback, add_invoke, add_undeploy):
        add(commands)
    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace, CloudSettings], int] = options.run
    return run(options, _settings(options))


def _settings(options: argparse.Namespace) -> CloudSettings:
    from bintally.settings import read_settings
    from deploy.cloud.settings import CloudSettings

    names = [*CloudSettings.model_fields, "config"]
    return read_settings(CloudSettings, {name: getattr(options, name, None) for name in names})


def _add_upload(commands: Commands) -> None:
    parser = command(
        commands,
        "upload",
        _upload,
        "send a prepared folder, a folder in ABID's layout, or a file to a bucket; what is there already is not sent again",
        "bintally cloud upload prepared --to s3://bucket/prepared",
        (*EVERYWHERE, "kms_key"),
    )
    parser.add_argument("path", type=Path, help="the folder or file")
    parser.add_argument("--to", required=True, metavar="URI", help="s3://bucket/folder")


def _upload(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud.aws import connect
    from deploy.cloud.items import items
    from deploy.cloud.storage import upload
    from deploy.cloud.uri import S3Uri

    target = S3Uri.parse(options.to).folder()
    found = items(options.path)
    done = upload(connect("s3", settings, _UPLOADS_AT_ONCE), found, target, settings.kms_key, _UPLOADS_AT_ONCE)
    text = f"{target}: {done.files} files, of which {done.sent} were sent ({done.sent_bytes / 1e6:,.1f} MB); all checksums agree"
    print(json.dumps({"uri": str(target), **asdict(done)}) if options.json else text)
    return 0


def _job_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", nargs="+", required=True, metavar="URI", help="s3://bucket/folder that 'cloud upload' wrote, one or more")
    parser.add_argument("--weights", metavar="URI", help="file of ImageNet weights in a bucket; torchvision's own by default")
    parser.add_argument("--begin", metavar="URI", help="checkpoint, or folder of checkpoints, to begin with instead")
    parser.add_argument("--name", help="of the job; from the time by default")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="options of 'bintally train', such as epochs=12 or sizes='128 192'"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the request as JSON, and start nothing")


def _add_train(commands: Commands) -> None:
    parser = command(
        commands,
        "train",
        _train,
        "start a SageMaker training job",
        "bintally cloud train --config cloud.toml --data s3://bucket/prepared --weights s3://bucket/resnet50.pth --set epochs=12",
        job_settings(),
    )
    _job_options(parser)
    parser.add_argument("--resume", metavar="JOB", help="go on from the last checkpoint of this earlier job, with the same settings")


def _train(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud.jobs import parameters_from, training_request

    inputs = _inputs(options)
    request = training_request(_name(options), settings, inputs, parameters_from(options.set), options.resume)
    return _start(options, settings, inputs, request, request["TrainingJobName"])


def _add_tune(commands: Commands) -> None:
    parser = command(
        commands,
        "tune",
        _tune,
        "start a SageMaker hyperparameter tuning job, which minimises the validation loss",
        "bintally cloud tune --config cloud.toml --data s3://bucket/prepared --weights s3://bucket/resnet50.pth --jobs 8",
        job_settings(),
    )
    _job_options(parser)
    parser.add_argument("--jobs", type=int, default=4, help="training jobs in all (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=2, help="how many of them run at the same time (default: %(default)s)")
    parser.add_argument(
        "--space",
        type=Path,
        metavar="TOML",
        help="what is searched, in the form of 'bintally tune --space'; by default learning rate 0.001 to 0.1, batch size 32 or 64, and 8, 12 or 15 epochs",
    )
    parser.add_argument(
        "--strategy", choices=("Bayesian", "Random"), default="Bayesian", help="how values are chosen (default: %(default)s)"
    )
    parser.add_argument("--early-stopping", action="store_true", help="let AWS stop jobs that do not get better than others did")


def _tune(options: argparse.Namespace, settings: CloudSettings) -> int:
    from bintally.errors import UsageError
    from deploy.cloud.jobs import parameters_from, tuning_request
    from deploy.cloud.space import ranges_from

    try:
        toml = None if options.space is None else options.space.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{options.space}: cannot be read ({error})") from error
    inputs, parameters = _inputs(options), parameters_from(options.set)
    request = tuning_request(
        _name(options),
        settings,
        inputs,
        parameters,
        ranges_from(toml, str(options.space or "the default space"), parameters),
        jobs=options.jobs,
        at_once=options.at_once,
        strategy=options.strategy,
        early_stopping=options.early_stopping,
    )
    return _start(options, settings, inputs, request, request["HyperParameterTuningJobName"])


def _name(options: argparse.Namespace) -> str:
    return options.name or f"bintally-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"


def _inputs(options: argparse.Namespace) -> Inputs:
    from deploy.cloud.jobs import Inputs
    from deploy.cloud.uri import S3Uri

    one = {name: S3Uri.parse(uri) if (uri := getattr(options, name)) else None for name in ("weights", "begin")}
    return Inputs([S3Uri.parse(uri) for uri in options.data], **one)


def _start(options: argparse.Namespace, settings: CloudSettings, inputs: Inputs, request: Request, name: str) -> int:
    from deploy.cloud.aws import connect
    from deploy.cloud.service import start
    from deploy.cloud.storage import require, require_bucket
    from deploy.cloud.uri import S3Uri

    if options.dry_run:
        print(json.dumps(request, indent=1))
        return 0
    s3 = connect("s3", settings)
    for uri in inputs.channels().values():
        require(s3, uri)
    require_bucket(s3, S3Uri.parse(str(settings.output)))
    arn = start(connect("sagemaker", settings), request)
    print(
        json.dumps({"name": name, "arn": arn}) if options.json else f"{name}: started; 'bintally cloud status {name}' shows how it gets on"
    )
    return 0


def _add_status(commands: Commands) -> None:
    parser = command(
        commands,
        "status",
        _status,
        "show a job's state, metric and, of a tuning job, the best one, or an endpoint's state; exit code 1 where it has failed",
        "bintally cloud status bintally-20261121-101500 --wait",
        EVERYWHERE,
    )
    parser.add_argument("name", help="of a training or tuning job, or of an endpoint")
    parser.add_argument("--wait", action="store_true", help="until it has ended; an endpoint, until it answers")


def _status(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud import service
    from deploy.cloud.aws import connect
    from deploy.cloud.states import as_text

    sagemaker = connect("sagemaker", settings)
    if options.wait:
        job = service.wait(
            lambda: service.status(sagemaker, options.name),
            stop_on_sigterm(),
            lambda now: print(as_text(now).partition("\n")[0], file=sys.stderr),
        )
    else:
        job = service.status(sagemaker, options.name)
    _show(job, options.json)
    service.refuse_failed(job)
    return 0


def _show(job: Status, as_json: bool) -> None:
    from deploy.cloud.states import as_text

    print(json.dumps(asdict(job)) if as_json else as_text(job))


def _add_stop(commands: Commands) -> None:
    parser = command(
        commands, "stop", _stop, "stop a job; what it has so far is kept", "bintally cloud stop bintally-20261121-101500", EVERYWHERE
    )
    parser.add_argument("name", help="of a training or tuning job")


def _stop(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud import service
    from deploy.cloud.aws import connect

    _show(service.end(connect("sagemaker", settings), options.name), options.json)
    return 0


def _add_download(commands: Commands) -> None:
    parser = command(
        commands,
        "download",
        _download,
        "fetch the checkpoint of a training job, or of a tuning job's best one",
        "bintally cloud download bintally-20261121-101500 --out runs/cloud",
        EVERYWHERE,
    )
    parser.add_argument("name", help="of a training or tuning job")
    parser.add_argument("--out", type=Path, required=True, help="folder for best.pt and metrics.jsonl")


def _download(options: argparse.Namespace, settings: CloudSettings) -> int:
    from deploy.cloud.aws import connect
    from deploy.cloud.service import artifacts
    from deploy.cloud.storage import download

    name, archive = artifacts(connect("sagemaker", settings), options.name)
    files = [str(path) for path in download(connect("s3", settings), archive, options.out)]
    print(json.dumps({"job": name, "archive": str(archive), "files": files}) if options.json else f"{name}: {', '.join(files)}")
    return 0
