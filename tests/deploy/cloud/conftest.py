"""Fixtures of the cloud's tests: a local server that answers as AWS does, and settings that reach nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from botocore.stub import Stubber  # type: ignore[import-untyped]

from deploy.cloud.aws import connect
from deploy.cloud.settings import CloudSettings
from deploy.cloud.uri import S3Uri
from tests.fakes import s3 as fake

KEYS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
ROLE = "arn:aws:iam::123456789012:role/bintally"


@pytest.fixture(autouse=True)
def _own_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test uses the credentials of who runs it."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    with fake.store() as url:
        yield url


@pytest.fixture
def aws(store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """All clients talk to the local server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    return store


@pytest.fixture
def bucket(aws: str) -> S3Uri:
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    fake.client(aws).create_bucket(Bucket=name)
    return S3Uri(name, "")


def made(**values: Any) -> CloudSettings:
    """Settings from values alone; pydantic's defaults are unknown to type checkers."""
    return CloudSettings(**values)


def connected(url: str) -> Any:
    """Our client of a server; one is shared by many tests, as making it takes long."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": url}.items():
            patch.setenv(name, value)
        return connect("s3", made(), 16)


@pytest.fixture(scope="session")
def s3(store: str) -> Any:
    return connected(store)


@pytest.fixture(scope="session")
def sagemaker() -> Any:
    """One client for all tests: making it reads megabytes of the service's model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        return connect("sagemaker", made(region="us-east-1"))


@pytest.fixture
def answers(sagemaker: Any) -> Iterator[Any]:
    with Stubber(sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def settings() -> CloudSettings:
    return made(role=ROLE, image="1234.example/bintally:1", output="s3://bucket/jobs")
