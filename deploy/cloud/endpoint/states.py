"""What AWS's description of an endpoint says (pure).

Source:
    Amazon SageMaker API Reference: DescribeEndpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_AT_REST = ("InService", "Failed", "OutOfService", "UpdateRollbackFailed")


@dataclass(frozen=True)
class EndpointStatus:
    """An endpoint.

    Attributes:
        name: of the endpoint.
        state: Creating, Updating, SystemUpdating, RollingBack, InService, OutOfService, Deleting, Failed or UpdateRollbackFailed.
        config: the configuration that it serves; of an endpoint that is being updated, still the old one.
        reason: why it failed.
    """

    name: str
    state: str
    config: str | None
    reason: str | None

    @property
    def ended_at_all(self) -> bool:
        """Whether it has come to rest."""
        return self.state in _AT_REST

    def __str__(self) -> str:
        return f"{self.name}: {self.state}" + (f", {self.config}" if self.config else "")


def endpoint_status(description: Mapping[str, Any]) -> EndpointStatus:
    """What DescribeEndpoint says."""
    return EndpointStatus(
        description["EndpointName"],
        description["EndpointStatus"],
        description.get("EndpointConfigName"),
        description.get("FailureReason") or None,
    )
