"""Attacks on updates, one test each, with the attacker between repository and station or in it.

All begin with a station whose first bundle is active; after each it counts with that bundle still, and takes the next genuine one.

Source: The Update Framework Specification 1.0, section 1.5.2 (the attacks' names).
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Timestamp
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

from agent.counting.counter import FrameCounter
from agent.updater.slots import sha256_of
from agent.updater.web import Pace
from bintally.bundle import open_bundle
from bintally.messages.base import ModelName
from bintally.updates import DESIRED_KEYS, DesiredKeys
from deploy.fleet.desired import DesiredKey
from tests.agent.updater.conftest import Fleet
from tests.agent.updater.device import Device
from tests.agent.updater.serving import Fault, Serving
from tests.fakes.bundle import grey

IMPATIENT = Pace(least_bytes_s=2000.0, patience_s=0.5)


@dataclass
class Scene:
    """A station that counts with ``first``, and a ``second`` bundle that is published, but not desired yet."""

    device: Device
    ours: Fleet
    server: Serving
    first: ModelName
    second: ModelName

    def desire_second(self) -> None:
        self.device.running.desire(self.ours.desire(self.second))

    def refused(self, words: str, phase: str) -> None:
        """The attack was seen, and the old bundle counts on."""
        self.device.waits_with(words)
        assert self.device.now.phase == phase
        self.counts_on()

    def counts_on(self) -> None:
        plan = self.device.running.plan()
        assert plan.candidate is None
        counter = FrameCounter(open_bundle(plan.counts.path, threads=1))
        assert counter.model == self.first
        assert counter.count(grey(3)).decision.counted == 3

    def over(self) -> None:
        """The attack is over: the station goes on by itself, with what it was told before."""
        self.server.faults.clear()
        self.server.folder = self.ours.path
        self.device.becomes_active(self.second)

    def over_for_a_new_desire(self) -> None:
        """The update had failed for good: the next one goes its way."""
        self.server.faults.clear()
        self.desire_second()
        self.device.becomes_active(self.second)


@pytest.fixture
def scene(device: Device, ours: Fleet, server: Serving) -> Scene:
    first, second = ours.publish("1.0.0"), ours.publish("2.0.0")
    device.start()
    device.running.desire(ours.desire(first))
    device.becomes_active(first)
    return Scene(device, ours, server, first, second)


def later(monkeypatch: pytest.MonkeyPatch, **by: float) -> None:
    """Let time pass for the station."""
    begin = TrustedMetadataSet.__init__

    def begin_later(self: TrustedMetadataSet, *arguments: Any) -> None:
        begin(self, *arguments)
        self.reference_time = datetime.now(timezone.utc) + timedelta(**by)

    monkeypatch.setattr(TrustedMetadataSet, "__init__", begin_later)


def signer(ours: Fleet, name: str) -> CryptoSigner:
    private = load_pem_private_key((ours.folder / "keys" / f"{name}.pem").read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    return CryptoSigner(private)


def metadata_of(folder: Path, name: str) -> Path:
    """The newest file of a role."""
    return max((folder / "metadata").glob(f"*.{name}.json"), key=lambda path: int(path.name.partition(".")[0]))


def test_arbitrary_software_in_the_place_of_a_bundle(scene: Scene) -> None:
    scene.server.faults.append(Fault(scene.second.digest, change=lambda content: b"\x7fELF" + content[4:]))
    scene.desire_second()
    scene.refused("wrong digest", "failed")
    scene.over_for_a_new_desire()


def test_arbitrary_software_in_a_repository_of_the_attackers_own(scene: Scene, tmp_path: Path, tiny: bytes) -> None:
    theirs = Fleet(tmp_path / "theirs", tiny)
    theirs.folder.mkdir()
    theirs("init")
    theirs.publish("2.0.0")
    theirs("renew")
    theirs("rotate-key", "online")
    scene.server.folder = theirs.path
    scene.desire_second()
    scene.refused("refused", "waiting")
    scene.over()


def test_roll_back_to_older_metadata(scene: Scene) -> None:
    old = scene.ours.snapshot("old")
    scene.ours("renew")
    scene.device.repository().look()
    scene.server.folder = old
    scene.desire_second()
    scene.refused("version", "waiting")
    scene.over()


def test_freeze_at_metadata_of_the_past(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        later(patch, days=2)
        scene.desire_second()
        scene.refused("expired", "waiting")
    scene.over()


def test_mix_and_match_of_metadata_from_different_times(scene: Scene) -> None:
    old = metadata_of(scene.ours.path, "grey-counter").read_bytes()
    scene.second = scene.ours.publish("3.0.0")
    new = metadata_of(scene.ours.path, "grey-counter").name
    scene.server.faults.append(Fault(f"/{new}", change=lambda _: old))
    scene.desire_second()
    scene.refused("refused", "waiting")
    scene.over()


def test_mix_and_match_of_snapshots(scene: Scene) -> None:
    old = metadata_of(scene.ours.path, "snapshot").read_bytes()
    scene.second = scene.ours.publish("3.0.0")
    new = metadata_of(scene.ours.path, "snapshot").name
    scene.server.faults.append(Fault(f"/{new}", change=lambda _: old))
    scene.desire_second()
    scene.refused("refused", "waiting")
    scene.over()


def test_fast_forward_is_recovered_from(scene: Scene) -> None:
    """Whoever stole the online key gave the timestamp a version that the owners never reach; a new key ends that."""
    theirs = scene.ours.snapshot("theirs")
    timestamp = Metadata[Timestamp].from_file(str(theirs / "metadata" / "timestamp.json"))
    timestamp.signed.version = 10**6
    timestamp.sign(signer(scene.ours, "online-1"))
    timestamp.to_file(str(theirs / "metadata" / "timestamp.json"))
    scene.server.folder = theirs
    scene.device.repository().look()
    scene.server.folder = scene.ours.path
    scene.desire_second()
    scene.refused("version", "waiting")
    scene.ours("rotate-key", "online")
    scene.over()


def test_endless_data_as_a_bundle(scene: Scene) -> None:
    scene.server.faults.append(Fault(scene.second.digest, endless=True))
    scene.desire_second()
    scene.refused("does not end", "failed")
    size = scene.ours.target_file(scene.second).stat().st_size
    assert all(request.sent < size + (8 << 20) for request in scene.server.of(scene.second.digest))  # what fits into sockets
    assert not scene.device.slots.part.exists()
    scene.over_for_a_new_desire()


def test_endless_data_as_metadata(scene: Scene) -> None:
    scene.server.faults.append(Fault("timestamp.json", endless=True))
    scene.desire_second()
    scene.refused("maximum allowed length", "waiting")
    scene.over()


@pytest.mark.parametrize("where", ["timestamp.json", ".onnx"])
@pytest.mark.parametrize("slow", [{"slow_s": 0.05}, {"slow_head_s": 0.05}, {"hang": True}], ids=["body", "head", "silence"])
def test_slow_retrieval(scene: Scene, where: str, slow: dict[str, Any]) -> None:
    scene.device.stop()
    scene.device.pace = IMPATIENT
    scene.device.start()
    scene.server.faults.append(Fault(where, **slow))
    scene.desire_second()
    scene.refused("tried again later", "waiting" if where == "timestamp.json" else "downloading")
    scene.over()


@pytest.mark.parametrize("change", [lambda content: content + b"!", lambda content: content[:-1]], ids=["longer", "shorter"])
def test_wrong_size(scene: Scene, change: Callable[[bytes], bytes]) -> None:
    scene.server.faults.append(Fault(scene.second.digest, change=change))
    scene.desire_second()
    scene.refused("wrong size", "failed")
    scene.over_for_a_new_desire()


def test_wrong_digest_of_a_part_that_was_here(scene: Scene) -> None:
    """The part is poisoned, the rest is genuine: one more try from the beginning, and no failed update."""
    slots, size = scene.device.slots, scene.ours.target_file(scene.second).stat().st_size
    slots.begin(scene.second.digest, None)
    slots.part.write_bytes(b"\0" * (size // 2))
    scene.desire_second()
    scene.device.becomes_active(scene.second)
    assert [request.range is not None for request in scene.server.of(scene.second.digest)] == [True, False]


def test_wrong_digest_in_a_desire(scene: Scene) -> None:
    other = scene.second.model_copy(update={"digest": "0" * 64})
    scene.device.running.desire(scene.ours.desire(other))
    scene.refused("SHA-256", "rejected")
    scene.over_for_a_new_desire()


def test_key_below_threshold(scene: Scene) -> None:
    """One stolen root key of two that must sign makes no new root."""
    theirs = scene.ours.snapshot("theirs")
    root = Metadata[Root].from_bytes(scene.ours.root)
    attacker = CryptoSigner.generate_ed25519()
    root.signed.version = 2
    root.signed.add_key(attacker.public_key, "timestamp")
    root.signatures.clear()
    for one in (signer(scene.ours, "root-1"), attacker):
        root.sign(one, append=True)
    root.to_file(str(theirs / "metadata" / "2.root.json"))
    scene.server.folder = theirs
    scene.desire_second()
    scene.refused("refused", "waiting")
    scene.over()


def test_revoked_online_key(scene: Scene) -> None:
    """Who stole the online key before it was replaced signs on with it."""
    stolen = signer(scene.ours, "online-1")
    scene.ours("rotate-key", "online")
    theirs = scene.ours.snapshot("theirs")
    timestamp = Metadata[Timestamp].from_file(str(theirs / "metadata" / "timestamp.json"))
    timestamp.signed.version += 1
    timestamp.sign(stolen)
    timestamp.to_file(str(theirs / "metadata" / "timestamp.json"))
    scene.server.folder = theirs
    scene.desire_second()
    scene.refused("refused", "waiting")
    scene.over()


def test_revoked_key_of_desires(scene: Scene) -> None:
    stolen = scene.ours.key
    scene.ours("desired-key", "add")
    scene.ours("desired-key", "revoke", "desired-1")
    scene.device.running.desire(scene.ours.desire(scene.second, stolen))
    scene.refused("unknown or revoked", "rejected")


def test_expired_metadata_in_a_repository_that_nobody_renews(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A station that never saw anything of it knows, too."""
    later(monkeypatch, days=2)
    device = Device(tmp_path / "new", scene.ours.root, scene.server.url, scene.device.shipped)
    with device:
        device.running.desire(scene.ours.desire(scene.second))
        device.waits_with("expired")
        assert device.counts_with_shipped()


