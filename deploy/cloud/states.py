"""What AWS's descriptions of jobs say (pure).

Source:
    Amazon SageMaker API Reference: DescribeTrainingJob, DescribeHyperParameterTuningJob, HyperParameterTrainingJobSummary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.cloud.endpoint.states import EndpointStatus
from deploy.cloud.jobs import METRIC

_ENDED = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class TrainingStatus:
    """A training job.

    Attributes:
        name: of the job.
        state: InProgress, Completed, Failed, Stopping or Stopped.
        step: what it does at the moment.
        reason: why it failed.
        loss: the objective metric's newest value.
        artifacts: address of ``model.tar.gz``, once there is one.
        parameters: hyperparameters.
        started: UTC.
        ended: UTC.
        billed_s: seconds that are paid.
    """

    name: str
    state: str
    step: str | None
    reason: str | None
    loss: float | None
    artifacts: str | None
    parameters: dict[str, str]
    started: str | None
    ended: str | None
    billed_s: int | None

    @property
    def ended_at_all(self) -> bool:
        return self.state in _ENDED


@dataclass(frozen=True)
class TuningStatus:
    """A tuning job, its training jobs from the best to the worst, and the name of the best one."""

    name: str
    state: str
    reason: str | None
    best: str | None
    jobs: tuple[TrainingStatus, ...]

    @property
    def ended_at_all(self) -> bool:
        return self.state in _ENDED


def training_status(description: Mapping[str, Any]) -> TrainingStatus:
    """What DescribeTrainingJob says."""
    losses = [entry["Value"] for entry in description.get("FinalMetricDataList", []) if entry["MetricName"] == METRIC]
    return TrainingStatus(
        name=description["TrainingJobName"],
        state=description["TrainingJobStatus"],
        step=description.get("SecondaryStatus"),
        reason=description.get("FailureReason") or None,
        loss=_float(losses[-1]) if losses else None,
        artifacts=description.get("ModelArtifacts", {}).get("S3ModelArtifacts"),
        parameters=dict(description.get("HyperParameters", {})),
        started=_time(description.get("TrainingStartTime")),
        ended=_time(description.get("TrainingEndTime")),
        billed_s=description.get("BillableTimeInSeconds"),
    )


def tuning_status(description: Mapping[str, Any], summaries: Sequence[Mapping[str, Any]]) -> TuningStatus:
    """What DescribeHyperParameterTuningJob and ListTrainingJobsForHyperParameterTuningJob say."""
    jobs = sorted((_tuned(summary) for summary in summaries), key=lambda job: (job.loss is None, job.loss, job.name))
    return TuningStatus(
        name=description["HyperParameterTuningJobName"],
        state=description["HyperParameterTuningJobStatus"],
        reason=description.get("FailureReason") or None,
        best=description.get("BestTrainingJob", {}).get("TrainingJobName"),
        jobs=tuple(jobs),
    )


def _tuned(summary: Mapping[str, Any]) -> TrainingStatus:
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    return TrainingStatus(
        name=summary["TrainingJobName"],
        state=summary["TrainingJobStatus"],
        step=None,
        reason=summary.get("FailureReason") or None,
        loss=None if metric is None else _float(metric["Value"]),
        artifacts=None,
        parameters=dict(summary.get("TunedHyperParameters", {})),
        started=_time(summary.get("TrainingStartTime")),
        ended=_time(summary.get("TrainingEndTime")),
        billed_s=None,
    )


def _float(value: float) -> float:
    return float(f"{value:.6g}")  # AWS keeps single precision, which reads 1.2300000190734863


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def as_text(status: TrainingStatus | TuningStatus | EndpointStatus) -> str:
    """A job's or endpoint's state for a person."""
    if isinstance(status, EndpointStatus):
        return str(status)
    if isinstance(status, TrainingStatus):
        lines = [f"{status.name}: {status.state}" + (f" ({status.step})" if status.step not in (None, status.state) else "")]
        lines += [f"{METRIC}: {status.loss}"] if status.loss is not None else []
        lines += [f"paid for {status.billed_s} s"] if status.billed_s is not None else []
        lines += [f"artifacts: {status.artifacts}"] if status.artifacts else []
        return "\n".join(lines)
    width = max((len(job.name) for job in status.jobs), default=0)
    lines = [f"{status.name}: {status.state}, {sum(job.state == 'Completed' for job in status.jobs)} of {len(status.jobs)} jobs completed"]
    lines += [f"{'job':<{width}}  {'state':<10}  {METRIC}  settings"] if status.jobs else []
    for job in status.jobs:
        settings = ", ".join(f"{name} {value}" for name, value in sorted(job.parameters.items()))
        loss = "" if job.loss is None else job.loss
        lines.append(
            f"{job.name:<{width}}  {job.state:<10}  {loss:>{len(METRIC)}}  {settings}{'  best' if job.name == status.best else ''}"
        )
    return "\n".join(lines)
