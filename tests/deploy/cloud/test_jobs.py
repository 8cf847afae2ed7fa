"""Requests: what is asked of AWS, and what is refused before AWS is asked; botocore's own model checks each one."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from botocore.session import Session  # type: ignore[import-untyped]
from botocore.validate import ParamValidator  # type: ignore[import-untyped]

from bintally.errors import UsageError
from bintally.settings import read_settings
from deploy.cloud.jobs import METRIC_REGEX, Inputs, Request, parameters_from, training_request, tuning_request
from deploy.cloud.settings import CloudSettings
from deploy.cloud.space import ranges_from
from deploy.cloud.uri import S3Uri

DATA = Inputs([S3Uri("bucket", "data")], weights=S3Uri("bucket", "weights/resnet50.pth"))
SPACE = ranges_from(None, "default")


def changed(settings: CloudSettings, **values: Any) -> CloudSettings:
    return CloudSettings(**{**settings.model_dump(exclude_unset=True), **values})


@cache
def model_of(operation: str) -> Any:
    return Session().get_service_model("sagemaker").operation_model(operation)


def refused_by_aws(operation: str, request: Request) -> str:
    """What AWS's model of a service finds wrong with a request."""
    return str(ParamValidator().validate(request, model_of(operation).input_shape).generate_report())


def test_a_training_job_asks_for_the_metric_the_data_and_a_place_for_checkpoints(settings: CloudSettings) -> None:
    request = training_request("first", settings, DATA, {"epochs": "3"})
    assert refused_by_aws("CreateTrainingJob", request) == ""
    assert request["AlgorithmSpecification"]["MetricDefinitions"] == [{"Name": "average test loss", "Regex": r"Testing Loss: ([0-9\.]+)"}]
    uris = {one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"] for one in request["InputDataConfig"]}
    assert uris == {"data": "s3://bucket/data/", "weights": "s3://bucket/weights/resnet50.pth"}
    assert request["CheckpointConfig"]["S3Uri"] == "s3://bucket/jobs/first/checkpoints/"
    assert request["OutputDataConfig"] == {"S3OutputPath": "s3://bucket/jobs/"}
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert request["HyperParameters"] == {"epochs": "3"}
    assert "Tags" not in request
    assert "VpcConfig" not in request


def test_a_tuning_job_is_the_seeds_search_by_default(settings: CloudSettings) -> None:
    request = tuning_request("search", settings, DATA, {}, SPACE)
    assert refused_by_aws("CreateHyperParameterTuningJob", request) == ""
    config = request["HyperParameterTuningJobConfig"]
    assert config["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "average test loss"}
    assert config["ParameterRanges"] == {
        "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Logarithmic"}],
        "IntegerParameterRanges": [],
        "CategoricalParameterRanges": [{"Name": "batch_size", "Values": ["32", "64"]}, {"Name": "epochs", "Values": ["8", "12", "15"]}],
    }
    assert request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"][0]["Regex"] == METRIC_REGEX
    assert "CheckpointConfig" not in request["TrainingJobDefinition"]


def test_every_setting_reaches_the_request(settings: CloudSettings) -> None:
    all_of_them = changed(
        settings,
        kms_key="alias/ours",
        instance_type="ml.p4d.24xlarge",
        instance_count=2,
        volume_gb=200,
        volume_kms_key="alias/disk",
        max_runtime_h=1.5,
        spot=True,
        max_wait_h=4,
        subnets=("subnet-1", "subnet-2"),
        security_groups=("sg-1",),
        tags={"team": "vision"},
    )
    request = training_request("all", all_of_them, DATA, {}, resume="earlier")
    assert refused_by_aws("CreateTrainingJob", request) == ""
    assert request["ResourceConfig"] == {
        "InstanceType": "ml.p4d.24xlarge",
        "InstanceCount": 2,
        "VolumeSizeInGB": 200,
        "VolumeKmsKeyId": "alias/disk",
    }
    assert request["OutputDataConfig"]["KmsKeyId"] == "alias/ours"
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 5400, "MaxWaitTimeInSeconds": 14400}
    assert request["EnableManagedSpotTraining"] is True
    assert request["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert request["Tags"] == [{"Key": "team", "Value": "vision"}]
    assert request["CheckpointConfig"]["S3Uri"] == "s3://bucket/jobs/earlier/checkpoints/"
    tuning = tuning_request("all", all_of_them, DATA, {}, SPACE, jobs=8, at_once=8, strategy="Random", early_stopping=True)
    assert refused_by_aws("CreateHyperParameterTuningJob", tuning) == ""
    assert tuning["TrainingJobDefinition"]["CheckpointConfig"]["S3Uri"] == "s3://bucket/jobs/all/checkpoints/"


def test_several_data_folders_keep_their_order() -> None:
    folders = [S3Uri("bucket", f"part-{number}") for number in range(12)]
    channels = Inputs(folders, begin=S3Uri("bucket", "best.pt")).channels()
    data = sorted(name for name in channels if name != "begin")
    assert [channels[name] for name in data] == [folder.folder() for folder in folders]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"role": None}, "role is not set; give --role, BINTALLY_ROLE"),
        ({"image": None}, "image is not set"),
        ({"output": None}, "output is not set"),
        ({"max_wait_h": 5}, "give --spot too"),
        ({"spot": True, "max_runtime_h": 5, "max_wait_h": 4}, "must not be less than --max-runtime-h 5"),
        ({"subnets": ("subnet-1",)}, "--security-groups: a VPC needs both"),
        ({"security_groups": ("sg-1",)}, "a VPC needs both"),
        ({"isolated": True, "instance_count": 2}, "--instance-count 1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: CloudSettings, values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        training_request("first", changed(settings, **values), DATA, {})


def test_without_a_network_the_weights_must_be_given(settings: CloudSettings) -> None:
    isolated = changed(settings, isolated=True)
    with pytest.raises(UsageError, match="--weights or --begin"):
        training_request("first", isolated, Inputs(DATA.data), {})
    assert training_request("first", isolated, DATA, {})["EnableNetworkIsolation"] is True


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a b", "a" * 64, "ä", "a\n"])
def test_a_name_that_aws_does_not_take_is_refused(settings: CloudSettings, name: str) -> None:
    with pytest.raises(UsageError, match="--name"):
        training_request(name, settings, DATA, {})


def test_a_tuning_jobs_name_is_shorter(settings: CloudSettings) -> None:
    assert training_request("a" * 63, settings, DATA, {})
    assert tuning_request("a" * 32, settings, DATA, {}, SPACE)
    with pytest.raises(UsageError, match="1 to 32"):
        tuning_request("a" * 33, settings, DATA, {}, SPACE)


@pytest.mark.parametrize(("jobs", "at_once"), [(0, 0), (4, 0), (4, 5), (-1, 1)])
def test_a_search_runs_at_least_one_and_at_most_all_jobs_at_once(settings: CloudSettings, jobs: int, at_once: int) -> None:
    with pytest.raises(UsageError, match="--at-once"):
        tuning_request("search", settings, DATA, {}, SPACE, jobs=jobs, at_once=at_once)


def test_parameters_are_options_of_train() -> None:
    words = ["epochs=12", "learning-rate=1e-3", "--sizes=128 192", "note=a=b"]
    assert parameters_from(words) == {"epochs": "12", "learning_rate": "1e-3", "sizes": "128 192", "note": "a=b"}


@pytest.mark.parametrize("word", ["epochs", "=3", "Epochs=3", "a b=1", "out=x", "--data=x", "weights=x", "resume=", "begin=x", "x;y=1"])
def test_a_parameter_of_another_form_or_of_the_containers_own_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        parameters_from([word])


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="twice"):
        parameters_from(["batch-size=1", "batch_size=2"])