def test_replay_of_an_old_desired_revision(scene: Scene) -> None:
    old = scene.ours.desire(scene.first)
    scene.desire_second()
    scene.device.becomes_active(scene.second)
    scene.device.running.desire(old)
    scene.device.waits_with("older than")
    assert scene.device.now.phase == "rejected"
    assert scene.device.now.revision == scene.ours.revision
    assert sha256_of(scene.device.running.bundle()) == scene.second.digest


def test_replay_after_a_restart(scene: Scene) -> None:
    old = scene.ours.desire(scene.first)
    scene.desire_second()
    scene.device.becomes_active(scene.second)
    scene.device.stop()
    scene.device.start()
    scene.device.running.desire(old)
    scene.device.waits_with("older than")
    assert sha256_of(scene.device.running.bundle()) == scene.second.digest


def test_forged_desired_with_a_key_of_the_attackers_own(scene: Scene) -> None:
    scene.device.running.desire(scene.ours.desire(scene.second, DesiredKey(scene.ours.key.kid, Ed25519PrivateKey.generate())))
    scene.refused("signature", "rejected")
    scene.over_for_a_new_desire()


def test_forged_desired_of_another_station(scene: Scene) -> None:
    scene.device.running.desire(scene.ours.desire(scene.second, station="berlin/pick-4"))
    scene.refused("berlin/pick-4", "rejected")
    scene.over_for_a_new_desire()


