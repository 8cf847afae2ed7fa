"""Settings of the endpoint's server: from options, the environment (``BINTALLY_*``) and a TOML file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from bintally.settings import ProgramSettings


class EndpointSettings(ProgramSettings):
    """What is served, where, and how much of it at once."""

    bundle: Path | None = Field(
        None, description="the counter; by default the one in /opt/ml/model, or where there is no such folder the shipped one"
    )
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 for all")
    port: int = Field(8080, ge=1, le=65_535, description="port to listen on")
    threads: int = Field(0, ge=0, le=256, description="for one inference; 0: one a core")
    workers: int = Field(1, ge=1, le=64, description="requests that are counted at the same time")
    max_requests: int = Field(16, ge=1, le=1024, description="requests that are read, wait or are counted at the same time; more get 429")
    max_body_bytes: int = Field(6 << 20, ge=1024, le=1 << 30, description="size of a request's body")
    max_images: int = Field(32, ge=1, le=1024, description="images in a request")
    max_pixels: int = Field(16_000_000, ge=1024, le=1 << 28, description="width × height of an image")
    receive_s: float = Field(20.0, gt=0, le=3600, description="seconds in which a request's body must have come")
    grace_s: int = Field(25, ge=1, le=3600, description="seconds for requests in flight after SIGTERM; SageMaker kills after 30")
