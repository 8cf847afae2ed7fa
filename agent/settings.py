"""The agent's settings: from options, the environment (``BINTALLY_*``) and a TOML file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from bintally.brokers import DEFAULT_BROKER, broker_address
from bintally.bundle import DEFAULT_BUNDLE
from bintally.errors import UsageError
from bintally.manifest_base import NAME_PATTERN
from bintally.messages import Region
from bintally.settings import ProgramSettings

_PROVIDERS = ("tensorrt", "cuda", "cpu")


class AgentSettings(ProgramSettings):
    """What a station's agent must know."""

    source: str = Field(description="camera index, RTSP URL, GStreamer pipeline (with '!'), video file or folder of images")
    bundle: Path = Field(DEFAULT_BUNDLE, description="the counter; the shipped one by default")
    site: str = Field("site", description="name of the site")
    station: str = Field("station", description="name of the station")
    state_dir: Path = Field(Path("~/.local/state/bintally"), description="folder of the outbox, the evidence and the agent's own engines")

    bin: str | None = Field(
        None, min_length=1, max_length=255, description="the bin that the camera sees; a folder's images name theirs by default"
    )
    regions: Annotated[tuple[Region, ...], NoDecode] = Field(
        (),
        max_length=64,
        description="several bins in one view: a list of {bin, left, top, right, bottom} in shares of the frame (JSON, or TOML)",
    )
    read_labels: bool = Field(False, description="read which bin it is from a Data Matrix or QR label in the picture")
    interval_s: float = Field(1.0, ge=0, le=86_400, description="folder: seconds from one image to the next; with --once, none")
    frames_per_s: float = Field(10.0, gt=0, le=120, description="camera: frames a second that are looked at, at most")
    stale_after_s: float = Field(
        3.0, ge=0.5, le=600, description="camera: a frame older than this is never counted, and the camera is restarted"
    )
    settle_s: float = Field(0.5, ge=0.1, le=60, description="seconds without movement until a bin is at rest")
    frames: int = Field(3, ge=1, le=50, description="frames at rest that are fused into one count")
    heartbeat_s: float = Field(900.0, ge=1, le=604_800, description="seconds after which a bin at rest is counted again")

    threads: int = Field(0, ge=0, le=256, description="for one frame; 0: one a core")
    providers: Annotated[tuple[Literal["tensorrt", "cuda", "cpu"], ...], NoDecode] = Field(
        ("cpu",),
        min_length=1,
        description="what runs the counter, by preference, such as 'tensorrt,cuda,cpu'; what is not here is passed over",
    )
    engine: Path | None = Field(
        None,
        description="folder of 'bintally export engine' for TensorRT; by default the agent builds its own, for minutes, at the first start",
    )

    broker: str = Field(DEFAULT_BROKER, description="mqtt://host:port, mqtts:// with TLS, ws:// or wss:// through a web server")
    broker_user: str | None = Field(None, min_length=1, description="name at the broker")
    broker_password_file: Path | None = Field(None, description="file that holds the password")
    broker_ca: Path | None = Field(
        None, description="certificates of the authorities that the broker's own may come from; the system's by default"
    )
    broker_certificate: Path | None = Field(None, description="this station's certificate (mutual TLS), with broker_key")
    broker_key: Path | None = Field(None, description="the private key of broker_certificate")
    broker_alpn: str | None = Field(None, min_length=1, max_length=64, description="TLS protocol name, for brokers that share port 443")
    broker_patience_s: float | None = Field(
        None,
        ge=0,
        description="give up when the broker did not answer for so long since the start; 0: never (default: 30 with --once, else never)",
    )
    acknowledged_by: Literal["ledger", "broker"] = Field("ledger", description="whose word lets the agent forget a count")
    outbox_max_bytes: int = Field(512 * 2**20, ge=2**20, description="largest outbox; the oldest counts of each bin are given up first")
    outbox_max_age_s: float = Field(30 * 86_400.0, ge=60, description="longest time, of the agent's running time, that a count waits")

    evidence_max_bytes: int = Field(2 * 2**30, ge=0, description="most space for frames of doubtful counts; 0: none are kept")
    evidence_share: float = Field(0.01, ge=0, le=1, description="share of ordinary counts whose frame is kept, too")
    evidence_url: str | None = Field(None, description="http(s) address of a folder that kept frames are uploaded to (PUT)")
    evidence_token_file: Path | None = Field(None, description="file that holds the bearer token for evidence_url")

    updates: str | None = Field(None, description="http(s) address of the update repository ('bintally fleet init'); none by default")
    updates_root: Path | None = Field(None, description="the repository's root metadata as the station was given them, such as 1.root.json")
    updates_ca: Path | None = Field(
        None, description="certificates of the authorities that the repository's own may come from; the system's by default"
    )
    updates_clock: Literal["synchronised", "any"] = Field(
        "synchronised", description="any: believe the clock though the kernel calls it unsynchronised, as in networks without a time server"
    )
    updates_window: str | None = Field(None, description="time of day, local, when bundles may be downloaded, such as 22:00-05:30")
    updates_bandwidth: float | None = Field(None, ge=1000, description="bytes a second that a download takes at most")
    device: str | None = Field(
        None, pattern=NAME_PATTERN, description="which bundles fit: cpu, cpu-vnni, arm, tensorrt; by default what runs the counter here"
    )

    page: str | None = Field(
        None, description="host:port of the station's page, /metrics and /healthz, such as 127.0.0.1:8480; none by default"
    )
    page_token_file: Path | None = Field(
        None, description="file that holds the token which the page asks for; needed for other than loopback"
    )
    log_json: bool = Field(False, description="log JSON lines instead of text")

    @field_validator("providers", mode="before")
    @classmethod
    def _by_preference(cls, value: Any) -> Any:
        words = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
        if not isinstance(words, list | tuple) or any(word not in _PROVIDERS for word in words):
            raise ValueError(f"must be some of {', '.join(_PROVIDERS)}, by preference")
        if "tensorrt" in words[1:]:
            raise ValueError("tensorrt must stand first, or nothing is left to it")
        return words

    @field_validator("regions", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        try:
            regions = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            regions = None
        if not isinstance(regions, list | tuple):
            raise ValueError('must be a list such as [{"bin": "A", "right": 0.5}, {"bin": "B", "left": 0.5}]')  # noqa: TRY004 - pydantic wants it
        return regions

    @field_validator("broker")
    @classmethod
    def _mqtt_url(cls, url: str) -> str:
        try:
            broker_address(url)
        except UsageError as error:
            raise ValueError(f"must look like {DEFAULT_BROKER}") from error
        return url
