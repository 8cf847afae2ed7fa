"""Every call to SageMaker for endpoints, with its request and its answers checked by botocore's own model."""

from __future__ import annotations

import json
import threading
from argparse import Namespace
from datetime import datetime, timezone
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError  # type: ignore[import-untyped]

from bintally.errors import BintallyError, InputError, UnavailableError
from deploy.cloud import service as jobs
from deploy.cloud.endpoint import service
from deploy.cloud.endpoint.cli import follow
from deploy.cloud.endpoint.requests import Plan, is_of, plan
from deploy.cloud.endpoint.states import EndpointStatus
from deploy.cloud.states import as_text
from deploy.cloud.uri import S3Uri
from tests.deploy.cloud.conftest import ROLE, made
from tests.deploy.cloud.test_service import NO_JOB

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/bins"
NEW, OLD = "bins-20261121-120000", "bins-20261120-120000"
NO_ENDPOINT = ("ValidationException", "Could not find endpoint.")
NAME = {"EndpointName": "bins"}


@pytest.fixture
def planned() -> Plan:
    settings = made(role=ROLE, endpoint_image="image", output="s3://bucket", tags={"team": "vision"})
    return plan("bins", NOW, settings, S3Uri("bucket", "model.tar.gz"), {})


def described(state: str, config: str = OLD, **more: Any) -> dict[str, Any]:
    times = {"CreationTime": NOW, "LastModifiedTime": NOW}
    return {**NAME, "EndpointArn": ARN, "EndpointConfigName": config, "EndpointStatus": state, **times, **more}


def expect_made(answers: Any, planned: Plan) -> None:
    answers.add_response("create_model", {"ModelArn": ARN.replace("endpoint", "model")}, planned.model)
    answers.add_response("create_endpoint_config", {"EndpointConfigArn": ARN}, planned.config)


def expect_forgotten(answers: Any) -> None:
    answers.add_response("delete_endpoint_config", {}, {"EndpointConfigName": NEW})
    answers.add_response("delete_model", {}, {"ModelName": NEW})


def test_a_new_endpoint_is_made_of_a_new_model_and_configuration(sagemaker: Any, answers: Any, planned: Plan) -> None:
    answers.add_client_error("describe_endpoint", *NO_ENDPOINT, expected_params=NAME)
    expect_made(answers, planned)
    wanted = {**NAME, "EndpointConfigName": NEW, "Tags": [{"Key": "team", "Value": "vision"}]}
    answers.add_response("create_endpoint", {"EndpointArn": ARN}, wanted)
    assert service.deploy(sagemaker, planned) is None


def test_an_endpoint_that_is_there_is_updated_and_its_old_configuration_is_kept(sagemaker: Any, answers: Any, planned: Plan) -> None:
    answers.add_response("describe_endpoint", described("InService"), NAME)
    expect_made(answers, planned)
    answers.add_response("update_endpoint", {"EndpointArn": ARN}, {**NAME, "EndpointConfigName": NEW})
    before = service.deploy(sagemaker, planned)
    assert before is not None
    assert before.config == OLD


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        (
            "ValidationException",
            "Cannot update in-progress endpoint",
            InputError,
            "endpoint bins: AWS refuses it: Cannot update in-progress",
        ),
        ("ResourceLimitExceeded", "0 ml.c5.large", UnavailableError, "endpoint bins: 0 ml.c5.large; ask AWS for a higher quota"),
    ],
)
def test_nothing_is_left_of_a_refused_deployment(
    sagemaker: Any, answers: Any, planned: Plan, code: str, message: str, kind: type[BintallyError], words: str
) -> None:
    answers.add_response("describe_endpoint", described("Updating"))
    expect_made(answers, planned)
    answers.add_client_error("update_endpoint", code, message)
    expect_forgotten(answers)
    with pytest.raises(kind, match=words):
        service.deploy(sagemaker, planned)


