"""Every call to SageMaker, with its request and its answers checked by botocore's own model."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import pytest

from bintally.errors import BintallyError, InputError, UnavailableError
from deploy.cloud import service
from deploy.cloud.jobs import METRIC, Inputs, training_request, tuning_request
from deploy.cloud.settings import CloudSettings
from deploy.cloud.space import ranges_from
from deploy.cloud.states import TrainingStatus, TuningStatus, as_text
from deploy.cloud.uri import S3Uri

ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/first"
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=timezone.utc)
INPUTS = Inputs([S3Uri("bucket", "data")])
NO_JOB = ("ValidationException", "Requested resource not found.")


def described(state: str, **more: Any) -> dict[str, Any]:
    required = {
        "TrainingJobArn": ARN,
        "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/jobs/first/output/model.tar.gz"},
        "SecondaryStatus": state,
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 50},
        "StoppingCondition": {},
        "CreationTime": NOW,
    }
    return {"TrainingJobName": "first", "TrainingJobStatus": state, **required, **more}


def tuning(state: str, **more: Any) -> dict[str, Any]:
    counters: dict[str, Any] = {"TrainingJobStatusCounters": {}, "ObjectiveStatusCounters": {}}
    config = {"Strategy": "Bayesian", "ResourceLimits": {"MaxParallelTrainingJobs": 2}}
    arn = ARN.replace("training-job", "hyper-parameter-tuning-job")
    named = {"HyperParameterTuningJobName": "search", "HyperParameterTuningJobArn": arn, "HyperParameterTuningJobStatus": state}
    return {**named, "HyperParameterTuningJobConfig": config, "CreationTime": NOW, **counters, **more}


def summary(name: str, state: str, loss: float | None, **more: Any) -> dict[str, Any]:
    metric = {} if loss is None else {"FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": METRIC, "Value": loss}}
    known = {"TrainingJobName": name, "TrainingJobArn": ARN, "TrainingJobStatus": state, "CreationTime": NOW}
    return {**known, "TunedHyperParameters": {"epochs": "8"}, **metric, **more}


def expect_tuning(answers: Any, description: dict[str, Any], pages: list[list[dict[str, Any]]]) -> None:
    """The answers to one look at a tuning job."""
    answers.add_client_error("describe_training_job", *NO_JOB, expected_params={"TrainingJobName": "search"})
    name = {"HyperParameterTuningJobName": "search"}
    answers.add_response("describe_hyper_parameter_tuning_job", description, name)
    for number, page in enumerate(pages):
        answer: dict[str, Any] = {"TrainingJobSummaries": page}
        answer |= {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        asked = {**name, "NextToken": str(number)} if number else name
        answers.add_response("list_training_jobs_for_hyper_parameter_tuning_job", answer, asked)


def test_a_training_job_is_started_with_the_request_as_it_is(sagemaker: Any, answers: Any, settings: CloudSettings) -> None:
    request = training_request("first", settings, INPUTS, {"epochs": "3"})
    answers.add_response("create_training_job", {"TrainingJobArn": ARN}, request)
    assert service.start(sagemaker, request) == ARN


def test_a_tuning_job_is_started_with_the_request_as_it_is(sagemaker: Any, answers: Any, settings: CloudSettings) -> None:
    request = tuning_request("search", settings, INPUTS, {}, ranges_from(None, "default"))
    answers.add_response("create_hyper_parameter_tuning_job", {"HyperParameterTuningJobArn": ARN}, request)
    assert service.start(sagemaker, request) == ARN


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        ("ResourceInUse", "taken", InputError, "training job first: a job of this name is there already; choose another --name"),
        ("ResourceLimitExceeded", "0 ml.g5.2xlarge", UnavailableError, "0 ml.g5.2xlarge; ask AWS for a higher quota"),
        ("ValidationException", "Could not assume role arn:x", InputError, "AWS refuses it: Could not assume role arn:x"),
        ("AccessDeniedException", "not authorized", UnavailableError, r"AWS forbids it \(not authorized\)"),
        ("ExpiredTokenException", "expired", UnavailableError, "no usable AWS credentials"),
        ("ThrottlingException", "too fast", UnavailableError, "AWS answered ThrottlingException: too fast"),
    ],
)
def test_a_refusal_says_what_to_do(
    sagemaker: Any, answers: Any, settings: CloudSettings, code: str, message: str, kind: type[BintallyError], words: str
) -> None:
    answers.add_client_error("create_training_job", code, message)
    with pytest.raises(kind, match=words) as caught:
        service.start(sagemaker, training_request("first", settings, INPUTS, {}))
    assert caught.value.exit_code == 1


def test_a_training_jobs_state_has_the_loss_and_the_artifacts(sagemaker: Any, answers: Any) -> None:
    metric = {"MetricName": METRIC, "Value": 1.2300000190734863, "Timestamp": NOW}
    found = described(
        "Completed", FinalMetricDataList=[metric], BillableTimeInSeconds=60, HyperParameters={"epochs": "3"}, TrainingStartTime=NOW
    )
    answers.add_response("describe_training_job", found, {"TrainingJobName": "first"})
    job = service.status(sagemaker, "first")
    assert isinstance(job, TrainingStatus)
    assert (job.state, job.loss, job.billed_s, job.started) == ("Completed", 1.23, 60, "2026-11-21T10:00:00+00:00")
    assert as_text(job).splitlines() == [
        "first: Completed", "average test loss: 1.23", "paid for 60 s", "artifacts: s3://bucket/jobs/first/output/model.tar.gz"
    ]  # fmt: skip


def test_a_tuning_jobs_state_ranks_all_pages_of_its_jobs(sagemaker: Any, answers: Any) -> None:
    pages = [
        [summary("a", "Completed", 1.5), summary("b", "InProgress", None)],
        [summary("c", "Failed", None), summary("d", "Completed", 1.1)],
    ]
    expect_tuning(answers, tuning("InProgress", BestTrainingJob={**summary("d", "Completed", 1.1)}), pages)
    job = service.status(sagemaker, "search")
    assert isinstance(job, TuningStatus)
    assert [one.name for one in job.jobs] == ["d", "a", "b", "c"]
    assert job.best == "d"
    text = as_text(job).splitlines()
    assert text[0] == "search: InProgress, 2 of 4 jobs completed"
    assert text[2].split() == ["d", "Completed", "1.1", "epochs", "8", "best"]


@pytest.mark.parametrize("tuning_error", [NO_JOB, ("ResourceNotFound", "no such job")])
def test_an_unknown_job_is_named_with_the_region(sagemaker: Any, answers: Any, tuning_error: tuple[str, str]) -> None:
    answers.add_client_error("describe_training_job", *NO_JOB)
    answers.add_client_error("describe_hyper_parameter_tuning_job", *tuning_error)
    answers.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint")
    with pytest.raises(InputError, match="no training job, tuning job or endpoint 'first' in us-east-1"):
        service.status(sagemaker, "first")


def test_a_forbidden_look_is_not_taken_for_an_unknown_job(sagemaker: Any, answers: Any) -> None:
    answers.add_client_error("describe_training_job", "AccessDeniedException", "not authorized")
    with pytest.raises(UnavailableError, match="forbids"):
        service.status(sagemaker, "first")


def test_waiting_looks_until_the_job_has_ended(sagemaker: Any, answers: Any) -> None:
    for state in ("InProgress", "Stopping", "Stopped"):
        answers.add_response("describe_training_job", described(state))
    shown: list[str] = []
    job = service.wait(lambda: service.status(sagemaker, "first"), threading.Event(), lambda now: shown.append(now.state), every_s=0)
    assert (job.state, shown) == ("Stopped", ["InProgress", "Stopping"])


def test_waiting_can_be_given_up(sagemaker: Any, answers: Any) -> None:
    answers.add_response("describe_training_job", described("InProgress"))
    stop = threading.Event()
    stop.set()
    assert service.wait(lambda: service.status(sagemaker, "first"), stop, lambda _: None).state == "InProgress"


def test_a_failed_job_gives_awss_reason(sagemaker: Any, answers: Any) -> None:
    answers.add_response("describe_training_job", described("Failed", FailureReason="AlgorithmError: the loss is nan"))
    with pytest.raises(UnavailableError, match="first failed: AlgorithmError: the loss is nan"):
        service.artifacts(sagemaker, "first")


def test_stopping_asks_for_the_right_kind_of_job(sagemaker: Any, answers: Any) -> None:
    answers.add_response("describe_training_job", described("InProgress"))
    answers.add_response("stop_training_job", {}, {"TrainingJobName": "first"})
    answers.add_response("describe_training_job", described("Stopping"))
    assert service.end(sagemaker, "first").state == "Stopping"
    expect_tuning(answers, tuning("InProgress"), [[]])
    answers.add_response("stop_hyper_parameter_tuning_job", {}, {"HyperParameterTuningJobName": "search"})
    expect_tuning(answers, tuning("Stopping"), [[]])
    assert service.end(sagemaker, "search").state == "Stopping"


def test_a_job_that_has_ended_is_not_stopped_again(sagemaker: Any, answers: Any) -> None:
    answers.add_response("describe_training_job", described("Completed"))
    assert service.end(sagemaker, "first").state == "Completed"


def test_the_artifacts_of_a_search_are_its_best_jobs(sagemaker: Any, answers: Any) -> None:
    expect_tuning(answers, tuning("Completed", BestTrainingJob=summary("first", "Completed", 1.0)), [[summary("first", "Completed", 1.0)]])
    answers.add_response("describe_training_job", described("Completed"), {"TrainingJobName": "first"})
    assert service.artifacts(sagemaker, "search") == ("first", S3Uri("bucket", "jobs/first/output/model.tar.gz"))


def test_a_search_without_a_result_has_no_artifacts(sagemaker: Any, answers: Any) -> None:
    expect_tuning(answers, tuning("InProgress"), [[summary("a", "InProgress", None)]])
    with pytest.raises(InputError, match="none of its 1 training jobs has a result yet"):
        service.artifacts(sagemaker, "search")


def test_a_failed_search_gives_awss_reason(sagemaker: Any, answers: Any) -> None:
    expect_tuning(answers, tuning("Failed", FailureReason="all jobs failed"), [[summary("a", "Failed", None)]])
    with pytest.raises(UnavailableError, match="search failed: all jobs failed"):
        service.artifacts(sagemaker, "search")


def test_a_running_job_has_no_artifacts_yet(sagemaker: Any, answers: Any) -> None:
    answers.add_response("describe_training_job", described("InProgress"))
    with pytest.raises(InputError, match="still running; wait for it with 'bintally cloud status first --wait'"):
        service.artifacts(sagemaker, "first")
