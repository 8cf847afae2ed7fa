"""Checkpoints: any file that is none gets one clear error, and a failed writing leaves the previous one."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bintally.errors import InputError, UnavailableError
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import FORMAT, Checkpoint
from trainer.network.design import Design
from trainer.network.model import Counter


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    """A checkpoint whose numbers are quickly written; ``write`` does not look at shapes."""
    return Checkpoint(Design(), {"weight": torch.arange(6.0)}, 64, {"step": 3}, None)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    written = Checkpoint(
        Design(), Counter().state_dict(), 96, {"step": 3, "settings": {"sizes": (32, 64)}}, {"state": {}, "param_groups": []}
    )
    checkpoints.write(tmp_path / "a.pt", written)
    found = checkpoints.read(tmp_path / "a.pt")
    assert (found.input_size, found.facts, found.state) == (written.input_size, written.facts, written.state)
    assert all(torch.equal(found.model[name], value) for name, value in written.model.items())
    assert not found.counter().training


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.pt: no such file"):
        checkpoints.read(tmp_path / "missing.pt")


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of torch.s files, or damaged"):
        checkpoints.read(tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(b"")
@example(b"hello world\n")
@example(b"epochs: 5\n")
@example(b"PK\x03\x04 no archive")
@example(b"Qc\xb5\xfe\t")
@example(b"GM_\xd0\xc7\t")
@given(st.binary(max_size=60))
def test_no_file_of_text_or_noise_is_taken_for_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"noise\.pt: none of torch.s files, or damaged"):
        checkpoints.read(path)


def _with(**changed: Any) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "model": {},
        "input_size": 64,
        "facts": {},
        "state": None,
        "design": {"backbone": "resnet50", "head": "linear"},
    } | changed


@pytest.mark.parametrize(
    "content",
    [
        [1, 2],
        {"weight": torch.zeros(2)},
        _with(format="bintally-checkpoint-0"),
        _with(format=torch.zeros(2)),
        {"format": FORMAT},
        _with(more=1),
        _with(model=3),
        _with(model={"net.conv1.weight": 1}),
        _with(model={"net.conv1.weight": torch.zeros(2)}),
    ],
    ids=["list", "state-dict", "older", "tensor", "nothing-in-it", "unknown-key", "no-model", "number-for-weight", "one-weight"],
)
def test_a_torch_file_of_another_form_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt"):
        checkpoints.read(tmp_path / "other.pt")


def _cut_the_head(state: dict[str, Any]) -> None:
    state["net.fc.weight"] = state["net.fc.weight"][:6]


def _drop_one(state: dict[str, Any]) -> None:
    del state["net.bn1.bias"]


def _add_one(state: dict[str, Any]) -> None:
    state["net.more"] = torch.zeros(1)


@pytest.mark.parametrize("change", [_cut_the_head, _drop_one, _add_one])
def test_other_shapes_and_names_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    state = dict(Counter().state_dict())
    change(state)
    checkpoints.write(tmp_path / "a.pt", Checkpoint(Design(), state, 64, {}, None))
    with pytest.raises(InputError, match="not those of this version"):
        checkpoints.read(tmp_path / "a.pt")


def test_half_a_checkpoint_is_refused(tmp_path: Path, small: Checkpoint) -> None:
    checkpoints.write(tmp_path / "a.pt", small)
    content = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "a.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        checkpoints.read(tmp_path / "a.pt")


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "was-run",)

    torch.save(_with(facts=Attack()), tmp_path / "a.pt")
    with pytest.raises(InputError):
        checkpoints.read(tmp_path / "a.pt")
    assert not (tmp_path / "was-run").exists()


def test_a_writing_that_fails_leaves_the_previous_one(tmp_path: Path, small: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.write(tmp_path / "a.pt", small)
    before = (tmp_path / "a.pt").read_bytes()

    def fill_the_disk(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(UnavailableError, match="No space left"):
        checkpoints.write(tmp_path / "a.pt", small)
    assert (tmp_path / "a.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_file_that_may_not_grow_as_on_a_full_disk_is_an_error_and_no_crash(tmp_path: Path, small: Checkpoint) -> None:
    """torch reports a failed write as a RuntimeError, not as an OSError."""
    checkpoints.write(tmp_path / "a.pt", small)
    before = (tmp_path / "a.pt").read_bytes()
    large = Checkpoint(Design(), {"weight": torch.zeros(300_000)}, 64, {}, None)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(UnavailableError, match=r"a\.pt: cannot be written"):
            checkpoints.write(tmp_path / "a.pt", large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "a.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, small: Checkpoint) -> None:
    with pytest.raises(UnavailableError, match="cannot be written"):
        checkpoints.write(tmp_path / "missing" / "a.pt", small)


def test_the_average_of_checkpoints_lies_in_the_middle_of_their_weights() -> None:
    one, other = (
        Checkpoint(Design(), {"a": torch.tensor([value]), "steps": torch.tensor(3)}, size, {"n": size}, None)
        for value, size in ((1.0, 96), (4.0, 64))
    )
    middle = checkpoints.average([one, other])
    assert middle.model["a"].item() == 2.5
    assert middle.model["steps"].item() == 3
    assert middle.input_size == 64
    assert middle.facts == {"averaged": [{"n": 96}, {"n": 64}]}
    assert checkpoints.average([one]).facts == {"n": 96}