def test_a_configuration_that_is_refused_takes_its_model_along(sagemaker: Any, answers: Any, planned: Plan) -> None:
    answers.add_client_error("describe_endpoint", *NO_ENDPOINT)
    answers.add_response("create_model", {"ModelArn": ARN.replace("endpoint", "model")})
    answers.add_client_error("create_endpoint_config", "ValidationException", "no such instance type")
    answers.add_client_error("delete_endpoint_config", "ValidationException", "not there")
    answers.add_response("delete_model", {}, {"ModelName": NEW})
    with pytest.raises(InputError, match="endpoint configuration bins-20261121-120000: AWS refuses it: no such instance type"):
        service.deploy(sagemaker, planned)


def test_without_an_answer_nothing_is_deleted_that_an_endpoint_may_use(
    sagemaker: Any, answers: Any, planned: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.add_client_error("describe_endpoint", *NO_ENDPOINT)
    expect_made(answers, planned)

    def silent(**_: Any) -> None:
        raise ConnectTimeoutError(endpoint_url="https://nowhere")

    monkeypatch.setattr(sagemaker, "create_endpoint", silent)
    with pytest.raises(UnavailableError, match=r"endpoint bins: .*check the network"):
        service.deploy(sagemaker, planned)


def test_a_forbidden_look_is_not_taken_for_a_missing_endpoint(sagemaker: Any, answers: Any, planned: Plan) -> None:
    answers.add_client_error("describe_endpoint", "AccessDeniedException", "not authorized")
    with pytest.raises(UnavailableError, match="forbids"):
        service.deploy(sagemaker, planned)


def test_going_back_names_the_configuration_that_was_left(sagemaker: Any, answers: Any) -> None:
    answers.add_response("describe_endpoint", described("InService", NEW), NAME)
    answers.add_response("update_endpoint", {"EndpointArn": ARN}, {**NAME, "EndpointConfigName": OLD})
    assert service.roll_back(sagemaker, "bins", OLD).config == NEW


def test_going_back_needs_an_endpoint(sagemaker: Any, answers: Any) -> None:
    answers.add_client_error("describe_endpoint", *NO_ENDPOINT)
    with pytest.raises(InputError, match="there is no endpoint 'bins' in us-east-1; check the name and --region"):
        service.roll_back(sagemaker, "bins", OLD)


def test_waiting_ends_when_the_endpoint_has_come_to_rest(sagemaker: Any, answers: Any) -> None:
    for state in ("Updating", "SystemUpdating", "InService"):
        answers.add_response("describe_endpoint", described(state, NEW))
    shown: list[str] = []
    now = jobs.wait(lambda: service.must_look(sagemaker, "bins"), threading.Event(), lambda state: shown.append(str(state)), every_s=0)
    assert (now.state, shown) == ("InService", [f"bins: Updating, {NEW}", f"bins: SystemUpdating, {NEW}"])
    service.refuse_not_serving(now, NEW)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (EndpointStatus("bins", "Failed", NEW, "the ping failed"), "endpoint bins is Failed: the ping failed"),
        (EndpointStatus("bins", "UpdateRollbackFailed", OLD, None), "is UpdateRollbackFailed: AWS gives no reason"),
        (
            EndpointStatus("bins", "InService", OLD, "the ping failed"),
            f"could not be brought to {NEW} and answers from {OLD} again: the ping failed",
        ),
    ],
)
def test_an_endpoint_that_does_not_serve_what_was_wanted_has_failed(status: EndpointStatus, words: str) -> None:
    assert status.ended_at_all
    with pytest.raises(UnavailableError, match=words):
        service.refuse_not_serving(status, NEW)


@pytest.mark.parametrize("state", ["InService", "UpdateRollbackFailed"])
def test_the_state_of_an_endpoint_is_found_by_its_name(sagemaker: Any, answers: Any, state: str) -> None:
    answers.add_client_error("describe_training_job", *NO_JOB)
    answers.add_client_error("describe_hyper_parameter_tuning_job", *NO_JOB)
    answers.add_response("describe_endpoint", described(state, FailureReason="no room"), NAME)
    found = jobs.status(sagemaker, "bins")
    assert as_text(found) == f"bins: {state}, {OLD}"
    if state == "InService":
        jobs.refuse_failed(found)
    else:
        with pytest.raises(UnavailableError, match="bins failed: no room"):
            jobs.refuse_failed(found)


