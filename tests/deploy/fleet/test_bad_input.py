"""What is wrong is said: what, where, what to do; and nothing changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bintally.errors import InputError, UnavailableError, UsageError
from deploy.fleet.cli import fleet
from tests.deploy.fleet.conftest import Bundles, Fleet
from tests.fakes.bundle import repack


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["rotate-key", "janitor"], "janitor: no such role; there are root, targets, snapshot, timestamp"),
        (["rotate-key", "root"], r"root: has the keys root-1 \(.*; say with --old which one goes"),
        (["rotate-key", "root", "--old", "root-9"], r"root-9: no such key; root has root-1 \("),
        (["renew", "janitor"], "janitor: no such role"),
        (["revoke", "nobody"], "nobody: no such key; 'bintally fleet list' shows them all"),
        (["desired-key", "revoke"], "name the key"),
        (["desired-key", "revoke", "nobody"], r"nobody: no such key; model/desired may be signed by desired-1 \("),
        (["sign"], "no change waits for signatures here"),
        (["publish", "missing.onnx"], "missing.onnx: no such bundle"),
        (["init"], "is a repository already"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_word_changes_nothing(ours: Fleet, words: list[str], why: str) -> None:
    before = contents(ours.folder)
    with pytest.raises((InputError, UsageError), match=why):
        ours(*words)
    assert contents(ours.folder) == before


def test_only_whole_bundles_are_published(ours: Fleet, bundle: Bundles, tiny: bytes, tmp_path: Path) -> None:
    before = contents(ours.path)
    path = tmp_path / "bad.onnx"
    for content, why in (
        (b"no bundle", "no ONNX graph"),
        (repack(tiny, lambda manifest: manifest.update(version="9.9.9"), sign=False), "altered after export"),
        (bundle().read_bytes().replace(b"probabilities", b"probabilitiez", 1), "bad.onnx: "),
        (tiny, "the manifest's device 'any CPU' cannot be published"),
        (repack(tiny, lambda manifest: manifest.update(task="travel-time")), "estimates how long pick lists take"),
        (repack(tiny, lambda manifest: manifest.update(target="cpu", name="targets")), "a role of the repository has this name"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=why):
            ours("publish", path)
    with pytest.raises(InputError, match="--agent 'new' cannot be published"):
        ours("publish", bundle(), "--agent", "new")
    assert contents(ours.path) == before


@pytest.mark.parametrize("name", ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_damaged_metadata_are_named(ours: Fleet, bundle: Bundles, name: str) -> None:
    path = ours.path / "metadata" / name
    whole = path.read_bytes()
    others = [b"", b"{}", whole[:-20], whole.replace(b"2026", b"2036").replace(b"2027", b"2037"), b'{"signed": {"_type": "root"}}']
    for content in others:
        path.write_bytes(content)
        for words in (["list"], ["renew"], ["publish", str(bundle())], ["rotate-key", "online"]):
            with pytest.raises(InputError, match=f"metadata/{name}: .*restore it from a copy"):
                ours(words[0], *words[1:])
    if not name.startswith("1.root"):
        path.unlink()
        with pytest.raises(InputError, match=f"metadata/{name}: is missing"):
            ours("list")
    path.write_bytes(whole)
    assert ours("list") == 0


def test_metadata_of_another_repository_are_refused(ours: Fleet) -> None:
    assert fleet(["init", str(ours.folder / "other" / "repository")]) == 0
    for name in ("timestamp.json", "1.snapshot.json", "1.targets.json"):
        (ours.path / "metadata" / name).write_bytes((ours.folder / "other" / "repository" / "metadata" / name).read_bytes())
    with pytest.raises(InputError, match=r"timestamp.json: not signed by the keys that root version 1 names"):
        ours("list")


def test_a_damaged_change_can_only_be_dropped(ours: Fleet, bundle: Bundles) -> None:
    ours.take_away("root-1", "root-2")
    ours("renew", "root")
    (ours.path / "staged" / "root.json").write_text("{")
    for words in (["publish", bundle()], ["sign", "--yes"], ["renew"]):
        with pytest.raises(InputError, match=r"staged: the change that waits here is damaged; .*--discard"):
            ours(str(words[0]), *words[1:])
    assert ours("sign", "--discard") == 0
    assert ours("publish", bundle()) == 0


def test_a_change_of_another_state_is_refused(ours: Fleet) -> None:
    ours.take_away("root-1", "root-2")
    ours("renew", "root")
    change = json.loads((ours.path / "staged" / "root.json").read_bytes())
    change["signed"]["version"] = 7
    (ours.path / "staged" / "root.json").write_text(json.dumps(change))
    with pytest.raises(UsageError, match="the staged root is version 7, but 1 is the newest here"):
        ours("sign", "--yes")


def test_keys_that_others_can_read_are_not_used(ours: Fleet, bundle: Bundles) -> None:
    (ours.keys / "targets-1.pem").chmod(0o640)
    with pytest.raises(InputError, match=r"targets-1.pem: its mode 0640 lets others in; .*chmod 600"):
        ours("publish", bundle())
    (ours.keys / "targets-1.pem").chmod(0o600)
    (ours.keys / "keys.json").chmod(0o644)
    with pytest.raises(InputError, match=r"keys.json: its mode 0644"):
        ours("publish", bundle())


def test_key_files_that_are_damaged_or_mixed_up_are_named(ours: Fleet, bundle: Bundles) -> None:
    one, two = ours.keys / "targets-1.pem", ours.keys / "targets-2.pem"
    one.write_bytes(two.read_bytes())
    with pytest.raises(InputError, match=r"targets-1.pem: holds another key than .*keys.json says"):
        ours("publish", bundle())
    one.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(InputError, match=r"targets-1.pem: damaged"):
        ours("publish", bundle())
    one.unlink()
    assert ours("publish", bundle()) == 0


def test_a_damaged_or_missing_ring_is_named(ours: Fleet, bundle: Bundles) -> None:
    ring = ours.keys / "keys.json"
    ring.write_text('{"schema": 2}')
    with pytest.raises(InputError, match=r"keys.json: schema is wrong"):
        ours("publish", bundle())
    ring.unlink()
    with pytest.raises(InputError, match=r"keys.json: no key ring can be read here .*--keys"):
        ours("publish", bundle())


def test_thresholds_that_cannot_be_met_are_refused(bare: Fleet) -> None:
    with pytest.raises(UsageError, match="root: 2 of 1 keys cannot be asked for"):
        bare("init", "--root-keys", "1")
    assert bare("init", "--root-keys", "1", "--root-threshold", "1") == 0, "and nothing is in the way afterwards"


def test_init_takes_no_folder_of_something_else(ours: Fleet) -> None:
    full = ours.folder / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"full: holds thesis.txt; name an empty folder"):
        fleet(["init", str(full)])
    with pytest.raises(UsageError, match=r"keys: holds the keys of a repository already; name another folder with --keys"):
        fleet(["init", str(ours.folder / "second")])


def test_a_folder_that_cannot_be_written_to_is_named(ours: Fleet, bundle: Bundles, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a fake, since root, as whom tests may run, can write everywhere."""

    def refuse(**_: object) -> str:
        raise PermissionError(13, "Permission denied")

    before = contents(ours.path)
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkstemp", refuse)
        with pytest.raises(UnavailableError, match=r"cannot be written .*Permission denied"):
            ours("publish", bundle())
    assert contents(ours.path) == before
    (ours.folder / "file").write_text("in the way")
    with pytest.raises(UnavailableError, match="file/repository/metadata: cannot make this folder"):
        fleet(["init", str(ours.folder / "file" / "repository"), "--keys", str(ours.folder / "other-keys")])


def test_a_full_disk_is_named_and_nothing_is_half_done(ours: Fleet, bundle: Bundles, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(ours.path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(UnavailableError, match="No space left on device"):
            ours("renew")
    assert contents(ours.path) == before
    assert ours("publish", bundle()) == 0


@pytest.mark.parametrize("words", [["--expires", "root=0"], ["--expires", "janitor=3"], ["--root-keys", "0"], ["--key", "janitor=x"]])
def test_wrong_options_are_wrong_use(bare: Fleet, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bare("init", *words)
    assert ended.value.code == 2
    assert not bare.path.exists()
