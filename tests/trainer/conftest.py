"""Fixtures of the trainer's tests; what a session shares is only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import torch
from hypothesis import settings
from torchvision.models import mobilenet_v3_small

from bintally.scenes import write_scenes
from tests.trainer.folders import write_bins, write_random_resnet

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Sums of floats depend on how threads share them; one thread makes two runs comparable bit by bit, those of other fixtures, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded frames of the tests stay out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command sets the log to the test's own standard error, which is closed behind it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rendered bins in ABID's layout."""
    folder = tmp_path_factory.mktemp("rendered")
    assert len(list(write_scenes(folder, 12, seed=7))) == 12
    return folder


@pytest.fixture(scope="session")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-one small pictures in ABID's layout, 0 to 6 items."""
    return write_bins(tmp_path_factory.mktemp("bins"), 21)


@pytest.fixture(scope="session")
def mobilenet_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the form of torchvision's mobilenet_v3_small, which trains in a moment and has dropout."""
    torch.manual_seed(11)
    path = tmp_path_factory.mktemp("weights") / "mobilenet.pth"
    torch.save(mobilenet_v3_small().state_dict(), path)
    return path


@pytest.fixture(scope="session")
def resnet_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the form of torchvision's resnet50."""
    return write_random_resnet(tmp_path_factory.mktemp("weights") / "resnet50.pth")
