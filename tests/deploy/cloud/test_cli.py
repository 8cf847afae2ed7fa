"""``bintally cloud`` from upload to download, against a local server that answers as AWS does."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from bintally.cli import main
from deploy.cloud.container import TRAIN, run
from deploy.cloud.uri import S3Uri
from tests.deploy.cloud.conftest import ROLE
from tests.deploy.cloud.machine import fake_train, model_archive, prepare_machine


@pytest.fixture
def config(tmp_path: Path, bucket: S3Uri) -> str:
    path = tmp_path / "cloud.toml"
    path.write_text(f'role = "{ROLE}"\nimage = "registry.example/bintally:1"\noutput = "{bucket}jobs"\n')
    return str(path)


def cloud(*words: object) -> int:
    return main(["cloud", *map(str, words)])


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def through_the_cloud(tmp_path: Path, bucket: S3Uri, s3: Any, config: str, data: Path, train: tuple[str, ...], more: list[object]) -> Path:
    """Upload a folder, start a job, run its container here in SageMaker's place, download: the folder with the model."""
    assert cloud("upload", data, "--to", bucket / "data") == 0
    job = f"job-{bucket.bucket}"
    words: list[object] = ["--config", config, "--data", str(bucket / "data"), "--name", job, *more]
    assert cloud("train", *words) == 0
    root = prepare_machine(tmp_path / "ml", requested(words), s3)
    assert run(root, threading.Event(), train) is None
    s3.put_object(Bucket=bucket.bucket, Key=f"jobs/{job}/output/model.tar.gz", Body=model_archive(root))
    assert cloud("download", job, "--out", tmp_path / "model") == 0
    return tmp_path / "model"


def requested(words: list[object]) -> Any:
    from contextlib import redirect_stdout
    from io import StringIO

    with redirect_stdout(StringIO()) as text:
        assert cloud("train", *words, "--dry-run") == 0
    return json.loads(text.getvalue())


def test_a_job_goes_from_a_folder_to_a_model(
    tmp_path: Path,
    bucket: S3Uri,
    s3: Any,
    config: str,
    bin_photos: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SM_NUM_GPUS", "0")
    model = through_the_cloud(tmp_path, bucket, s3, config, bin_photos, fake_train(tmp_path), ["--set", "behaviour=finish"])
    assert (model / "best.pt").read_text() == "best of 1.25"
    capsys.readouterr()
    assert cloud("status", f"job-{bucket.bucket}", "--json") == 0
    assert printed(capsys)["state"] == "Completed"


@pytest.mark.long
def test_a_real_training_goes_from_photographs_to_a_counter(
    tmp_path: Path, bucket: S3Uri, s3: Any, config: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.trainer.folders import SIDE, write_bins, write_random_resnet
    from trainer.network import checkpoint

    monkeypatch.setenv("SM_NUM_GPUS", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert main(["data", "prepare", str(write_bins(tmp_path / "bins", 21)), "--out", str(tmp_path / "prepared")]) == 0
    weights = write_random_resnet(tmp_path / "resnet50.pth")
    assert cloud("upload", weights, "--to", bucket / "weights") == 0
    settings = ["epochs=2", "batch_size=4", f"sizes={SIDE} {SIDE}", f"input_size={SIDE}", "freeze=4"]
    more: list[object] = ["--weights", str(bucket / "weights/resnet50.pth"), "--set", *settings]
    model = through_the_cloud(tmp_path, bucket, s3, config, tmp_path / "prepared", TRAIN, more)
    best = checkpoint.read(model / "best.pt")
    losses = [outcome["loss"] for outcome in best.facts["validation"]]
    said = capfd.readouterr().out
    assert all(f"Testing Loss: {loss:.6f}" in said for loss in losses)
    assert json.loads((model / "metrics.jsonl").read_text().splitlines()[0])["epoch"] == 1


def test_an_upload_reports_what_it_did(bucket: S3Uri, bin_photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for sent in (12, 0):
        assert cloud("upload", bin_photos, "--to", bucket / "photos", "--json") == 0
        done = printed(capsys)
        assert (done["uri"], done["files"], done["sent"]) == (f"s3://{bucket.bucket}/photos/", 12, sent)


def test_a_search_is_started_with_its_own_space(tmp_path: Path, bucket: S3Uri, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    space = tmp_path / "space.toml"
    space.write_text("[ema]\nlow = 0.9\nhigh = 0.999\n")
    words = ["--config", config, "--data", str(bucket / "data"), "--space", space, "--set", "epochs=3", "--jobs", "9", "--at-once", "3"]
    assert cloud("tune", *words, "--dry-run") == 0
    request = printed(capsys)
    limits = request["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert limits == {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 3}
    assert request["TrainingJobDefinition"]["StaticHyperParameters"] == {"epochs": "3"}
    assert len(request["HyperParameterTuningJobName"]) <= 32
    assert cloud("tune", *words) == 1
    assert "there is nothing; 'bintally cloud upload' puts data there" in capsys.readouterr().err


def test_options_win_over_the_file_of_settings(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--spot", "--instance-type", "ml.p3.2xlarge", "--tags", "a=b", "c=d", "--subnets", "subnet-1", "--security-groups", "sg-1"]
    assert cloud("train", "--config", config, "--data", "s3://bucket/data", *words, "--dry-run") == 0
    request = printed(capsys)
    assert request["EnableManagedSpotTraining"] is True
    assert request["ResourceConfig"]["InstanceType"] == "ml.p3.2xlarge"
    assert [tag["Key"] for tag in request["Tags"]] == ["a", "c"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "--data", "s3://bucket/data"], 2, "role is not set; give --role"),
        (["train", "--data", "bucket/data"], 2, "must look like s3://bucket/folder"),
        (["train", "--data", "s3://bucket/data", "--role", "me"], 2, "role = 'me'"),
        (["upload", ".", "--to", "bucket"], 2, "must look like s3://bucket/folder"),
        (["upload", "no-such-folder", "--to", "s3://bucket"], 2, "no-such-folder: no such file or folder"),
        (["upload", __file__, "--to", "s3://no-such-bucket-here"], 1, "s3://no-such-bucket-here: is not there"),
        (["status", "no-such-job"], 1, "there is no training job, tuning job or endpoint 'no-such-job' in us-east-1"),
        (["stop", "no-such-job"], 1, "there is no training or tuning job"),
        (["download", "no-such-job", "--out", "out"], 1, "there is no training or tuning job"),
        (["status", "x", "--profile", "nobody"], 2, "check --profile or AWS_PROFILE"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(
    aws: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    del aws
    assert cloud(*words) == code
    error = capsys.readouterr().err
    assert error.startswith("bintally cloud: ")
    assert said in error
    assert error.count("\n") == 1


def test_without_a_region_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert cloud("status", "first") == 2
    assert "no AWS region is set; give --region" in capsys.readouterr().err


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert cloud("status", "first") == 1
    assert "pip install 'bintally[cloud]'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["upload", "train", "tune", "status", "stop", "download"])
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        cloud(command, "--help")
    assert done.value.code == 0
    assert f"example: bintally cloud {command}" in " ".join(capsys.readouterr().out.split())
