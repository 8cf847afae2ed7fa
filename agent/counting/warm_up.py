"""Open the counter with the execution providers that the settings prefer; for TensorRT that builds an engine at the first start."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from agent.settings import AgentSettings
from bintally.bundle import Bundle, Provider, open_bundle, read_manifest
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.tensorrt.artifact import Profile, require_engine
from bintally.tensorrt.build import ensure_engine
from bintally.tensorrt.machine import PROVIDER, Machine, provider_machine
from bintally.tensorrt.provider import open_engine

log = structlog.get_logger()

_NAMES = {"tensorrt": PROVIDER, "cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
ENGINES = "engines"
"""Folder of the agent's own engines in its state folder, one for each bundle."""
_NAME_DIGITS = 16


def warm_up(settings: AgentSettings, state_dir: Path, ask: Callable[[], Machine] = provider_machine) -> Bundle:
    """Open the counter.

    Args:
        settings: ``bundle``, ``providers``, ``engine`` and ``threads`` are looked at.
        state_dir: where the agent's own engines are.
        ask: tells what this machine is, or why TensorRT does not run here.

    Raises:
        InputError: the bundle is not usable, TensorRT refuses it, or the engine that was handed over is not for this bundle and machine.
        UnavailableError: TensorRT alone may count, or an engine was handed over, and TensorRT is not here; or the disk is full.
        UsageError: an engine was handed over, and TensorRT may not count.
    """
    if settings.engine is not None and "tensorrt" not in settings.providers:
        raise UsageError("an engine is given, but tensorrt is not among the providers; set --providers tensorrt,cpu")
    others: list[Provider] = [_NAMES[name] for name in settings.providers if name != "tensorrt"]
    machine = _machine(settings, ask) if "tensorrt" in settings.providers else None
    bundle = (
        open_bundle(settings.bundle, others, settings.threads) if machine is None else _with_engine(settings, state_dir, machine, others)
    )
    log.info("counting with", providers=bundle.providers)
    return bundle


def drop_engines(state_dir: Path, kept: Iterable[Path]) -> None:
    """Delete the agent's own engines of all bundles but these: with each update comes one, and they are larger than bundles.

    Where one of these cannot be read, nothing is deleted.
    """
    try:
        names = {read_manifest(bundle).graph_sha256[:_NAME_DIGITS] for bundle in kept}
    except InputError as error:
        log.warning("old engines stay", reason=str(error))
        return
    for folder in (state_dir / ENGINES).glob("[0-9a-f]" * _NAME_DIGITS):
        if folder.name not in names:
            log.info("an old engine is deleted", folder=str(folder))
            shutil.rmtree(folder, ignore_errors=True)


def _machine(settings: AgentSettings, ask: Callable[[], Machine]) -> Machine | None:
    try:
        return ask()
    except UnavailableError as error:
        if settings.engine is not None or settings.providers == ("tensorrt",):
            raise
        log.warning("TensorRT is passed over", reason=str(error))
        return None


def _with_engine(settings: AgentSettings, state_dir: Path, machine: Machine, others: list[Provider]) -> Bundle:
    manifest = read_manifest(settings.bundle)
    if settings.engine is not None:
        folder = settings.engine / "provider"
        made = require_engine(folder, "provider", manifest, machine)
    else:
        folder = state_dir / ENGINES / manifest.graph_sha256[:_NAME_DIGITS]
        made = ensure_engine("provider", settings.bundle, folder, Profile(), machine)
    return open_engine(settings.bundle, manifest, folder, made, others, settings.threads)
