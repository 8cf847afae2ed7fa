"""The container's entry point, on a folder as SageMaker makes it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bintally.errors import InputError
from deploy.cloud import container
from deploy.cloud.container import gpus, run
from deploy.cloud.contract import Given, Job, command, failure_text, job_from
from deploy.cloud.jobs import METRIC_REGEX
from tests.deploy.cloud.machine import channel, describe, fake_train
from tests.fakes.programs import Start, wait_until

IMAGES = {"bin-images/1.jpg": b"one", "metadata/1.json": b"{}"}


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SM_NUM_GPUS", "0")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with one data channel whose job finishes."""
    channel(tmp_path / "ml", "data", IMAGES)
    return describe(tmp_path / "ml", {"behaviour": "finish", "learning_rate": "0.003"})


@pytest.fixture
def train(root: Path) -> tuple[str, ...]:
    return fake_train(root)


def words_of(root: Path, folder: str = "") -> list[str]:
    """What the child was called with."""
    found: list[str] = json.loads((root / "checkpoints" / folder / "words.json").read_text())
    return found


def reported(text: str) -> list[float]:
    """The metric as SageMaker reads it from the log."""
    return [float(value) for value in re.findall(METRIC_REGEX, text)]


def test_a_job_trains_reports_each_epoch_and_hands_the_best_one_back(
    root: Path, train: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(root, threading.Event(), train) is None
    assert {path.name: path.read_text() for path in (root / "model").iterdir() if path.suffix == ".pt"} == {"best.pt": "best of 1.25"}
    assert len((root / "model" / "metrics.jsonl").read_text().splitlines()) == 3
    losses = reported(capfd.readouterr().out)
    assert losses[:3] == [1.5, 1.25, 1.75]
    assert losses[-1] == 1.25, "a tuning job ranks by the last value, and the best epoch's model is handed back"
    data, out = str(root / "input/data/data"), str(root / "checkpoints")
    assert words_of(root) == ["--data", data, "--out", out, "--behaviour", "finish", "--learning-rate", "0.003"]


def test_channels_become_options(root: Path, train: tuple[str, ...]) -> None:
    describe(root, {"behaviour": "finish", "sizes": "128 192", "shares": ""}, ["weights", "data-02", "data-01", "begin"])
    for name in ("data-01", "data-02"):
        channel(root, name, IMAGES)
    channel(root, "weights", {"sub/resnet50.pth": b"w"})
    channel(root, "begin", {"b.pt": b"b", "a.pt": b"a"})
    assert run(root, threading.Event(), train) is None
    words, given = words_of(root), root / "input" / "data"
    assert words[:3] == ["--data", str(given / "data-01"), str(given / "data-02")]
    assert words[words.index("--weights") + 1] == str(given / "weights/sub/resnet50.pth")
    assert words[words.index("--begin") + 1 :][:2] == [str(given / "begin/a.pt"), str(given / "begin/b.pt")]
    assert words[-4:] == ["--shares", "--sizes", "128", "192"]


def test_a_prepared_channel_names_its_images_by_whole_paths_and_stays_as_it_is(root: Path, tmp_path: Path) -> None:
    show = tmp_path / "show.py"
    show.write_text(
        "import sys\nsys.stderr.write(open(sys.argv[2] + '/index.csv').read() + open(sys.argv[2] + '/report.json').read())\nsys.exit(1)"
    )
    rows = b"image_id,image,quantity\n1,images/1.jpg,3\n2,/elsewhere/2.jpg,1\n"
    channel(root, "data", {"index.csv": rows, "report.json": b'{"digest": "x"}', "images/1.jpg": b"one"})
    said = run(root, threading.Event(), (sys.executable, str(show)))
    assert said is not None
    image = root / "input/data/data/images/1.jpg"
    assert f'image_id,image,quantity\n1,{image},3\n2,/elsewhere/2.jpg,1\n{{"digest": "x"}}' in said
    assert (root / "input/data/data/index.csv").read_bytes() == rows


def test_an_interrupted_job_goes_on_from_its_checkpoint(root: Path, train: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    describe(root, {"behaviour": "wait"})
    stop = threading.Event()
    outcome: list[str | None] = []
    thread = threading.Thread(target=lambda: outcome.append(run(root, stop, train)))
    thread.start()
    wait_until((root / "checkpoints" / "waiting").exists, "the child trains")
    stop.set()
    thread.join(60)
    assert outcome == [None], "being stopped is no failure"
    assert (root / "checkpoints" / "last.pt").read_text() == "stopped"
    assert (root / "model" / "best.pt").read_text() == "best of 1.25", "a stopped job hands back what it has"
    assert reported(capfd.readouterr().out) == [1.5, 1.25]
    describe(root, {"behaviour": "finish"})
    assert run(root, threading.Event(), train) is None
    assert "--resume" in words_of(root)
    assert reported(capfd.readouterr().out) == [1.5, 1.25, 1.75, 1.25], "the epochs of before are not reported again"


def test_sigterm_reaches_the_training(root: Path, tmp_path: Path, start: Start) -> None:
    describe(root, {"behaviour": "wait"})
    with_fake = f"container.run = partial(container.run, program={fake_train(tmp_path)!r})"
    main = f"raise SystemExit(container.main(['train', '--root', {str(root)!r}]))"
    code = f"from functools import partial; from deploy.cloud import container; {with_fake}; {main}"
    program = start(sys.executable, "-c", code)
    wait_until(lambda: (root / "checkpoints" / "waiting").exists() or not program.running, "the child trains")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0, program.stderr
    assert (root / "checkpoints" / "last.pt").read_text() == "stopped"
    assert not (root / "output" / "failure").exists()


def test_a_failed_training_says_why_first(root: Path, train: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    describe(root, {"behaviour": "fail"})
    failure = run(root, threading.Event(), train)
    assert failure is not None
    assert failure.splitlines()[0].startswith("bintally train: the loss is nan at step 3")
    assert failure.splitlines()[-1] == "last words"
    assert "last words" in capfd.readouterr().err, "the log in CloudWatch has it too"


def test_a_killed_training_is_told_from_one_that_failed(root: Path, train: tuple[str, ...]) -> None:
    describe(root, {"behaviour": "die"})
    failure = run(root, threading.Event(), train)
    assert failure is not None
    assert failure.startswith("bintally train was killed by SIGKILL; for want of memory, perhaps")


def test_a_failure_fits_into_what_sagemaker_keeps() -> None:
    error = "bintally train: " + "e" * 200
    text = failure_text(["x" * 3000, error, "y" * 100], 1)
    assert len(text) == 1024
    assert text.startswith(error)
    assert text.endswith("y" * 100)
    assert len(failure_text(["bintally " + "e" * 2000], 1)) == 1024
    assert failure_text([], 3) == "bintally train ended with exit code 3"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"hyperparameters.json": None}, r"hyperparameters\.json: cannot be read"),
        ({"hyperparameters.json": "{"}, r"hyperparameters\.json: cannot be read"),
        ({"hyperparameters.json": "[]"}, "must be one JSON object"),
        ({"hyperparameters.json": '{"weights": "x"}'}, "'weights': the container cannot pass it"),
        ({"hyperparameters.json": '{"--out": "x"}'}, "'--out': the container cannot pass it"),
        ({"resourceconfig.json": "{}"}, "current_host None is not one of hosts None"),
        ({"resourceconfig.json": '{"hosts": ["algo-1"], "current_host": "algo-2"}'}, "current_host 'algo-2'"),
        ({"inputdataconfig.json": "{}"}, "no channel with data"),
        ({"inputdataconfig.json": '{"data": {"TrainingInputMode": "Pipe"}}'}, "channel data: must be files"),
        ({"inputdataconfig.json": '{"data": {}, "other": {}}'}, "channel other: is empty"),
        ({"inputdataconfig.json": '{"data": {}, "weights": {}}'}, "channel weights: holds no file"),
    ],
)
def test_a_description_that_cannot_be_run_is_a_failure(
    root: Path, train: tuple[str, ...], files: dict[str, str | None], words: str
) -> None:
    for name, content in files.items():
        path = root / "input" / "config" / name
        path.unlink()
        if content is not None:
            path.write_text(content)
    with pytest.raises(InputError, match=words):
        run(root, threading.Event(), train)


