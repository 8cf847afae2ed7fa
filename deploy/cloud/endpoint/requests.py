"""The requests that make an endpoint, and the archive that it serves (pure).

Source:
    Amazon SageMaker API Reference: CreateModel, CreateEndpointConfig, CreateEndpoint, UpdateEndpoint.
"""

from __future__ import annotations

import difflib
import gzip
import io
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from bintally.errors import UsageError
from deploy.cloud.endpoint.settings import EndpointSettings
from deploy.cloud.jobs import Request, needed, network, refuse_name, tags
from deploy.cloud.settings import CloudSettings
from deploy.cloud.uri import S3Uri

ARCHIVE = "model.tar.gz"
_LONGEST_NAME, _MOMENT = 63, "%Y%m%d-%H%M%S"
_FIXED = ("bundle", "host", "port")
"""Settings of the server that its image and SageMaker decide."""


@dataclass(frozen=True)
class Plan:
    """What is made for one deployment.

    Attributes:
        name: of the endpoint.
        resource: name of the model and of the endpoint's configuration, new each time, so that an earlier one can be gone back to.
        model: CreateModel's request.
        config: CreateEndpointConfig's request.
        tags: for the endpoint itself.
    """

    name: str
    resource: str
    model: Request
    config: Request
    tags: Request


def plan(name: str, moment: datetime, settings: CloudSettings, archive: S3Uri, environment: dict[str, str]) -> Plan:
    """The requests of a deployment.

    Args:
        name: of the endpoint.
        moment: of the deployment.
        settings: role, image and machines.
        archive: address of ``model.tar.gz``.
        environment: of the server.

    Raises:
        UsageError: name or settings cannot be.
    """
    resource = f"{name}-{moment.strftime(_MOMENT)}"
    refuse_name(name, _LONGEST_NAME - len(resource) + len(name))
    container = {"Image": needed(settings, "endpoint_image"), "ModelDataUrl": str(archive), "Environment": environment}
    model = {
        "ModelName": resource,
        "PrimaryContainer": container,
        "ExecutionRoleArn": needed(settings, "role"),
        "EnableNetworkIsolation": True,  # the server asks nobody anything
        **network(settings),
        **tags(settings),
    }
    variant = {
        "VariantName": "all",
        "ModelName": resource,
        "InstanceType": settings.endpoint_instance_type,
        "InitialInstanceCount": settings.endpoint_instances,
    }
    return Plan(name, resource, model, {"EndpointConfigName": resource, "ProductionVariants": [variant], **tags(settings)}, tags(settings))


def is_of(name: str, resource: str) -> bool:
    """Whether a model or a configuration was made for an endpoint."""
    return re.fullmatch(rf"{re.escape(name)}-\d{{8}}-\d{{6}}", resource) is not None


def environment_from(words: Sequence[str]) -> dict[str, str]:
    """The server's environment from ``name=value`` words.

    Raises:
        UsageError: a word has another form, or is no setting of the server.
    """
    known = [name for name in EndpointSettings.model_fields if name not in _FIXED]
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.removeprefix("--").replace("-", "_")
        if not equals or name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
            hint = f"did you mean {near[0]}=…?" if near else f"known are {', '.join(known)}"
            raise UsageError(f"--set {word}: must be a setting of the server and its value; {hint}")
        found[name] = value
    try:
        EndpointSettings.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--set {first['loc'][0]}={first['input']}: {first['msg']}") from error
    return {f"BINTALLY_{name.upper()}": value for name, value in found.items()}


def packed(content: bytes, name: str) -> bytes:
    """A bundle as the archive that SageMaker unpacks into ``/opt/ml/model``; the same bundle always gives the same bytes.

    Args:
        content: the bundle's file.
        name: of the file in the archive.
    """
    member = tarfile.TarInfo(name)  # without an owner, and of the year 1970
    member.size, member.mode = len(content), 0o644
    tar_bytes = io.BytesIO()
    with tarfile.open(fileobj=tar_bytes, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(member, io.BytesIO(content))
    return gzip.compress(tar_bytes.getvalue(), 6, mtime=0)
