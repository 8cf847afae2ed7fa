"""Keys come, go, and sign together; stations that saw every version, and such that saw only the first, follow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner, Key, SecretsHandler, Signature, Signer
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Root

from bintally.errors import InputError, UnavailableError, UsageError
from deploy.fleet.repository.commit import Write
from deploy.fleet.repository.edit import role_of
from deploy.fleet.repository.folder import Folder
from deploy.fleet.repository.keys import KeyRing
from tests.deploy.fleet.conftest import Bundles, Fleet

GREY = "grey-counter/1.0.0-cpu.onnx"


def keyid(ours: Fleet, name: str) -> str:
    ring = json.loads((ours.keys / "keys.json").read_bytes())
    return next(str(entry["keyid"]) for entry in ring["keys"] if entry["name"] == name)


def keys_of(ours: Fleet, role: str) -> list[str]:
    return list(role_of(Folder(ours.path).opened(), "timestamp" if role == "online" else role).keyids)


def staged(ours: Fleet) -> bool:
    return (ours.path / "staged").exists()


def pem_files(folder: Path, name: str) -> tuple[Path, Path]:
    """A key that somebody made elsewhere: its private and its public file."""
    private = Ed25519PrivateKey.generate()
    paths = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    paths[0].write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    paths[0].chmod(0o600)
    return paths


def test_a_root_needs_its_threshold_from_several_machines(ours: Fleet, bundle: Bundles, capsys: pytest.CaptureFixture[str]) -> None:
    ours("publish", bundle())
    alice, bob = ours.take_away("root-1"), ours.take_away("root-2")
    ours.take_away("root-3")
    assert ours("rotate-key", "targets", "--old", "targets-2") == 0
    told = capsys.readouterr().out
    assert "clients do not see it yet" in told
    assert "root: 2 more of root-1" in told
    assert ours.station().look()._trusted_set.root.version == 1

    ours("sign", "root", "--yes", keys=alice)
    assert "root: 1 more of root-2" in capsys.readouterr().out
    assert staged(ours)
    ours("sign", "--yes", keys=bob)
    told = capsys.readouterr().out
    assert f"targets: lets no longer sign {keyid(ours, 'targets-2')}" in told
    assert f"targets: lets sign {keyid(ours, 'targets-3')}" in told
    assert "root: version 2" in told
    assert "'bintally fleet renew DIR' where that key is" in told, "the online key is on neither machine"
    assert staged(ours)

    assert ours("renew") == 0
    assert not staged(ours)
    root = ours.station().look()._trusted_set.root
    assert root.version == 2
    assert root.roles["targets"].keyids == [keyid(ours, "targets-1"), keyid(ours, "targets-3")]


def test_two_commands_that_make_keys_at_the_same_time_keep_each_others(ours: Fleet) -> None:
    one, other = (KeyRing(ours.keys, lambda _: "") for _ in range(2))
    made = [ring.make("extra").keyid for ring in (one, other)]
    known = {entry.keyid: entry.name for entry in KeyRing(ours.keys, lambda _: "").entries}
    assert [known[keyid] for keyid in made] == ["extra-1", "extra-2"]


def test_one_signature_is_never_counted_twice(ours: Fleet) -> None:
    alice = ours.take_away("root-1")
    ours.take_away("root-2", "root-3")
    ours("renew", "root")
    for _ in range(2):
        ours("sign", "--yes", keys=alice)
    assert staged(ours)
    assert ours.station().look()._trusted_set.root.version == 1


def test_a_cosigner_signs_nothing_without_saying_yes(ours: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = ours.take_away("root-1", "root-2")
    ours("renew", "root")
    with pytest.raises(UsageError, match="add --yes"):
        ours("sign", keys=alice)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "")
    assert ours("sign", keys=alice) == 1
    assert staged(ours)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert ours("sign", keys=alice) == 0
    assert not staged(ours)


def test_what_waits_keeps_others_out_but_not_the_timer(ours: Fleet, bundle: Bundles) -> None:
    ours.take_away("root-1", "root-2")
    ours("renew", "root")
    with pytest.raises(UsageError, match=r"another change waits for signatures \(renew root\).*--discard"):
        ours("publish", bundle())
    assert ours("renew") == 0
    assert ours("sign", "--discard") == 0
    assert ours("publish", bundle()) == 0
    assert ours.station().look()._trusted_set.root.version == 1
    with pytest.raises(UsageError, match="no change waits"):
        ours("sign", "--discard")


def test_an_owner_signs_with_a_key_that_was_made_elsewhere(ours: Fleet) -> None:
    private, public = pem_files(ours.folder, "carol")
    ours("rotate-key", "root", "--old", "root-1", "--key", public)
    assert not staged(ours), "two owners sign, who are so before and after"
    ours("rotate-key", "root", "--old", "root-2")
    ours("rotate-key", "root", "--old", "root-3")
    ours.take_away("root-5")
    ours("renew", "root")
    assert staged(ours), "one file is gone, and Carol is not here"
    ours("sign", "--key", private, "--yes", keys=ours.folder / "nobody")
    assert not staged(ours)
    assert ours.station().look()._trusted_set.root.version == 5


@pytest.mark.parametrize("role", ["root", "targets", "grey-counter", "online", "snapshot", "timestamp"])
def test_a_key_is_rotated_under_stations_that_look_at_every_moment(
    ours: Fleet, bundle: Bundles, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """After each single write, a station that knows what was before and one that is new both find all they need."""
    ours("publish", bundle())
    old, looks = ours.station(), 0
    old.look()
    apply = Folder.apply

    def watched(self: Folder, writes: Sequence[Write]) -> None:
        nonlocal looks
        for write in writes:
            apply(self, [write])
            for station in (old, ours.station()):
                assert station.info(GREY) is not None
            looks += 1

    monkeypatch.setattr(Folder, "apply", watched)
    for _ in range(2):
        oldest = keys_of(ours, role)[0]
        assert ours("rotate-key", role, "--old", oldest) == 0
        assert oldest not in keys_of(ours, role)
    assert looks >= 2
    assert ours("publish", bundle("1.1.0")) == 0
    assert old.fetch("grey-counter/1.1.0-cpu.onnx") == bundle("1.1.0").read_bytes()


def test_a_lost_online_key_is_replaced(ours: Fleet, bundle: Bundles) -> None:
    """Nobody can bridge that: for the moment between two writes stations wait; then they follow."""
    ours("publish", bundle())
    station = ours.station()
    station.look()
    (ours.keys / "online-1.pem").unlink()
    assert ours("rotate-key", "online") == 0
    assert station.fetch(GREY) == bundle().read_bytes()
    assert ours("renew") == 0
    station.look()


def test_what_the_old_online_key_signs_after_its_rotation_is_refused(ours: Fleet, bundle: Bundles) -> None:
    """Fast-forward and recovery: a thief's timestamp of a far version is forgotten with the thief's key."""
    ours("publish", bundle())
    station, late = ours.station(), ours.station()
    thief = KeyRing(ours.keys, lambda _: "").signers([keyid(ours, "online-1")])[0]
    path = ours.path / "metadata" / "timestamp.json"
    ours_still = path.read_bytes()
    forged = Metadata.from_bytes(ours_still)
    forged.signed.version = 2**31 - 1
    forged.sign(thief)
    path.write_bytes(forged.to_bytes())
    assert station.look()._trusted_set.timestamp.version == 2**31 - 1
    path.write_bytes(ours_still)

    ours("rotate-key", "online")
    assert station.look()._trusted_set.timestamp.version == 3
    path.write_bytes(forged.to_bytes())
    with pytest.raises(UnsignedMetadataError):
        late.look()
    with pytest.raises(InputError, match=r"timestamp.json: not signed by the keys that root version 2 names"):
        ours("rotate-key", "root", "--old", "root-1")


def test_a_revoked_key_signs_nothing_any_more(ours: Fleet, bundle: Bundles) -> None:
    ours("publish", bundle())
    station = ours.station()
    station.look()
    revoked = keyid(ours, "targets-1")
    assert ours("revoke", "targets-1") == 0
    state = Folder(ours.path).opened()
    for delegator in (state.root.signed, state.targets["targets"].signed):
        assert revoked not in json.dumps(delegator.to_dict())
    assert revoked not in state.targets["grey-counter"].signatures
    assert station.fetch(GREY) == bundle().read_bytes()

    ours.take_away("targets-2")
    ours("publish", bundle("1.1.0"))
    assert staged(ours), "the revoked key is here, but does not count"
    thief = KeyRing(ours.keys, lambda _: "").signers([revoked])[0]
    forged = Metadata.from_bytes((ours.path / "staged" / "grey-counter.json").read_bytes())
    forged.sign(thief)
    (ours.path / "staged" / "grey-counter.json").write_bytes(forged.to_bytes())
    ours("renew")
    assert staged(ours)
    assert station.info("grey-counter/1.1.0-cpu.onnx") is None


def test_the_last_key_of_a_role_is_not_revoked(ours: Fleet) -> None:
    with pytest.raises(UsageError, match=r"snapshot: 0 keys would be left, and 1 must sign.*rotate-key"):
        ours("revoke", "online-1")
    assert ours("revoke", "root-1") == 0
    with pytest.raises(UsageError, match="root: 1 keys would be left, and 2 must sign"):
        ours("revoke", "root-2")


def test_revoking_and_rotating_twice_is_not_two_changes(ours: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["revoke", "targets-1"], ["rotate-key", "root", "--old", "root-1"]):
        ours(*command)
        capsys.readouterr()
        ours(*command)
        assert "nothing to do" in capsys.readouterr().out
    assert Folder(ours.path).opened().root.signed.version == 3


def test_the_keys_that_may_move_stations_come_and_go(ours: Fleet) -> None:
    station = ours.station()
    assert list(station.desired_keys().keys) == [keyid(ours, "desired-1")]
    ours("desired-key", "add")
    assert list(station.desired_keys().keys) == [keyid(ours, "desired-1"), keyid(ours, "desired-2")]
    ours("desired-key", "revoke", "desired-1")
    assert list(station.desired_keys().keys) == [keyid(ours, "desired-2")]
    ours("revoke", keyid(ours, "desired-2")[:12])
    assert list(station.desired_keys().keys) == []


def test_a_desired_key_must_be_ed25519(ours: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "ec.pem"
    public = generate_private_key(SECP256R1()).public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(InputError, match="ecdsa cannot sign model/desired"):
        ours("desired-key", "add", path)


def test_offline_keys_stand_behind_a_passphrase_and_the_timer_s_does_not(bare: Fleet, bundle: Bundles, tmp_path: Path) -> None:
    secret, wrong = tmp_path / "secret", tmp_path / "wrong"
    for path, text in ((secret, "correct horse"), (wrong, "battery staple")):
        path.write_text(f"{text}\n")
        path.chmod(0o600)
    bare("init", "--passphrase", "--passphrase-file", secret)
    assert {path.stem for path in bare.keys.glob("*.pem") if b"ENCRYPTED" not in path.read_bytes()} == {"online-1"}
    assert bare("renew") == 0
    with pytest.raises(UsageError, match=r"passphrase of targets-1.pem: nobody is there to type it"):
        bare("publish", bundle())
    bare("sign", "--discard")
    with pytest.raises(InputError, match=r"targets-1.pem: the passphrase is wrong"):
        bare("publish", bundle(), "--passphrase-file", wrong)
    assert bare("publish", bundle(), "--passphrase-file", secret) == 0
    assert bare.station().fetch(GREY) == bundle().read_bytes()
    secret.chmod(0o644)
    with pytest.raises(InputError, match="secret: its mode 0644 lets others in"):
        bare("publish", bundle("2.0.0"), "--passphrase-file", secret)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Ed25519PrivateKey]:
    """A security module behind the URI ``module:``, as securesystemslib lets one add its own."""
    private = Ed25519PrivateKey.generate()
    asked: list[str] = []

    class Module(Signer):
        def __init__(self, pin: str) -> None:
            asked.append(pin)
            self._signer = CryptoSigner(private)

        @property
        def public_key(self) -> Key:
            return self._signer.public_key

        @classmethod
        def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None) -> Signer:  # noqa: ARG003
            if priv_key_uri == "module:away":
                raise OSError("no such device")
            assert secrets_handler
            return cls(secrets_handler("PIN"))

        def sign(self, payload: bytes) -> Signature:
            return self._signer.sign(payload)

    monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, "module", Module)
    return lambda: private


def test_a_key_in_a_security_module_signs_by_its_uri(
    ours: Fleet, bundle: Bundles, module: Callable[[], Ed25519PrivateKey], tmp_path: Path
) -> None:
    public, pin = tmp_path / "module.pub.pem", tmp_path / "pin"
    public.write_bytes(module().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    pin.write_text("1234")
    pin.chmod(0o600)
    ours("rotate-key", "targets", "--old", "targets-1", "--key", public)
    ours.take_away("targets-2")
    ring = ours.keys / "keys.json"
    stored = ring.read_text()
    assert stored.count('"uri": null') == 1
    ring.write_text(stored.replace('"uri": null', '"uri": "module:away"'))
    with pytest.raises(UnavailableError, match=r"module:away: cannot be used \(no such device\)"):
        ours("publish", bundle())
    ring.write_text(stored.replace('"uri": null', '"uri": "module:slot-1"'))
    assert ours("publish", bundle(), "--passphrase-file", pin) == 0
    assert ours.station().fetch(GREY) == bundle().read_bytes()


def test_a_cloud_key_says_what_to_install(ours: Fleet) -> None:
    with pytest.raises(UnavailableError, match=r"gcpkms:projects/x.*pip install 'securesystemslib\[gcpkms\]'"):
        ours("rotate-key", "root", "--old", "root-1", "--key", "gcpkms:projects/x")
    with pytest.raises(UsageError, match="floppy:a: no such file, and no signer URI; name a PEM file, or file2:"):
        ours("rotate-key", "root", "--old", "root-1", "--key", "floppy:a")


def test_a_repository_begins_with_the_owners_keys(bare: Fleet, bundle: Bundles, capsys: pytest.CaptureFixture[str]) -> None:
    owners = [pem_files(bare.folder, name) for name in ("alice", "bob")]
    given = [word for _, public in owners for word in ("--key", f"root={public}")]
    bare("init", "--root-keys", "2", *given)
    assert "root: 2 more of root-1" in capsys.readouterr().out
    with pytest.raises(InputError, match="no repository here; its first metadata wait for signatures"):
        bare("list")
    for private, _ in owners:
        shutil.copytree(bare.keys, bare.folder / private.stem)
        bare("sign", "--key", private, "--yes", keys=bare.folder / private.stem)
    assert not list(bare.keys.glob("root-*"))
    bare("publish", bundle())
    assert bare.station().fetch(GREY) == bundle().read_bytes()
    root = Metadata[Root].from_bytes((bare.path / "metadata" / "1.root.json").read_bytes()).signed
    assert (len(root.roles["root"].keyids), root.roles["root"].threshold) == (2, 2)