def test_a_space_of_ones_own_takes_each_kind_of_range() -> None:
    text = '[epochs]\nlow = 3\nhigh = 9\n[ema]\nlow = 0.0\nhigh = 1\n[sizes]\nchoice = [[128], [128, 160]]\n[backbone]\nchoice = ["a", "b"]'
    ranges = ranges_from(text, "space.toml", ["seed"])
    assert ranges["IntegerParameterRanges"] == [{"Name": "epochs", "MinValue": "3", "MaxValue": "9", "ScalingType": "Linear"}]
    assert ranges["ContinuousParameterRanges"] == [{"Name": "ema", "MinValue": "0.0", "MaxValue": "1", "ScalingType": "Linear"}]
    assert [one["Values"] for one in ranges["CategoricalParameterRanges"]] == [["128", "128 160"], ["a", "b"]]


def test_what_is_fixed_leaves_the_default_space() -> None:
    ranges = ranges_from(None, "default", ["epochs", "learning_rate"])
    assert [one["Name"] for kind in ranges.values() for one in kind] == ["batch_size"]
    with pytest.raises(UsageError, match="nothing is left"):
        ranges_from(None, "default", ["epochs", "learning_rate", "batch_size"])


@pytest.mark.parametrize(
    "text",
    [
        "[epochs", "epochs = 3", "", "[a]\nlow = 1", "[a]\nlow = 2\nhigh = 1", "[a]\nlow = 0\nhigh = 1\nlog = true", "[a]\nchoice = [1]",
        "[a]\nchoice = [1, 1]", "[a]\nchoice = 3", '[a]\nlow = "1"\nhigh = 2', "[a]\nlow = 1\nhigh = 2\nlog = 1", "[a]\nlow=1\nhigh=2\nchoice=[1,2]",
        "[seed]\nlow = 1\nhigh = 2", "[a]\nlow = nan\nhigh = 2", "[a]\nlow = true\nhigh = 2",
    ],
)  # fmt: skip
def test_a_space_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^space\.toml: "):
        ranges_from(text, "space.toml", ["seed"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("role", "bintally"), ("role", "arn:aws:iam::12:role/x"), ("image", "a b"), ("output", "bucket/x"), ("output", "s3://A/x"),
        ("instance_type", "g5.xlarge"), ("instance_count", "0"), ("volume_gb", "0"), ("max_runtime_h", "0"), ("max_runtime_h", "nan"),
        ("tags", "team"), ("spot", "perhaps"), ("region", ""),
    ],
)  # fmt: skip
def test_a_setting_out_of_its_form_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"BINTALLY_{name.upper()}", value)
    with pytest.raises(UsageError, match=f"^{name}.*--{name.replace('_', '-')}"):
        read_settings(CloudSettings, {})


def test_lists_in_the_environment_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINTALLY_SUBNETS", "subnet-1, subnet-2")
    monkeypatch.setenv("BINTALLY_TAGS", "team=vision,cost=4")
    settings = read_settings(CloudSettings, {})
    assert settings.subnets == ("subnet-1", "subnet-2")
    assert settings.tags == {"team": "vision", "cost": "4"}


@pytest.mark.parametrize("text", ["bucket", "s3://", "s3:///key", "S3://bucket/key", "s3://bu_cket/key", "https://bucket/key", "s3://ab"])
def test_an_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="must look like s3://bucket/folder"):
        S3Uri.parse(text)