def test_several_weights_and_a_damaged_index_are_refused(root: Path, train: tuple[str, ...]) -> None:
    describe(root, {"behaviour": "finish"}, ["data", "weights"])
    channel(root, "weights", {"a.pth": b"", "b.pth": b""})
    with pytest.raises(InputError, match=r"must hold one file, and holds a\.pth, b\.pth"):
        run(root, threading.Event(), train)
    describe(root, {"behaviour": "finish"})
    channel(root, "data", {"index.csv": b"image_id\n1\n"})
    with pytest.raises(InputError, match=r"index\.csv: damaged"):
        run(root, threading.Event(), train)


def test_a_refused_job_leaves_its_reason_where_sagemaker_looks(root: Path) -> None:
    describe(root, {"out": "elsewhere"})
    words = [sys.executable, "-m", "deploy.cloud.container", "train", "--root", str(root)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (root / "output" / "failure").read_text().startswith("hyperparameter 'out': the container cannot pass it")


def test_the_jobs_of_a_search_keep_their_checkpoints_apart(root: Path, train: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINING_JOB_NAME", "search-001-abc")
    describe(root, {"behaviour": "finish", "_tuning_objective_metric": "average test loss", "sagemaker_program": "x"})
    assert run(root, threading.Event(), train) is None
    assert words_of(root, "search-001-abc")[-2:] == ["--behaviour", "finish"]
    assert (root / "model" / "best.pt").exists()


PROGRAM = ("python", "-m", "bintally.cli", "train")


def command_of(hosts: Sequence[str], host: str, gpus: int) -> list[str]:
    return command(Job({"epochs": "3"}, ["data"], hosts, host), Given([Path("d")]), Path("o"), gpus, PROGRAM, resume=False)


def test_one_process_needs_no_torchrun() -> None:
    assert command_of(["algo-1"], "algo-1", 0) == [*PROGRAM, "--data", "d", "--out", "o", "--epochs", "3"]
    assert command_of(["algo-1"], "algo-1", 1) == command_of(["algo-1"], "algo-1", 0)


def test_each_gpu_of_each_machine_gets_a_process() -> None:
    words = command_of(["algo-1", "algo-2"], "algo-2", 4)
    assert words[1:3] == ["-m", "torch.distributed.run"]
    together = dict(zip(words[3:13:2], words[4:13:2], strict=True))
    assert together == {"--nnodes": "2", "--node-rank": "1", "--nproc-per-node": "4", "--master-addr": "algo-1", "--master-port": "29500"}
    assert words[13:] == ["-m", "bintally.cli", "train", "--data", "d", "--out", "o", "--epochs", "3"]
    alone = command_of(["algo-1"], "algo-1", 2)
    assert alone[alone.index("--master-addr") + 1] == "127.0.0.1"


def test_all_machines_agree_on_who_leads(tmp_path: Path) -> None:
    for host in ("algo-1", "algo-2"):
        describe(tmp_path, {}, hosts=["algo-2", "algo-1"], host=host)
        job = job_from(tmp_path / "input" / "config", {})
        assert (job.hosts, job.host) == (["algo-1", "algo-2"], host)
        assert job.environment() == {"NCCL_SOCKET_IFNAME": "eth0", "GLOO_SOCKET_IFNAME": "eth0"}


def test_only_the_leading_machine_hands_a_model_back(
    root: Path, train: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    describe(root, {"behaviour": "finish"}, hosts=["algo-1", "algo-2"], host="algo-2")
    (root / "checkpoints").mkdir()
    for name in ("best.pt", "last.pt"):
        (root / "checkpoints" / name).write_text("from before an interruption")
    (root / "checkpoints" / "metrics.jsonl").write_text('{"loss": 9.0}\n')
    quiet = root / "quiet.py"
    quiet.write_text("")
    monkeypatch.setattr(container, "command", lambda *_, **__: [sys.executable, str(quiet)])
    assert run(root, threading.Event(), train) is None
    assert not (root / "model").exists()
    assert reported(capfd.readouterr().out) == []


@pytest.mark.parametrize(
    ("script", "number"),
    [("echo 'GPU 0: NVIDIA H200 (UUID: x)'; echo 'GPU 1: NVIDIA H200 (UUID: y)'", 2), ("echo 'no driver' >&2; exit 9", 0), (None, 0)],
)
def test_gpus_are_counted_as_the_driver_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, number: int
) -> None:
    monkeypatch.delenv("SM_NUM_GPUS")
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus() == number
    monkeypatch.setenv("SM_NUM_GPUS", "8")
    assert gpus() == 8


def test_a_training_that_does_not_stop_is_killed_before_sagemaker_kills_the_container(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "_GRACE_S", 0.2)
    deaf = tmp_path / "deaf.py"
    deaf.write_text(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen(sys.argv[4] + '/waiting', 'w')\ntime.sleep(120)"
    )
    stop = threading.Event()
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(run(root, stop, (sys.executable, str(deaf)))))
    thread.start()
    wait_until((root / "checkpoints" / "waiting").exists, "the child runs")
    stop.set()
    thread.join(60)
    assert outcome == [None]
