"""SageMaker's side of a training machine, in a folder: what it writes before a container starts, and takes from it afterwards."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.cloud.jobs import Request

FAKE_TRAIN = """
import json, signal, sys, time
from pathlib import Path

words = sys.argv[1:]
out = Path(words[words.index("--out") + 1])
(out / "words.json").write_text(json.dumps(words))
behaviour = words[words.index("--behaviour") + 1]
losses = [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()] if "--resume" in words else []

def epoch(loss):
    losses.append(loss)
    (out / "part").write_text("".join(json.dumps({"epoch": n + 1, "loss": one}) + "\\n" for n, one in enumerate(losses)))
    (out / "part").rename(out / "metrics.jsonl")
    (out / "best.pt").write_text(f"best of {min(losses)}")

def stop(*_):
    (out / "last.pt").write_text("stopped")
    sys.exit(130)

signal.signal(signal.SIGTERM, stop)
epoch(1.5)
epoch(1.25)
if behaviour == "wait":
    (out / "waiting").touch()
    time.sleep(120)
if behaviour == "fail":
    print("bintally train: the loss is nan at step 3; the run has diverged: take a smaller --learning-rate", file=sys.stderr)
    print("last words", file=sys.stderr)
    sys.exit(1)
if behaviour == "die":
    signal.raise_signal(signal.SIGKILL)
epoch(1.75)
(out / "last.pt").write_text("done")
"""


def fake_train(folder: Path) -> tuple[str, ...]:
    """A program with the contract of ``bintally train`` and a parameter ``behaviour``: finish, wait, fail or die."""
    path = folder / "fake_train.py"
    path.write_text(FAKE_TRAIN)
    return sys.executable, str(path)


def describe(
    root: Path, parameters: Mapping[str, Any], channels: Sequence[str] = ("data",), hosts: Sequence[str] = ("algo-1",), host: str = "algo-1"
) -> Path:
    """Write the three files that tell a container what to do."""
    config = root / "input" / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "hyperparameters.json").write_text(json.dumps(parameters))
    resources = {"current_host": host, "hosts": list(hosts), "network_interface_name": "eth0", "current_instance_type": "ml.g5.2xlarge"}
    (config / "resourceconfig.json").write_text(json.dumps(resources))
    mode = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    (config / "inputdataconfig.json").write_text(json.dumps(dict.fromkeys(channels, mode)))
    return root


def channel(root: Path, name: str, files: Mapping[str, bytes]) -> None:
    for file, content in files.items():
        path = root / "input" / "data" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def prepare_machine(root: Path, request: Request, s3: Any) -> Path:
    """All that SageMaker does for a training request before the container starts; every object whose key begins as asked is fetched."""
    describe(root, request["HyperParameters"], [one["ChannelName"] for one in request["InputDataConfig"]])
    for one in request["InputDataConfig"]:
        bucket, _, prefix = one["DataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://").partition("/")
        folder = prefix if prefix.endswith("/") else prefix.rpartition("/")[0] + "/"
        for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            channel(root, one["ChannelName"], {entry["Key"].removeprefix(folder): body})
    return root


def model_archive(root: Path) -> bytes:
    """The model folder as SageMaker packs it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path in sorted((root / "model").iterdir()):
            archive.add(path, path.name)
    return stream.getvalue()
