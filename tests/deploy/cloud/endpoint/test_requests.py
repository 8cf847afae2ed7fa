"""What is asked of AWS for an endpoint, checked by botocore's own model, and the archive that it serves."""

from __future__ import annotations

import io
import tarfile
from datetime import datetime, timezone

import pytest

from bintally.errors import UsageError
from deploy.cloud.endpoint.requests import environment_from, is_of, packed, plan
from deploy.cloud.settings import CloudSettings
from deploy.cloud.uri import S3Uri
from tests.deploy.cloud.conftest import ROLE, made
from tests.deploy.cloud.test_jobs import refused_by_aws

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
ARCHIVE = S3Uri("bucket", "endpoints/bins/d/model.tar.gz")


@pytest.fixture
def settings() -> CloudSettings:
    return made(role=ROLE, endpoint_image="1234.example/bintally-endpoint:1", output="s3://bucket/endpoints")


def test_a_deployment_makes_a_model_and_a_configuration_of_its_own(settings: CloudSettings) -> None:
    planned = plan("bins", NOON, settings, ARCHIVE, {"BINTALLY_MAX_IMAGES": "64"})
    assert refused_by_aws("CreateModel", planned.model) == ""
    assert refused_by_aws("CreateEndpointConfig", planned.config) == ""
    assert planned.model == {
        "ModelName": "bins-20261121-120000",
        "PrimaryContainer": {
            "Image": "1234.example/bintally-endpoint:1",
            "ModelDataUrl": "s3://bucket/endpoints/bins/d/model.tar.gz",
            "Environment": {"BINTALLY_MAX_IMAGES": "64"},
        },
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": True,
    }
    assert planned.config == {
        "EndpointConfigName": "bins-20261121-120000",
        "ProductionVariants": [
            {"VariantName": "all", "ModelName": "bins-20261121-120000", "InstanceType": "ml.c5.large", "InitialInstanceCount": 1}
        ],
    }


def test_every_setting_reaches_the_requests(settings: CloudSettings) -> None:
    more = {"endpoint_instance_type": "ml.c6i.xlarge", "endpoint_instances": 3, "subnets": ("subnet-1",), "security_groups": ("sg-1",)}
    planned = plan("bins", NOON, made(**{**settings.model_dump(exclude_unset=True), **more, "tags": {"team": "vision"}}), ARCHIVE, {})
    assert refused_by_aws("CreateModel", planned.model) == ""
    assert refused_by_aws("CreateEndpointConfig", planned.config) == ""
    assert planned.model["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    (variant,) = planned.config["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.c6i.xlarge", 3)
    assert planned.model["Tags"] == planned.config["Tags"] == planned.tags["Tags"] == [{"Key": "team", "Value": "vision"}]


@pytest.mark.parametrize("missing", ["role", "endpoint_image"])
def test_a_missing_setting_is_named(settings: CloudSettings, missing: str) -> None:
    values = {**settings.model_dump(exclude_unset=True), missing: None}
    with pytest.raises(UsageError, match=f"{missing} is not set; give --{missing.replace('_', '-')}, BINTALLY_{missing.upper()}"):
        plan("bins", NOON, made(**values), ARCHIVE, {})


def test_a_name_leaves_room_for_the_moment(settings: CloudSettings) -> None:
    assert refused_by_aws("CreateModel", plan("b" * 47, NOON, settings, ARCHIVE, {}).model) == ""
    for name in ("b" * 48, "", "bins_1", "-bins", "bins-", "Käse"):
        with pytest.raises(UsageError, match="must be 1 to 47 letters, digits and hyphens"):
            plan(name, NOON, settings, ARCHIVE, {})


def test_what_was_made_for_an_endpoint_is_known_by_its_name() -> None:
    assert is_of("bins", "bins-20261121-120000")
    for other in ("bins", "bins-2-20261121-120000", "cabins-20261121-120000", "bins-20261121-1200000", "bins-old"):
        assert not is_of("bins", other)


def test_the_servers_settings_become_its_environment() -> None:
    assert environment_from(["max-images=64", "threads=2"]) == {"BINTALLY_MAX_IMAGES": "64", "BINTALLY_THREADS": "2"}
    assert environment_from([]) == {}


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("max_images", "must be a setting of the server and its value"),
        ("max_image=3", "did you mean max_images=…?"),
        ("port=80", "known are "),
        ("bundle=x", "known are "),
        ("max_images=none", "--set max_images=none: Input should be a valid integer"),
        ("max_images=0", "--set max_images=0: Input should be greater"),
    ],
)
def test_a_wrong_setting_of_the_server_is_refused(word: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        environment_from([word])
    assert words in str(refused.value)


def test_the_archive_holds_the_bundle_and_is_always_the_same() -> None:
    content = bytes(range(256)) * 500
    archive = packed(content, "bin-counter-1.0.0.onnx")
    assert packed(content, "bin-counter-1.0.0.onnx") == archive
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        (member,) = tar.getmembers()
        file = tar.extractfile(member)
        assert file is not None
        assert file.read() == content
    assert (member.name, member.mode, member.mtime, member.uid, member.uname) == ("bin-counter-1.0.0.onnx", 0o644, 0, 0, "")
