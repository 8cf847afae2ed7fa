"""The requests that start jobs (pure).

Source:
    Amazon SageMaker API Reference: CreateTrainingJob, CreateHyperParameterTuningJob.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bintally.errors import UsageError
from deploy.cloud.settings import CloudSettings
from deploy.cloud.space import Ranges
from deploy.cloud.uri import S3Uri

METRIC, METRIC_REGEX = "average test loss", r"Testing Loss: ([0-9\.]+)"
WEIGHTS, BEGIN = "weights", "begin"
"""Channels whose files are given to ``bintally train`` as these options; all others are data."""
RESERVED = ("data", "out", "resume", WEIGHTS, BEGIN)
"""Options of ``bintally train`` that the container gives itself."""
_TRAINING_NAME, _TUNING_NAME = 63, 32

Request = dict[str, Any]


@dataclass(frozen=True)
class Inputs:
    """Where a job's data lie.

    Attributes:
        data: folders that ``bintally cloud upload`` wrote.
        weights: one file of ImageNet weights.
        begin: a checkpoint, or a folder of checkpoints, to begin with.
    """

    data: Sequence[S3Uri]
    weights: S3Uri | None = None
    begin: S3Uri | None = None

    def channels(self) -> dict[str, S3Uri]:
        """Name and address of each channel; the container takes the data in the order of the names."""
        one = len(self.data) == 1
        named = {"data" if one else f"data-{number:02}": uri.folder() for number, uri in enumerate(self.data, 1)}
        return named | {name: uri for name, uri in ((WEIGHTS, self.weights), (BEGIN, self.begin)) if uri is not None}


def training_request(
    name: str, settings: CloudSettings, inputs: Inputs, parameters: Mapping[str, str], resume: str | None = None
) -> Request:
    """CreateTrainingJob's request.

    Args:
        name: of the job.
        settings: of the job.
        inputs: of the job.
        parameters: options of ``bintally train``.
        resume: an earlier job with the same output, from whose last checkpoint this one goes on.

    Raises:
        UsageError: name, settings or parameters cannot be.
    """
    refuse_name(name, _TRAINING_NAME)
    return {
        "TrainingJobName": name,
        "HyperParameters": dict(parameters),
        **_definition(settings, inputs),
        "CheckpointConfig": _checkpoints(settings, resume or name),
        **tags(settings),
    }


def tuning_request(
    name: str,
    settings: CloudSettings,
    inputs: Inputs,
    parameters: Mapping[str, str],
    ranges: Ranges,
    *,
    jobs: int = 4,
    at_once: int = 2,
    strategy: str = "Bayesian",
    early_stopping: bool = False,
) -> Request:
    """CreateHyperParameterTuningJob's request.

    Args:
        name: of the tuning job.
        settings: of each training job.
        inputs: of each training job.
        parameters: that are the same in all training jobs.
        ranges: that are searched.
        jobs: how many training jobs.
        at_once: how many of them run at the same time.
        strategy: Bayesian or Random.
        early_stopping: whether AWS may stop training jobs that do not get better than others did.

    Raises:
        UsageError: name, numbers, settings or parameters cannot be.
    """
    refuse_name(name, _TUNING_NAME)
    if not 1 <= at_once <= jobs:
        raise UsageError(f"--at-once {at_once}: must be from 1 to the number of --jobs, {jobs}")
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": METRIC},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": at_once},
            "ParameterRanges": ranges,
            "TrainingJobEarlyStoppingType": "Auto" if early_stopping else "Off",
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": dict(parameters),
            **_definition(settings, inputs),
            # each job would fetch the others' checkpoints too, so they are kept only where a job may be interrupted
            **({"CheckpointConfig": _checkpoints(settings, name)} if settings.spot else {}),
        },
        **tags(settings),
    }


def parameters_from(words: Sequence[str]) -> dict[str, str]:
    """Hyperparameters from ``name=value`` words; the names are those of ``bintally train``'s options, lists are words.

    Raises:
        UsageError: a word has another form, or names what the container gives itself.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.removeprefix("--").replace("-", "_")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise UsageError(f"--set {word}: must look like name=value, for instance learning_rate=0.001")
        if name in RESERVED:
            raise UsageError(f"--set {word}: the container gives --{name} itself; data and weights come from their own options")
        if name in found:
            raise UsageError(f"--set {word}: {name} is given twice")
        found[name] = value
    return found


