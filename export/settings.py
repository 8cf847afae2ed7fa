"""What the caller of an export chooses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bintally.errors import UsageError
from bintally.manifest_base import NAME_PATTERN, VERSION_PATTERN
from export.proof import Limits


@dataclass(frozen=True)
class ExportSettings:
    """What the caller chooses; a value out of its range is a UsageError.

    Attributes:
        name: of the bundle.
        version: semantic.
        input_size: side of the frames in pixels; None for the checkpoint's own.
        calibration: how many training frames the ranges are read from.
        limits: what quantization may cost.
        fine_tune: steps of quantization-aware fine-tuning where it costs more; 0 for none.
        promised: accuracy that answers above the abstain threshold shall have on the validation part of each data set.
        licence: under which the bundle may be used.
    """

    name: str = "bin-counter"
    version: str = "0.1.0"
    input_size: int | None = None
    calibration: int = 256
    limits: Limits = field(default_factory=Limits)
    fine_tune: int = 100
    promised: float = 0.9
    licence: str = "as its training data allows"

    def __post_init__(self) -> None:
        check_name(self.name, self.version)
        if self.input_size is not None and not 32 <= self.input_size <= 1024:
            raise UsageError(f"--input-size {self.input_size}: must be from 32 to 1024 pixels")
        if self.calibration < 1:
            raise UsageError(f"--calibration {self.calibration}: must be 1 frame or more")
        if not 0 <= self.fine_tune <= 100_000:
            raise UsageError(f"--fine-tune {self.fine_tune}: must be from 0 to 100000 steps")
        shares = {"--most-lost": self.limits.lost, "--agreement": self.limits.agreement, "--promised": self.promised}
        for option, share in shares.items():
            if not 0 <= share <= 1:
                raise UsageError(f"{option} {share}: must be from 0 to 1")
        if not 0 <= self.limits.rmse <= 10:
            raise UsageError(f"--most-rmse {self.limits.rmse}: must be from 0 to 10 items")


def check_name(name: str, version: str) -> None:
    """Raises:
    UsageError: a bundle cannot be called so.
    """
    if not re.fullmatch(NAME_PATTERN, name) or not re.fullmatch(VERSION_PATTERN, version):
        raise UsageError(f"--name {name!r} --version {version!r}: small letters, digits and dashes; three numbers like 1.2.0")
