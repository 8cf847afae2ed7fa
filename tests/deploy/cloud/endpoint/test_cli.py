"""``bintally cloud deploy``, ``rollback``, ``invoke`` and ``undeploy``, against local servers that answer as AWS does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bintally.cli import main
from deploy.cloud.endpoint.counter import the_bundle_in
from deploy.cloud.storage import unpack
from deploy.cloud.uri import S3Uri
from tests.deploy.cloud.conftest import ROLE
from tests.deploy.cloud.endpoint.asking import grey_file, png_of
from tests.deploy.cloud.endpoint.conftest import Server
from tests.fakes import s3 as fake
from tests.fakes.sagemaker_runtime import sagemaker_runtime


@pytest.fixture
def config(tmp_path: Path, bucket: S3Uri) -> str:
    path = tmp_path / "cloud.toml"
    path.write_text(f'role = "{ROLE}"\nendpoint_image = "registry.example/bintally-endpoint:1"\noutput = "{bucket}endpoints"\n')
    return str(path)


@pytest.fixture
def runtime(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with sagemaker_runtime({"bins": server.port}) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    """Three images and a bomb."""
    contents = {"a.jpg": grey_file(4), "b.png": grey_file(6, ".png"), "bomb.png": png_of(50_000, 50_000), "c.jpg": grey_file(2.5)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [str(tmp_path / name) for name in contents]


def cloud(*words: object) -> int:
    return main(["cloud", *map(str, words)])


def test_a_bundle_goes_to_an_endpoint_and_away_again(
    tmp_path: Path, aws: str, bucket: S3Uri, config: str, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"bins-{bucket.bucket[-12:]}"
    words = ["--name", name, "--config", config, "--instance-type", "ml.m5.large", "--instances", "2", "--set", "max_images=64"]
    assert cloud("deploy", tiny_bundle, *words, "--wait", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["name"], said["state"], said["previous"]) == (name, "InService", None)
    assert said["config"] == said["wanted"]
    objects = fake.contents(aws, bucket.bucket)
    assert list(objects) == [f"endpoints/{name}/{said['digest']}/model.tar.gz"]
    assert said["archive"] == f"s3://{bucket.bucket}/{next(iter(objects))}"
    (tmp_path / "model.tar.gz").write_bytes(next(iter(objects.values())))
    unpack(tmp_path / "model.tar.gz", tmp_path / "model", "model.tar.gz")
    assert the_bundle_in(tmp_path / "model").read_bytes() == tiny_bundle.read_bytes()
    assert cloud("status", name) == 0
    assert capsys.readouterr().out == f"{name}: InService, {said['config']}\n"
    assert cloud("undeploy", name) == 0
    assert capsys.readouterr().out == f"deleted: endpoint {name}, endpoint configuration {said['config']}, model {said['config']}\n"
    assert cloud("undeploy", name) == 1
    assert f"there is no endpoint '{name}'" in capsys.readouterr().err


@pytest.mark.usefixtures("runtime")
def test_images_are_counted_by_an_endpoint(images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cloud("invoke", "bins", *images) == 1
    said = capsys.readouterr()
    rows = [line.split() for line in said.out.splitlines()]
    assert [row[1:-2] for row in rows[1:]] == [["4"], ["6", "or", "more"], ["unsure"]]
    assert (
        said.err
        == f"bintally cloud: {images[2]}: refused (422): the image: 50000×50000 pixels; at most 1,000,000 are counted; send a smaller image\n"
    )


def test_images_are_counted_by_a_server_of_ones_own(images: list[str], server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    for url in (server.url, f"{server.url}/", f"{server.url}/invocations"):
        assert cloud("invoke", "--url", url, "--json", images[0], images[1]) == 0
        answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(answer["file"], answer["counted"], answer["at_least"]) for answer in answers] == [
            (images[0], 4, None),
            (images[1], None, 6),
        ]


def test_a_server_that_is_none_of_ours_is_told(aws: str, images: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cloud("invoke", "--url", aws, images[0]) == 1
    assert capsys.readouterr().err.startswith("bintally cloud: ")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["invoke", "bins"], 2, "bins: name the endpoint and at least one image, or give --url"),
        (["invoke", "--url", "127.0.0.1:8080", __file__], 2, "--url 127.0.0.1:8080: must look like http://127.0.0.1:8080"),
        (["invoke", "--url", "http://127.0.0.1:9", __file__], 1, "http://127.0.0.1:9: does not answer (["),
        (["invoke", "bins", "no-such.jpg"], 1, "no-such.jpg: cannot be read (No such file or directory)"),
        (["invoke", "gone", __file__], 1, "endpoint gone: AWS refuses it: Endpoint gone of account 123456789012 not found."),
        (["invoke", "bins", __file__], 1, "refused (400): the image: no JPEG or PNG file"),
    ],
)
@pytest.mark.usefixtures("runtime")
def test_a_mistake_in_asking_is_one_line(capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str) -> None:
    assert cloud(*words) == code
    _is_one_line(capsys, said)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["deploy", "no-such.onnx", "--name", "bins"], 1, "no-such.onnx: no such bundle"),
        (["deploy", __file__, "--name", "bins"], 1, "test_cli.py: no ONNX graph"),
        (["deploy", "default", "--name", "bins_1"], 2, "--name bins_1: must be 1 to 47 letters"),
        (["deploy", "default", "--name", "bins", "--set", "max_image=1"], 2, "did you mean max_images=…?"),
        (["deploy", "default", "--name", "bins", "--instances", "0"], 2, "endpoint_instances = '0'"),
        (["deploy", "default", "--name", "bins", "--output", "s3://no-such-bucket-here"], 1, "s3://no-such-bucket-here: is not there"),
        (["rollback", "gone", "gone-20261121-120000"], 1, "there is no endpoint 'gone' in us-east-1"),
        (["undeploy", "gone"], 1, "there is no endpoint 'gone' in us-east-1"),
    ],
)
def test_a_mistake_in_deploying_is_one_line(
    aws: str, config: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    del aws
    assert cloud(*words, "--config", config) == code
    _is_one_line(capsys, said)


def _is_one_line(capsys: pytest.CaptureFixture[str], said: str) -> None:
    error = capsys.readouterr().err
    assert error.startswith("bintally cloud: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_missing_output_is_named(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cloud("deploy", tiny_bundle, "--name", "bins") == 2
    _is_one_line(capsys, "output is not set; give --output")


def test_without_credentials_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_bundle: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert cloud("invoke", "bins", tiny_bundle) == 1
    _is_one_line(capsys, "no usable AWS credentials")


def test_without_onnx_runtime_the_extra_is_named(config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "bintally.bundle", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert cloud("deploy", "default", "--name", "bins", "--config", config) == 1
    _is_one_line(capsys, "needs onnxruntime, which is not installed; run: pip install 'bintally[cloud,endpoint]'")


@pytest.mark.parametrize("command", ["deploy", "rollback", "invoke", "undeploy"])
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        cloud(command, "--help")
    assert done.value.code == 0
    assert f"example: bintally cloud {command}" in " ".join(capsys.readouterr().out.split())
