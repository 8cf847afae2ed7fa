"""What SageMaker's files mean for ``bintally train`` (pure but for reading them)."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bintally.errors import InputError
from deploy.cloud.jobs import RESERVED

_PORT = "29500"
_LONGEST_FAILURE = 1024
_OBJECTIVE = "_tuning_objective_metric"
_NOT_OURS = ("_", "sagemaker_")
"""Hyperparameters that tuning jobs and SageMaker's own SDK add."""


@dataclass(frozen=True)
class Job:
    """A training job as the container sees it.

    Attributes:
        parameters: options of ``bintally train``, by name.
        channels: names of the folders with data.
        hosts: all machines, in the same order on each.
        host: this machine.
        interface: of the network between them.
        folder: below the checkpoints, empty but for a tuning job's jobs, which share their checkpoints' address.
    """

    parameters: Mapping[str, str]
    channels: Sequence[str]
    hosts: Sequence[str]
    host: str
    interface: str | None = None
    folder: str = ""

    @property
    def leads(self) -> bool:
        """Whether this machine's process writes the checkpoints; the others may hold older ones from before an interruption."""
        return self.host == self.hosts[0]

    def environment(self) -> dict[str, str]:
        """What the processes must know to find each other."""
        if len(self.hosts) == 1 or self.interface is None:
            return {}
        return {"NCCL_SOCKET_IFNAME": self.interface, "GLOO_SOCKET_IFNAME": self.interface}


@dataclass(frozen=True)
class Given:
    """Paths for ``bintally train``."""

    data: Sequence[Path]
    weights: Path | None = None
    begin: Sequence[Path] = ()


def job_from(config: Path, environment: Mapping[str, str]) -> Job:
    """Read SageMaker's description of a job.

    Raises:
        InputError: a file is missing or is not what SageMaker writes, or a parameter cannot be.
    """
    parameters = _object(config / "hyperparameters.json")
    resources = _object(config / "resourceconfig.json")
    channels = _object(config / "inputdataconfig.json")
    ours = {name: str(value) for name, value in parameters.items() if not name.startswith(_NOT_OURS)}
    for name in ours:
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or name.replace("-", "_") in RESERVED:
            raise InputError(f"hyperparameter {name!r}: the container cannot pass it to 'bintally train'; data and weights are channels")
    for name, channel in channels.items():
        if not isinstance(channel, dict) or channel.get("TrainingInputMode", "File") == "Pipe":
            raise InputError(f"channel {name}: must be files, not a pipe; start the job with TrainingInputMode File")
    hosts, host = resources.get("hosts"), resources.get("current_host")
    if not isinstance(hosts, list) or host not in hosts:
        raise InputError(f"{config / 'resourceconfig.json'}: current_host {host!r} is not one of hosts {hosts!r}")
    return Job(
        parameters=ours,
        channels=sorted(channels),
        hosts=sorted(hosts),
        host=str(host),
        interface=resources.get("network_interface_name"),
        folder=environment.get("TRAINING_JOB_NAME", "") if _OBJECTIVE in parameters else "",
    )


def command(job: Job, given: Given, out: Path, gpus: int, program: Sequence[str], *, resume: bool) -> list[str]:
    """The command that trains: one process, or one for each GPU of each machine.

    Args:
        job: what to do.
        given: the inputs.
        out: folder of the checkpoints.
        gpus: of this machine.
        program: ``python -m module words…``.
        resume: whether to go on from the last checkpoint.
    """
    words = ["--data", *map(str, given.data), "--out", str(out)]
    words += ["--weights", str(given.weights)] if given.weights else []
    words += ["--begin", *map(str, given.begin)] if given.begin else []
    words += ["--resume"] if resume else []
    for name, value in sorted(job.parameters.items()):
        words += [f"--{name.replace('_', '-')}", *value.split()]
    processes = max(1, gpus)
    if len(job.hosts) * processes == 1:
        return [*program, *words]
    together = ["--nnodes", str(len(job.hosts)), "--node-rank", str(job.hosts.index(job.host)), "--nproc-per-node", str(processes)]
    meeting = ["--master-addr", job.hosts[0] if len(job.hosts) > 1 else "127.0.0.1", "--master-port", _PORT]
    return [sys.executable, "-m", "torch.distributed.run", *together, *meeting, *program[1:], *words]


def epochs_in(metrics: Path) -> list[float]:
    """The validation loss of each epoch so far."""
    try:
        return [float(json.loads(line)["loss"]) for line in metrics.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{metrics}: not what 'bintally train' writes ({error!r})") from error


def failure_text(said: Sequence[str], code: int) -> str:
    """Why a training failed: its own error first, then its last words, in what SageMaker keeps of it.

    Args:
        said: the last lines of its standard error.
        code: its exit code, below 0 for a signal.
    """
    errors = [line for line in said if line.startswith("bintally ")]
    how = f"was killed by {signal.Signals(-code).name}; for want of memory, perhaps" if code < 0 else f"ended with exit code {code}"
    head = errors[-1] if errors else f"bintally train {how}"
    rest = "\n".join(line for line in said if line != head)
    room = _LONGEST_FAILURE - len(head) - 1
    return f"{head}\n{rest[-room:]}" if room > 0 and rest else head[:_LONGEST_FAILURE]


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); SageMaker writes it for each job") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: must be one JSON object")
    return content
