"""The agent's settings: from options, the environment (``BINTALLY_*``) and a TOML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from bintally.brokers import DEFAULT_BROKER, broker_address
from bintally.bundle import DEFAULT_BUNDLE
from bintally.errors import UsageError
from bintally.settings import ProgramSettings

_PROVIDERS = ("tensorrt", "cuda", "cpu")


class AgentSettings(ProgramSettings):
    """What a station's agent must know."""

    source: str = Field(description="camera index, RTSP URL, GStreamer pipeline (with '!'), video file or folder of images")
    bundle: Path = Field(DEFAULT_BUNDLE, description="the counter; the shipped one by default")
    broker: str = Field(DEFAULT_BROKER, description="mqtt://host:port")
    site: str = Field("site", description="name of the site")
    station: str = Field("station", description="name of the station")
    state_dir: Path = Field(Path("~/.local/state/bintally"), description="folder of the outbox and of the agent's own engines")
    bin: str | None = Field(
        None, min_length=1, max_length=255, description="the bin that the camera sees; a folder's images name theirs by default"
    )
    interval_s: float = Field(1.0, ge=0, le=86_400, description="seconds from one count to the next; with --once, none")
    broker_patience_s: float = Field(
        30.0, ge=0, description="give up when the broker did not answer for so long since the start; 0: never (counts are kept anyway)"
    )
    acknowledged_by: Literal["ledger", "broker"] = Field("ledger", description="whose word lets the agent forget a count")
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

    @field_validator("providers", mode="before")
    @classmethod
    def _by_preference(cls, value: Any) -> Any:
        words = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
        if not isinstance(words, list | tuple) or any(word not in _PROVIDERS for word in words):
            raise ValueError(f"must be some of {', '.join(_PROVIDERS)}, by preference")
        if "tensorrt" in words[1:]:
            raise ValueError("tensorrt must stand first, or nothing is left to it")
        return words

    @field_validator("broker")
    @classmethod
    def _mqtt_url(cls, url: str) -> str:
        try:
            broker_address(url)
        except UsageError as error:
            raise ValueError(f"must look like {DEFAULT_BROKER}") from error
        return url
