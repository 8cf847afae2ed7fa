"""The counter: torchvision's ResNet50 on frames as OpenCV gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.transforms.functional import normalize

from bintally.errors import InputError
from trainer.network.design import CLASSES, Backbone, Design, Head
from trainer.network.model import Counter, load_imagenet


@pytest.fixture
def counter(resnet_weights: Path) -> Counter:
    torch.manual_seed(3)
    made = Counter()
    load_imagenet(made, resnet_weights)
    return made


def some_frames(number: int = 4) -> Tensor:
    return torch.from_numpy(np.random.default_rng(8).integers(0, 256, (number, 64, 48, 3), np.uint8))


def test_logits_are_those_of_torchvision_on_normalised_rgb(counter: Counter, resnet_weights: Path) -> None:
    reference = resnet50()
    reference.load_state_dict(torch.load(resnet_weights, weights_only=True))
    reference.fc = counter.net.fc
    frames = some_frames()
    rgb = frames.flip(3).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = reference.eval()(normalize(rgb, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        found = counter.eval()(frames)
    assert found.shape == (4, CLASSES)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_the_order_of_the_channels_matters(counter: Counter) -> None:
    frames = some_frames()
    with torch.inference_mode():
        assert not torch.allclose(counter.eval()(frames), counter(frames.flip(3)), atol=1e-2)


def test_imagenet_weights_fill_all_but_the_head(counter: Counter, resnet_weights: Path) -> None:
    torch.manual_seed(3)
    drawn = Counter().net.fc.weight
    assert torch.equal(counter.net.fc.weight, drawn)
    state = torch.load(resnet_weights, weights_only=True)
    assert torch.equal(counter.net.layer4[2].conv3.weight, state["layer4.2.conv3.weight"])
    assert torch.equal(counter.net.conv1.weight, state["conv1.weight"].flip(1))


def _without_one(state: dict[str, Any]) -> Any:
    del state["layer1.0.conv1.weight"]
    return state


def _of_another_shape(state: dict[str, Any]) -> Any:
    return state | {"conv1.weight": torch.zeros(64, 1, 7, 7)}


def _of_another_net(state: dict[str, Any]) -> Any:  # noqa: ARG001 - as the others
    return nn.Linear(2, 2).state_dict()


def _in_a_wrapper(state: dict[str, Any]) -> Any:
    return {"state_dict": state}


def _a_list(state: dict[str, Any]) -> Any:
    return list(state)


@pytest.mark.parametrize("change", [_without_one, _of_another_shape, _of_another_net, _in_a_wrapper, _a_list])
def test_other_state_dicts_are_refused(tmp_path: Path, resnet_weights: Path, change: Any) -> None:
    torch.save(change(torch.load(resnet_weights, weights_only=True)), tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth"):
        load_imagenet(Counter(), tmp_path / "other.pth")


def test_a_missing_file_of_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pth: no such file"):
        load_imagenet(Counter(), tmp_path / "none.pth")


@pytest.fixture(scope="module")
def untouched() -> Counter:
    return Counter()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(b"")
@example(b"hello world\n")
@example(b"Qc\xb5\xfe\t")
@example(b"GM_\xd0\xc7\t")
@given(st.binary(max_size=60))
def test_no_file_of_text_or_noise_is_taken_for_weights(tmp_path: Path, untouched: Counter, content: bytes) -> None:
    (tmp_path / "noise.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"noise\.pth: none of torch.s files"):
        load_imagenet(untouched, tmp_path / "noise.pth")


def _changed_by_a_step(counter: Counter) -> set[str]:
    before = {name: value.clone() for name, value in counter.state_dict().items()}
    optimizer = torch.optim.SGD([parameter for parameter in counter.parameters() if parameter.requires_grad], lr=0.1)
    nn.functional.cross_entropy(counter.train()(some_frames()), torch.tensor([0, 1, 2, 6])).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return {name for name, value in counter.state_dict().items() if not torch.equal(before[name], value)}


def test_freezing_keeps_weights_and_statistics_of_the_first_stages(counter: Counter) -> None:
    counter.freeze(2)
    changed = _changed_by_a_step(counter)
    stages = {name.split(".")[1] for name in changed}
    assert stages == {"layer2", "layer3", "layer4", "fc"}
    assert "net.layer2.0.bn1.running_mean" in changed


def test_without_freezing_everything_learns_but_the_normalisation(counter: Counter) -> None:
    counter.freeze(0)
    assert set(counter.state_dict()) - _changed_by_a_step(counter) == {"mean", "std"}


def test_frozen_batch_norms_stay_frozen_when_training_is_switched_on_again(counter: Counter) -> None:
    counter.freeze(1)
    counter.eval()
    counter.train()
    assert not counter.net.bn1.training
    assert counter.net.layer1.training


@pytest.mark.parametrize(
    ("backbone", "head"),
    [("resnet18", "ordinal"), ("mobilenet_v3_small", "linear"), ("mobilenet_v3_large", "ordinal"), ("vgg16", "linear")],
)
def test_every_network_gives_logits_and_a_feature_map(backbone: Backbone, head: Head) -> None:
    counter = Counter(Design(backbone, head)).eval()
    with torch.inference_mode():
        features = counter.features(some_frames(2))
        assert (features.shape[0], features.shape[1]) == (2, counter.channels)
        torch.testing.assert_close(counter.classify(features), counter(some_frames(2)))
        assert counter(some_frames(2)).shape == (2, CLASSES)


def test_the_stages_are_the_whole_backbone() -> None:
    counter = Counter(Design("mobilenet_v3_small")).eval()
    frames = some_frames(2)
    normalised = (frames.permute(0, 3, 1, 2).float() - counter.mean) / counter.std
    with torch.inference_mode():
        torch.testing.assert_close(counter(frames), counter.net(normalised))


def test_weights_of_other_networks_are_read_and_those_of_another_are_refused(mobilenet_weights: Path, resnet_weights: Path) -> None:
    counter = Counter(Design("mobilenet_v3_small", "ordinal"))
    load_imagenet(counter, mobilenet_weights)
    state = torch.load(mobilenet_weights, weights_only=True)
    assert torch.equal(counter.net.classifier[0].weight, state["classifier.0.weight"])
    assert torch.equal(counter.net.features[0][0].weight, state["features.0.0.weight"].flip(1))
    with pytest.raises(InputError, match="not weights of torchvision's mobilenet_v3_small"):
        load_imagenet(counter, resnet_weights)
