"""SageMaker's side of jobs: start, look, wait, stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from bintally.errors import InputError, UnavailableError
from deploy.cloud.aws import described, translated
from deploy.cloud.endpoint.service import look as look_at_endpoint
from deploy.cloud.endpoint.states import EndpointStatus
from deploy.cloud.jobs import Request
from deploy.cloud.states import TrainingStatus, TuningStatus, training_status, tuning_status
from deploy.cloud.uri import S3Uri

_LONGEST_TUNING_NAME = 32
Job = TrainingStatus | TuningStatus
Status = Job | EndpointStatus
_Looked = TypeVar("_Looked", bound=Status)


def start(sagemaker: Any, request: Request) -> str:
    """Start a training or tuning job; its ARN.

    Raises:
        InputError: the name is taken, or AWS refuses the request, for instance because the role cannot be taken on.
        UnavailableError: AWS forbids it, the quota is used up, or AWS does not answer.
    """
    if "TrainingJobName" in request:
        with translated(f"training job {request['TrainingJobName']}"):
            return str(sagemaker.create_training_job(**request)["TrainingJobArn"])
    with translated(f"tuning job {request['HyperParameterTuningJobName']}"):
        return str(sagemaker.create_hyper_parameter_tuning_job(**request)["HyperParameterTuningJobArn"])


def status(sagemaker: Any, name: str) -> Status:
    """The state of a training job, of a tuning job with its training jobs, or of an endpoint.

    Raises:
        InputError: there is nothing of this name.
        UnavailableError: AWS forbids it or does not answer.
    """
    found = _job(sagemaker, name) or look_at_endpoint(sagemaker, name)
    if found is None:
        raise InputError(
            f"there is no training job, tuning job or endpoint {name!r} in {sagemaker.meta.region_name}; check the name and --region"
        )
    return found


def _must_be_job(sagemaker: Any, name: str) -> Job:
    found = _job(sagemaker, name)
    if found is None:
        raise InputError(f"there is no training or tuning job {name!r} in {sagemaker.meta.region_name}; check the name and --region")
    return found


def _job(sagemaker: Any, name: str) -> Job | None:
    found = described(lambda: sagemaker.describe_training_job(TrainingJobName=name), name)
    if found is not None:
        return training_status(found)
    if len(name) > _LONGEST_TUNING_NAME:
        return None
    tuning = described(lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name), name)
    if tuning is None:
        return None
    with translated(name):
        pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(HyperParameterTuningJobName=name)
        return tuning_status(tuning, [summary for page in pages for summary in page["TrainingJobSummaries"]])


def wait(look: Callable[[], _Looked], stop: threading.Event, show: Callable[[_Looked], object], every_s: float = 30) -> _Looked:
    """Look until a job has ended, an endpoint has come to rest, or ``stop`` is set; each state is given to ``show``."""
    while True:
        now = look()
        if now.ended_at_all:
            return now
        show(now)
        if stop.wait(every_s):
            return now


def refuse_failed(job: Status) -> None:
    """Raise if a job or an endpoint has failed, with AWS's reason."""
    if job.state.endswith("Failed"):  # an endpoint may be UpdateRollbackFailed, too
        raise UnavailableError(f"{job.name} failed: {job.reason or 'AWS gives no reason; its log in CloudWatch may'}")


def end(sagemaker: Any, name: str) -> Job:
    """Ask a job to stop; it saves what it has. A job that has ended is left as it is."""
    job = _must_be_job(sagemaker, name)
    if job.ended_at_all:
        return job
    with translated(name):
        if isinstance(job, TrainingStatus):
            sagemaker.stop_training_job(TrainingJobName=name)
        else:
            sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    return _must_be_job(sagemaker, name)


def artifacts(sagemaker: Any, name: str) -> tuple[str, S3Uri]:
    """Name and ``model.tar.gz`` of a training job that has ended, or of a tuning job's best one.

    Raises:
        InputError: it is still running, or has nothing to fetch.
        UnavailableError: it has failed.
    """
    job = _must_be_job(sagemaker, name)
    if isinstance(job, TuningStatus):
        if job.best is None:
            refuse_failed(job)
            raise InputError(f"{name}: none of its {len(job.jobs)} training jobs has a result yet; 'bintally cloud status' shows them")
        job = _must_be_job(sagemaker, job.best)
    refuse_failed(job)
    if not job.ended_at_all:
        raise InputError(f"{job.name}: is still running; wait for it with 'bintally cloud status {job.name} --wait'")
    if not isinstance(job, TrainingStatus) or not job.artifacts:
        raise InputError(f"{job.name}: left no artifacts; it was stopped before its first epoch ended")
    return job.name, S3Uri.parse(job.artifacts)