@pytest.mark.parametrize("payload", [b"\xff\xfe", b"{}", b"a.b.c", b"x" * 20_000])
def test_forged_desired_that_is_no_jws(scene: Scene, payload: bytes) -> None:
    scene.device.running.desire(payload)
    scene.refused("model/desired", "rejected")


def test_forged_desired_keys(scene: Scene) -> None:
    """The attacker's key in ``desired-keys.json``, as whoever holds the web server could put it there."""
    theirs = Ed25519PrivateKey.generate()

    public = base64.urlsafe_b64encode(theirs.public_key().public_bytes_raw()).decode().rstrip("=")
    forged = DesiredKeys(keys={"theirs": public}).model_dump_json(by_alias=True).encode()
    scene.server.faults.append(Fault(DESIRED_KEYS, change=lambda _: forged))
    scene.device.running.desire(scene.ours.desire(scene.second, DesiredKey("theirs", theirs)))
    scene.refused("refused", "waiting")
    scene.server.faults.clear()
    scene.refused("unknown or revoked", "rejected")


def test_genuine_bundle_for_another_device_kind(scene: Scene) -> None:
    other = scene.ours.publish("2.0.0", target="arm")
    scene.device.running.desire(scene.ours.desire(other, device="arm"))
    scene.refused("made for arm", "rejected")
    assert not scene.server.of(other.digest)
    scene.over_for_a_new_desire()


def test_genuine_bundle_for_a_later_agent(scene: Scene) -> None:
    other = scene.ours.publish("4.0.0", "--agent", "99.0.0")
    scene.device.running.desire(scene.ours.desire(other))
    scene.refused("99.0.0", "rejected")


def test_genuine_bundle_under_another_name(scene: Scene) -> None:
    target = f"grey-counter/{scene.first.version}-cpu.onnx"
    scene.device.running.desire(scene.ours.desire(scene.second, target=target))
    scene.refused("not grey-counter 2.0.0", "rejected")


def test_power_cut_that_damages_the_metadata_here(scene: Scene) -> None:
    """What python-tuf keeps is damaged: it is fetched again, from the shipped root on."""
    for file in scene.device.slots.metadata.rglob("*.json"):
        if not file.is_symlink():
            file.write_bytes(b"\0" * 10)
    scene.desire_second()
    scene.device.becomes_active(scene.second)
    shutil.rmtree(scene.device.slots.metadata)
    scene.device.repository().look()


def test_patience_is_never_more_than_the_bandwidth_allows() -> None:
    assert Pace(most_bytes_s=1000.0, least_bytes_s=1000.0, patience_s=10.0).least == 2500
