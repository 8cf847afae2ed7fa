"""SageMaker's side of endpoints: deploy, look, go back, end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bintally.errors import BintallyError, InputError, UnavailableError
from deploy.cloud.aws import code_of, described, translated
from deploy.cloud.endpoint.requests import Plan, is_of
from deploy.cloud.endpoint.states import EndpointStatus, endpoint_status


def look(sagemaker: Any, name: str) -> EndpointStatus | None:
    """An endpoint's state, None if there is none of this name.

    Raises:
        UnavailableError: AWS forbids it or does not answer.
    """
    found = described(lambda: sagemaker.describe_endpoint(EndpointName=name), name)
    return None if found is None else endpoint_status(found)


def must_look(sagemaker: Any, name: str) -> EndpointStatus:
    """An endpoint's state.

    Raises:
        InputError: there is none of this name.
        UnavailableError: AWS forbids it or does not answer.
    """
    found = look(sagemaker, name)
    if found is None:
        raise InputError(f"there is no endpoint {name!r} in {sagemaker.meta.region_name}; check the name and --region")
    return found


def deploy(sagemaker: Any, planned: Plan) -> EndpointStatus | None:
    """Make a model and a configuration, and an endpoint of them, or bring the one that is there to them.

    Returns:
        The endpoint as it was before, None if it is new.

    Raises:
        InputError: AWS refuses the request, for instance because the endpoint is being updated; nothing is left of it.
        UnavailableError: AWS forbids it, the quota is used up, or AWS does not answer.
    """
    before = look(sagemaker, planned.name)
    with translated(f"model {planned.resource}"):
        sagemaker.create_model(**planned.model)
    try:
        with translated(f"endpoint configuration {planned.resource}"):
            sagemaker.create_endpoint_config(**planned.config)
        with translated(f"endpoint {planned.name}"):
            names = {"EndpointName": planned.name, "EndpointConfigName": planned.resource}
            if before is None:
                sagemaker.create_endpoint(**names, **planned.tags)
            else:
                sagemaker.update_endpoint(**names)
    except BintallyError as error:
        if code_of(error):  # without an answer nobody knows whether the endpoint needs them
            _forget(sagemaker, planned.resource)
        raise
    return before


def roll_back(sagemaker: Any, name: str, config: str) -> EndpointStatus:
    """Bring an endpoint to an earlier configuration.

    Returns:
        The endpoint as it was before.

    Raises:
        InputError: there is no such endpoint or configuration, or the endpoint is being updated.
        UnavailableError: AWS forbids it or does not answer.
    """
    before = must_look(sagemaker, name)
    with translated(f"endpoint {name}"):
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    return before


def refuse_not_serving(status: EndpointStatus, config: str) -> None:
    """Raise if an endpoint that has come to rest does not serve a configuration."""
    reason = status.reason or "AWS gives no reason; its log in CloudWatch may"
    if status.state != "InService":
        raise UnavailableError(f"endpoint {status.name} is {status.state}: {reason}")
    if status.config != config:
        raise UnavailableError(f"endpoint {status.name} could not be brought to {config} and answers from {status.config} again: {reason}")


def undeploy(sagemaker: Any, name: str) -> list[str]:
    """Delete an endpoint with all models and configurations that were made for it; the archives in the bucket stay.

    Returns:
        What was deleted.

    Raises:
        InputError: there is no such endpoint, and nothing is left of one.
        UnavailableError: AWS forbids it or does not answer; the same command goes on.
    """
    gone = []
    if look(sagemaker, name) is not None:
        with translated(f"endpoint {name}"):
            sagemaker.delete_endpoint(EndpointName=name)
        gone.append(f"endpoint {name}")
    for config in _made_for(sagemaker, name, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"):
        with translated(f"endpoint configuration {config}"):
            sagemaker.delete_endpoint_config(EndpointConfigName=config)
        gone.append(f"endpoint configuration {config}")
    for model in _made_for(sagemaker, name, "list_models", "Models", "ModelName"):
        with translated(f"model {model}"):
            sagemaker.delete_model(ModelName=model)
        gone.append(f"model {model}")
    if not gone:
        must_look(sagemaker, name)
    return gone


def _made_for(sagemaker: Any, name: str, operation: str, page_key: str, name_key: str) -> list[str]:
    with translated(name):
        pages = sagemaker.get_paginator(operation).paginate(NameContains=name)
        return [entry[name_key] for page in pages for entry in page[page_key] if is_of(name, entry[name_key])]


def _forget(sagemaker: Any, resource: str) -> None:
    """Delete what a deployment made before it was refused; what cannot be deleted costs nothing, and ``undeploy`` finds it."""
    deletes: list[Callable[[], object]] = [
        lambda: sagemaker.delete_endpoint_config(EndpointConfigName=resource),
        lambda: sagemaker.delete_model(ModelName=resource),
    ]
    for delete in deletes:
        try:
            with translated(resource):
                delete()
        except BintallyError:  # the refusal itself is what must be told
            continue