def test_an_endpoint_is_no_job_that_could_be_stopped_or_downloaded(sagemaker: Any, answers: Any) -> None:
    for use in (jobs.end, jobs.artifacts):
        answers.add_client_error("describe_training_job", *NO_JOB)
        answers.add_client_error("describe_hyper_parameter_tuning_job", *NO_JOB)
        with pytest.raises(InputError, match="there is no training or tuning job 'bins'"):
            use(sagemaker, "bins")


def expect_lists(answers: Any, configs: list[str], models: list[str]) -> None:
    entries = [{"EndpointConfigName": name, "EndpointConfigArn": ARN, "CreationTime": NOW} for name in configs]
    answers.add_response("list_endpoint_configs", {"EndpointConfigs": entries}, {"NameContains": "bins"})
    for name in configs:
        if is_of("bins", name):
            answers.add_response("delete_endpoint_config", {}, {"EndpointConfigName": name})
    entries = [{"ModelName": name, "ModelArn": ARN.replace("endpoint", "model"), "CreationTime": NOW} for name in models]
    answers.add_response("list_models", {"Models": entries}, {"NameContains": "bins"})
    for name in models:
        if is_of("bins", name):
            answers.add_response("delete_model", {}, {"ModelName": name})


def test_ending_an_endpoint_deletes_what_was_made_for_it_and_nothing_else(sagemaker: Any, answers: Any) -> None:
    answers.add_response("describe_endpoint", described("InService"))
    answers.add_response("delete_endpoint", {}, NAME)
    expect_lists(answers, [OLD, NEW, f"cabins{OLD[4:]}"], [NEW, "bins-by-hand"])
    gone = service.undeploy(sagemaker, "bins")
    assert gone == ["endpoint bins", f"endpoint configuration {OLD}", f"endpoint configuration {NEW}", f"model {NEW}"]


def test_ending_goes_on_where_it_was_interrupted(sagemaker: Any, answers: Any) -> None:
    answers.add_client_error("describe_endpoint", *NO_ENDPOINT)
    expect_lists(answers, [], [NEW])
    assert service.undeploy(sagemaker, "bins") == [f"model {NEW}"]


def test_ending_what_is_not_there_is_told(sagemaker: Any, answers: Any) -> None:
    answers.add_client_error("describe_endpoint", *NO_ENDPOINT)
    expect_lists(answers, [], [])
    answers.add_client_error("describe_endpoint", *NO_ENDPOINT)
    with pytest.raises(InputError, match="there is no endpoint 'bins'"):
        service.undeploy(sagemaker, "bins")


@pytest.mark.parametrize(
    ("state", "said"),
    [("Updating", "Updating; 'bintally cloud status bins --wait' waits until it answers"), ("InService", "InService, new")],
)
def test_an_update_tells_how_to_go_back(sagemaker: Any, answers: Any, capsys: pytest.CaptureFixture[str], state: str, said: str) -> None:
    answers.add_response("describe_endpoint", described(state, "new"))
    before = EndpointStatus("bins", "InService", "old", None)
    assert follow(Namespace(json=False, wait=False), sagemaker, "bins", "new", before, {}) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bins: answers from old until new is ready; to go back: bintally cloud rollback bins old",
        f"bins: {said}",
    ]


def test_an_update_that_failed_is_told_after_the_state(sagemaker: Any, answers: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answers.add_response("describe_endpoint", described("Updating", "old"))
    answers.add_response("describe_endpoint", described("InService", "old", FailureReason="the ping failed"))
    before = EndpointStatus("bins", "InService", "old", None)
    with pytest.raises(UnavailableError, match="could not be brought to new and answers from old again: the ping failed"):
        follow(Namespace(json=True, wait=True), sagemaker, "bins", "new", before, {"digest": "d"}, every_s=0)
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "name": "bins", "state": "InService", "config": "old", "reason": "the ping failed", "wanted": "new", "previous": "old", "digest": "d"
    }  # fmt: skip
    assert said.err == "bins: Updating, old\n"
