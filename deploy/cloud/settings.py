"""Settings of the cloud's commands: from options, the environment (``BINTALLY_*``) and a TOML file."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from bintally.errors import UsageError
from bintally.settings import ProgramSettings
from deploy.cloud.uri import S3Uri

_Id = Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^\S+$")]


class CloudSettings(ProgramSettings):
    """Where and how jobs and endpoints run; credentials come from AWS's own files and environment."""

    region: _Id | None = Field(None, description="AWS region; AWS_DEFAULT_REGION or the profile's by default")
    profile: _Id | None = Field(None, description="profile of AWS's configuration files; AWS_PROFILE by default")
    kms_key: _Id | None = Field(None, description="KMS key for what is written to buckets")
    role: str | None = Field(
        None,
        pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/\S+$",
        max_length=2048,
        description="ARN of the role that the job or the endpoint takes on",
    )
    image: str | None = Field(None, pattern=r"^\S+$", max_length=255, description="URI of the training image in your registry")
    output: str | None = Field(None, description="s3://bucket/prefix for artifacts and checkpoints")
    instance_type: str = Field("ml.g5.2xlarge", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$", description="kind of machine")
    instance_count: int = Field(1, ge=1, le=100, description="machines that train together")
    volume_gb: int = Field(50, ge=1, le=16_384, description="disk of each machine")
    volume_kms_key: _Id | None = Field(None, description="KMS key for that disk; kinds of machine with disks of their own take none")
    max_runtime_h: float = Field(24, gt=0, le=28 * 24, description="hours after which a job is stopped")
    spot: bool = Field(False, description="spare capacity: cheaper, and interrupted at times; the job goes on from its checkpoint")
    max_wait_h: float | None = Field(
        None, gt=0, le=56 * 24, description="with --spot, hours with all interruptions; twice --max-runtime-h by default"
    )
    subnets: Annotated[tuple[_Id, ...], NoDecode] = Field((), description="of your VPC")
    security_groups: Annotated[tuple[_Id, ...], NoDecode] = Field((), description="of your VPC")
    isolated: bool = Field(False, description="no network for the container; then --weights or --begin is needed")
    endpoint_image: str | None = Field(None, pattern=r"^\S+$", max_length=255, description="URI of the endpoint's image in your registry")
    endpoint_instance_type: str = Field("ml.c5.large", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$", description="kind of machine that counts")
    endpoint_instances: int = Field(1, ge=1, le=1000, description="machines that count")
    tags: Annotated[dict[str, str], NoDecode] = Field({}, max_length=50, description="name=value, for the bill")

    @field_validator("output")
    @classmethod
    def _is_uri(cls, value: str | None) -> str | None:
        try:
            return None if value is None else str(S3Uri.parse(value).folder())
        except UsageError as error:
            raise ValueError(str(error)) from error

    @field_validator("subnets", "security_groups", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value

    @field_validator("tags", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        words = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
        if not isinstance(words, list | tuple):
            return words
        pairs = [str(word).partition("=") for word in words]
        if not all(name and equals for name, equals, _ in pairs):
            raise ValueError("each must look like name=value")
        return {name: text for name, _, text in pairs}