def _definition(settings: CloudSettings, inputs: Inputs) -> Request:
    """What training and tuning requests have in common."""
    role, image = needed(settings, "role"), needed(settings, "image")
    if settings.instance_count > 1 and settings.isolated:
        raise UsageError("--isolated: machines cannot train together without a network; take --instance-count 1")
    if settings.isolated and inputs.weights is None and inputs.begin is None:
        raise UsageError("--isolated: torchvision's weights cannot be fetched without a network; give --weights or --begin")
    key = {"KmsKeyId": settings.kms_key} if settings.kms_key else {}
    return {
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": METRIC, "Regex": METRIC_REGEX}],
        },
        "RoleArn": role,
        "InputDataConfig": [_channel(name, uri) for name, uri in inputs.channels().items()],
        "OutputDataConfig": {"S3OutputPath": str(output(settings)), **key},
        "ResourceConfig": _machines(settings),
        "StoppingCondition": _limits(settings),
        "EnableManagedSpotTraining": settings.spot,
        "EnableNetworkIsolation": settings.isolated,
        **network(settings),
    }


def _channel(name: str, uri: S3Uri) -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": str(uri), "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def _checkpoints(settings: CloudSettings, job: str) -> Request:
    return {"S3Uri": str(output(settings) / f"{job}/checkpoints/"), "LocalPath": "/opt/ml/checkpoints"}


def _machines(settings: CloudSettings) -> Request:
    key = {"VolumeKmsKeyId": settings.volume_kms_key} if settings.volume_kms_key else {}
    return {
        "InstanceType": settings.instance_type,
        "InstanceCount": settings.instance_count,
        "VolumeSizeInGB": settings.volume_gb,
        **key,
    }


def _limits(settings: CloudSettings) -> Request:
    run_h = settings.max_runtime_h
    if not settings.spot:
        if settings.max_wait_h is not None:
            raise UsageError("--max-wait-h: only spot jobs wait; give --spot too")
        return {"MaxRuntimeInSeconds": round(run_h * 3600)}
    wait_h = 2 * run_h if settings.max_wait_h is None else settings.max_wait_h
    if wait_h < run_h:
        raise UsageError(f"--max-wait-h {wait_h}: must not be less than --max-runtime-h {run_h}")
    return {"MaxRuntimeInSeconds": round(run_h * 3600), "MaxWaitTimeInSeconds": round(wait_h * 3600)}


def network(settings: CloudSettings) -> Request:
    """Your VPC, if there is one."""
    if bool(settings.subnets) != bool(settings.security_groups):
        raise UsageError("--subnets and --security-groups: a VPC needs both; give the other one too")
    if not settings.subnets:
        return {}
    return {"VpcConfig": {"Subnets": list(settings.subnets), "SecurityGroupIds": list(settings.security_groups)}}


def tags(settings: CloudSettings) -> Request:
    """For the bill."""
    return {"Tags": [{"Key": name, "Value": value} for name, value in settings.tags.items()]} if settings.tags else {}


def output(settings: CloudSettings) -> S3Uri:
    """The folder for what is made."""
    return S3Uri.parse(needed(settings, "output"))


def needed(settings: CloudSettings, name: str) -> str:
    """A setting.

    Raises:
        UsageError: it is not set.
    """
    value = getattr(settings, name)
    if value is None:
        raise UsageError(f"{name} is not set; give --{name.replace('_', '-')}, BINTALLY_{name.upper()} or {name} in a TOML file (--config)")
    return str(value)


def refuse_name(name: str, longest: int) -> None:
    """Raise if AWS would not take a name, or not with what is added to it."""
    if len(name) > longest or not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name):
        raise UsageError(f"--name {name}: must be 1 to {longest} letters, digits and hyphens, with no hyphen at its ends")
