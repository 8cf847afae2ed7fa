"""A command that is killed at any moment leaves a repository that stations can read, and that the same command completes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import UnsignedMetadataError

from bintally.errors import UsageError
from deploy.fleet.cli import fleet
from deploy.fleet.repository.folder import Folder
from tests.deploy.fleet.conftest import Bundles, Clock, Fleet, Station

KILLED = 137


def run(words: Sequence[str], die_at: int | None = None) -> int:
    """Run a command in a child process that dies, as by SIGKILL, just before it gives a file or folder its n-th name.

    Returns:
        How many names it gave, or ``KILLED``.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # never comes back into the test
        try:
            count = 0

            def step() -> None:
                nonlocal count
                count += 1
                if count == die_at:
                    os._exit(KILLED)

            for name in ("rename", "replace"):
                setattr(Path, name, _watched(getattr(Path, name), step))
            code = fleet(list(words))
            os.write(writer, f"{code} {count}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == KILLED:
        return KILLED
    exit_code, _, names = said.partition(" ")
    assert exit_code == "0", f"{words}: {said!r}"
    return int(names)


def _watched(method: Callable[..., Any], step: Callable[[], None]) -> Callable[..., Any]:
    def watched(*arguments: Any) -> Any:
        step()
        return method(*arguments)

    return watched


def visible(station: Station) -> tuple[Any, ...]:
    """What a station finds: two bundles, and the number of keys that may move it."""
    updater = station.look()
    bundles = [updater.get_targetinfo(f"grey-counter/{version}-cpu.onnx") for version in ("1.0.0", "1.1.0")]
    return (*(info and info.hashes for info in bundles), len(station.desired_keys().keys))


def versions(ours: Fleet) -> dict[str, int]:
    """Of the offline roles."""
    state = Folder(ours.path).opened()
    return {role: state.metadata(role).signed.version for role in ("root", *state.targets)}


@pytest.mark.parametrize(
    "command",
    [
        ["publish", "{bundle}"],
        pytest.param(["rotate-key", "targets", "--old", "targets-1"], marks=pytest.mark.long),
        pytest.param(["rotate-key", "root", "--old", "root-1"], marks=pytest.mark.long),
        pytest.param(["rotate-key", "online"], marks=pytest.mark.long),
        pytest.param(["revoke", "targets-2"], marks=pytest.mark.long),
        pytest.param(["desired-key", "add"], marks=pytest.mark.long),
        pytest.param(["desired-key", "revoke", "desired-1"], marks=pytest.mark.long),
        pytest.param(["renew", "root", "targets"], marks=pytest.mark.long),
        pytest.param(["renew"], marks=pytest.mark.long),
    ],
    ids=lambda command: "-".join(command[:2]),
)
def test_a_kill_at_any_step_leaves_it_readable_and_the_command_repeatable(ours: Fleet, bundle: Bundles, command: list[str]) -> None:
    ours("publish", bundle("1.0.0"))
    words = [word.format(bundle=bundle("1.1.0")) for word in command]
    before = visible(ours.station())
    copies = [Fleet(ours.folder / f"copy-{number}", ours.clock) for number in range(100)]

    def begin(copy: Fleet) -> list[str]:
        for folder in (ours.path, ours.keys):
            shutil.copytree(folder, copy.folder / folder.name)
        return [words[0], str(copy.path), *words[1:]]

    whole = copies.pop()
    steps = run(begin(whole))
    after, expected = visible(whole.station()), versions(whole)
    for step, copy in zip(range(1, steps + 1), copies, strict=False):
        call, station = begin(copy), copy.station()
        station.look()
        assert run(call, die_at=step) == KILLED
        assert visible(station) in (before, after), f"step {step}: half a change"
        assert fleet(call) == 0
        assert visible(station) == visible(copy.station()) == after, step
        assert versions(copy) == expected, f"step {step}: changed twice, or not at all"
        assert not [path for path in copy.path.rglob("*") if path.name.endswith(".part") or "staged" in path.name], step


def test_a_kill_between_a_root_and_what_it_needs_is_mended_by_the_timer(ours: Fleet, bundle: Bundles) -> None:
    """The one moment that nobody can bridge: the old online key is lost, so the new root comes first."""
    ours("publish", bundle("1.0.0"))
    (ours.keys / "online-1.pem").unlink()
    station = ours.station()
    station.look()
    words = ["rotate-key", str(ours.path), "online"]
    step = 1
    while not (ours.path / "metadata" / "2.root.json").exists():
        ours("sign", "--discard") if (ours.path / "staged").exists() else None
        assert run(words, die_at=step) == KILLED
        step += 1
    with pytest.raises(UnsignedMetadataError):
        station.look()
    with pytest.raises(UsageError, match="clients see a part of the change already"):
        ours("sign", "--discard")
    assert ours("renew") == 0
    assert visible(station) == visible(ours.station())
    assert not (ours.path / "staged").exists()


def test_init_is_repeatable_after_a_kill_at_any_step(tmp_path: Path, clock: Clock) -> None:
    few = ["--root-keys", "1", "--root-threshold", "1", "--targets-keys", "1"]
    steps = run(["init", str(tmp_path / "whole" / "repository"), *few])
    for step in range(1, steps + 1):
        folder = tmp_path / str(step)
        words = ["init", str(folder / "repository"), *few]
        assert run(words, die_at=step) == KILLED
        if not (folder / "repository" / "metadata" / "1.root.json").exists() or (folder / "repository" / "staged").exists():
            assert fleet(words) == 0, step
        assert len(list((folder / "keys").glob("root-*.pem"))) in (1, 2), "one more where a file was written, but not yet noted"
        Fleet(folder, clock).station().look()
