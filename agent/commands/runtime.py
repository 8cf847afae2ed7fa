"""Settings that change while the agent runs: which are in force, and a file that keeps what the fleet desires."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import structlog

from agent.commands.bins import check_regions
from agent.settings import AgentSettings
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.files import sync, write_atomically
from bintally.messages import ConfigDesired, ConfigReported, Region, RuntimeSettings, parse_config_desired

FILE = "config.json"
MAX_PAYLOAD_BYTES = 64 * 2**10
_MAX_REASON = 1000
log = structlog.get_logger()


@dataclass(frozen=True)
class Effective:
    """The values in force.

    Attributes:
        heartbeat_s: seconds after which a bin at rest is counted again.
        settle_s: seconds without movement until a bin is at rest.
        frames: that are fused into one count.
        abstain_below: probability below which an answer is unsure; None for the bundle's own.
        evidence_share: share of ordinary counts whose frame is kept.
        regions: the bins in the view; one of the whole view where the settings name none.
    """

    heartbeat_s: float
    settle_s: float
    frames: int
    abstain_below: float | None
    evidence_share: float
    regions: tuple[Region, ...]

    def to_json(self) -> dict[str, Any]:
        """As ``ConfigReported`` gives them."""
        return asdict(self) | {"regions": [region.model_dump() for region in self.regions]}


class RuntimeConfig:
    """Desired settings over those of the start, and those of ``set`` commands over both; used by one thread.

    Args:
        settings: of the start.
        state_dir: existing folder that keeps ``config.json``. A damaged one is put aside and told; the agent then starts with its own.

    Raises:
        UsageError: the regions of the settings cannot be counted apart.
    """

    def __init__(self, settings: AgentSettings, state_dir: Path) -> None:
        self._path = state_dir / FILE
        self._bin, self._default_bin, self._read_labels = settings.bin, settings.bin or settings.station, settings.read_labels
        self._start = Effective(
            heartbeat_s=settings.heartbeat_s,
            settle_s=settings.settle_s,
            frames=settings.frames,
            abstain_below=None,
            evidence_share=settings.evidence_share,
            regions=settings.regions or (Region(),),
        )
        try:
            self._check(self._start)
        except InputError as error:
            raise UsageError(f"{error} (in the settings of the start)") from error
        self._desired: ConfigDesired | None = None
        self.effective = self._start
        self.reported = self._report("applied")
        self._load()

    def bins(self) -> tuple[str | None, ...]:
        """The bin of each region in force; None where it is read from a label, or where a command may name it."""
        free = self._read_labels or len(self.effective.regions) == 1
        return tuple(region.bin or (self._bin if free else self._default_bin) for region in self.effective.regions)

    def desire(self, payload: bytes) -> ConfigReported:
        """Obey what came on ``config/desired``.

        Args:
            payload: a ``ConfigDesired``. An empty one takes it back: the settings of the start are in force again, and any revision
                may follow. The same as before changes nothing, not even what a ``set`` command changed since.

        Returns:
            What to report, retained. When it is rejected, all stays as it was.
        """
        try:
            if payload:
                self._obey(_read(payload))
            else:
                self._take_back()
        except (InputError, UnavailableError) as error:
            log.warning("desired settings rejected", reason=str(error)[:_MAX_REASON])
            self.reported = self._report("rejected", str(error), _revision(payload))
        else:
            self.reported = self._report("applied")
        return self.reported

    def change(self, settings: RuntimeSettings) -> dict[str, Any]:
        """Obey a ``set`` command, until the next desired revision or the next start.

        Args:
            settings: those that are given change; those given as null are as the agent was started.

        Returns:
            The values in force now.

        Raises:
            InputError: they do not go together; nothing changed.
        """
        effective = self._over(self.effective, settings, settings.model_fields_set)
        self._check(effective)
        self.effective = effective
        self.reported = self.reported.model_copy(update={"settings": effective.to_json()})
        log.info("settings changed", by="command", **settings.model_dump(exclude_unset=True))
        return effective.to_json()

    def _obey(self, desired: ConfigDesired) -> None:
        known = self._desired
        if desired == known:
            return
        if known is not None and desired.revision <= known.revision:
            what = "is known with other settings" if desired.revision == known.revision else f"is older than {known.revision}"
            raise InputError(f"revision {desired.revision} {what}; give a higher one")
        based = self._over(self._start, desired.settings)
        self._check(based)
        write_atomically(self._path, desired.model_dump_json())
        self._desired, self.effective = desired, based
        log.info("settings changed", by="desired", revision=desired.revision)

    def _take_back(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
            sync(self._path.parent)
        except OSError as error:
            raise UnavailableError(f"{self._path}: cannot be removed ({error.strerror or error})") from error
        self._desired, self.effective = None, self._start
        log.info("settings changed", by="desired settings taken back")

    def _over(self, below: Effective, settings: RuntimeSettings, names: set[str] | None = None) -> Effective:
        """Settings laid over others.

        Args:
            below: what is in force without them.
            settings: null means as at the start.
            names: those that count; None for all.
        """
        given = {name: getattr(settings, name) for name in (RuntimeSettings.model_fields if names is None else names)}
        values = {name: getattr(self._start, name) if value is None else value for name, value in given.items()}
        if "regions" in values:
            values["regions"] = tuple(values["regions"])
        return replace(below, **values)

    def _check(self, effective: Effective) -> None:
        check_regions(effective.regions, self._default_bin, self._read_labels)

    def _report(self, status: str, reason: str | None = None, seen: int = 0) -> ConfigReported:
        revision = max(seen, 0 if self._desired is None else self._desired.revision)
        return ConfigReported.model_validate(
            {"revision": revision, "status": status, "reason": reason and reason[:_MAX_REASON], "settings": self.effective.to_json()}
        )

    def _load(self) -> None:
        try:
            desired = _read(self._path.read_bytes())
            based = self._over(self._start, desired.settings)
            self._check(based)
        except FileNotFoundError:
            return
        except (InputError, OSError) as error:
            told = f"{self._path}: not usable ({error}); {self._put_aside()}; the settings of the start are in force"
            log.warning("stored settings ignored", reason=told)
            self.reported = self._report("applied", told)
            return
        self._desired, self.effective = desired, based
        self.reported = self._report("applied")

    def _put_aside(self) -> str:
        aside = self._path.with_name(f"{FILE}.damaged-{datetime.now(timezone.utc):%Y%m%dT%H%M%S%f}")
        try:
            self._path.replace(aside)
        except OSError as error:
            return f"it cannot be put aside ({error.strerror or error})"
        return f"put aside as {aside.name}"


def _read(payload: bytes) -> ConfigDesired:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise InputError(f"{len(payload)} bytes; desired settings have {MAX_PAYLOAD_BYTES} at most")
    return parse_config_desired(payload)


def _revision(payload: bytes) -> int:
    """The revision of desired settings that were rejected; 0 where they could not be read."""
    try:
        return _read(payload).revision
    except InputError:
        return 0
