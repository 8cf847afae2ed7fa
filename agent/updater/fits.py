"""Which bundles fit a station."""

from __future__ import annotations

from agent.settings import AgentSettings
from bintally.fits import fitting
from bintally.messages.model import ModelDesired
from bintally.processor import has_vnni, is_arm
from bintally.updates import TargetFacts


def device_of(settings: AgentSettings) -> str:
    """The station's device kind: what its settings say, else what runs its counter."""
    if settings.device is not None:
        return settings.device
    if "tensorrt" in settings.providers:
        return "tensorrt"
    if is_arm():
        return "arm"
    return "cpu-vnni" if has_vnni() else "cpu"


def unfit(facts: TargetFacts, sha256: str, desire: ModelDesired, device: str, agent: str) -> str | None:
    """Why a target is not to be run here; None where it may.

    Frames of any size fit: the counter resizes them. That the bundle calls itself so, too, is seen when it is opened.

    Args:
        facts: of the target, from the repository.
        sha256: of the target, from the repository.
        desire: which asks for it.
        device: the station's kind.
        agent: version of the station's agent, ``major.minor.patch``.
    """
    wanted = desire.model
    if (facts.name, facts.version) != (wanted.name, wanted.version):
        return f"{desire.target} is {facts.name} {facts.version}, not {wanted.name} {wanted.version}"
    if sha256 != wanted.digest:
        return f"{desire.target} has the SHA-256 {sha256[:12]}…, not {wanted.digest[:12]}… as desired"
    if facts.device not in fitting(device):
        return f"{desire.target} is made for {facts.device}; this station is {device}"
    if _numbers(facts.agent) > _numbers(agent):
        return f"{desire.target} needs version {facts.agent} of the agent; this is {agent}: update bintally here first"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version; what comes after them, as in ``0.2.0.dev1``, is passed over."""
    parts = []
    for part in version.split("."):
        if not part.isdigit():
            break
        parts.append(int(part))
    return tuple(parts)
