"""The counter as a torch module: raw frames in, class logits out, with a choice of backbones and heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from bintally.errors import InputError, UnavailableError
from trainer.network.design import CLASSES, STAGES, Backbone, Design, Head
from trainer.network.heads import CumulativeLogits
from trainer.network.torch_files import load_torch

_IMAGENET_MEAN_BGR = (0.406 * 255, 0.456 * 255, 0.485 * 255)
_IMAGENET_STD_BGR = (0.225 * 255, 0.224 * 255, 0.229 * 255)
_BUILDERS: Mapping[Backbone, tuple[Callable[..., nn.Module], Any]] = MappingProxyType(
    {
        "resnet50": (models.resnet50, models.ResNet50_Weights.IMAGENET1K_V2),
        "resnet34": (models.resnet34, models.ResNet34_Weights.IMAGENET1K_V1),
        "resnet18": (models.resnet18, models.ResNet18_Weights.IMAGENET1K_V1),
        "vgg16": (models.vgg16, models.VGG16_Weights.IMAGENET1K_V1),
        "mobilenet_v3_large": (models.mobilenet_v3_large, models.MobileNet_V3_Large_Weights.IMAGENET1K_V2),
        "mobilenet_v3_small": (models.mobilenet_v3_small, models.MobileNet_V3_Small_Weights.IMAGENET1K_V1),
    }
)


class Counter(nn.Module):
    """A torchvision backbone on frames as OpenCV gives them; normalisation is inside, so trainer and agent cannot differ in it.

    Args:
        design: backbone and head. ``linear`` gives one logit a class; ``ordinal`` one score against ordered thresholds
            (see ``trainer.network.heads``); ``seed`` is the first seed system's head, a ReLU over the logits, kept for comparison.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, design: Design | None = None) -> None:
        super().__init__()
        self.design = design or Design()
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN_BGR).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_IMAGENET_STD_BGR).view(1, 3, 1, 1))
        self.net: Any = _BUILDERS[self.design.backbone][0](num_classes=CLASSES)
        self.channels = _replace_last(self.net, self.design.head)

    def forward(self, frames: Tensor) -> Tensor:
        """Args: frames uint8 [n, height, width, 3], BGR. Returns: logits float32 [n, 7]; their softmax gives the probabilities."""
        return self.classify(self.features(frames))

    def features(self, frames: Tensor) -> Tensor:
        """Args: frames uint8 [n, height, width, 3]. Returns: the last feature map, float32 [n, channels, height / 32, width / 32]."""
        x = (frames.permute(0, 3, 1, 2).float() - self.mean) / self.std
        for stage in self.stages():
            x = stage(x)
        return x

    def classify(self, features: Tensor) -> Tensor:
        """Args: what ``features`` gave. Returns: logits [n, 7]."""
        flat = torch.flatten(self.net.avgpool(features), 1)
        logits: Tensor = self.last_layers()(flat)
        return logits

    def stages(self) -> list[nn.Module]:
        """The backbone's five stages, in order."""
        net = self.net
        if isinstance(net, models.ResNet):
            stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
            return [stem, net.layer1, net.layer2, net.layer3, net.layer4]
        length = len(net.features)
        ends = [round(length * number / STAGES) for number in range(STAGES + 1)]
        return [net.features[start:end] for start, end in pairwise(ends)]

    def last_layers(self) -> nn.Module:
        """What follows the pooling: the head, and in some backbones layers before it."""
        layers: nn.Module = self.net.fc if isinstance(self.net, models.ResNet) else self.net.classifier
        return layers

    def pretrained_last_layers(self) -> list[nn.Module]:
        """Layers between the pooling and the head that come with ImageNet weights: VGG and MobileNet have such."""
        layers = self.last_layers()
        return [] if isinstance(self.net, models.ResNet) else list(layers.children())[:-1]

    def freeze(self, stages: int) -> None:
        """Keep the first ``stages`` of the backbone as they are; their batch norms keep their statistics too."""
        self._frozen = self.stages()[:stages]
        for module in self._frozen:
            module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Counter:
        super().train(mode)
        for module in getattr(self, "_frozen", ()):
            module.eval()
        return self


def _replace_last(net: Any, head: Head) -> int:
    """Put the head in the place of the last layer; returns the channels of the feature map."""
    if isinstance(net, models.ResNet):
        channels: int = net.fc.in_features
        net.fc = _head(channels, head)
        return channels
    net.classifier[-1] = _head(net.classifier[-1].in_features, head)
    channels = net.classifier[0].in_features
    return channels if isinstance(net, models.MobileNetV3) else channels // 49  # VGG pools to 7×7


def _head(inputs: int, head: Head) -> nn.Module:
    if head == "ordinal":
        return CumulativeLogits(inputs, CLASSES)
    if head == "seed":
        return nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, CLASSES), nn.ReLU())
    return nn.Linear(inputs, CLASSES)


def load_imagenet(counter: Counter, weights: Path | None) -> None:
    """Fill the backbone with ImageNet weights; the head stays as it was drawn.

    Args:
        counter: changed in place.
        weights: a state dict of torchvision's model of the same name (RGB), or None for torchvision's own, fetched at first use.

    Raises:
        InputError: the file is not such a state dict.
        UnavailableError: torchvision's weights cannot be fetched.
    """
    name = counter.design.backbone
    state = _read(weights, name) if weights else _fetch(name)
    last = next(key for key in reversed(list(_BUILDERS[name][0]().state_dict())) if key.endswith(".weight")).removesuffix("weight")
    state = {key: value.float() for key, value in state.items() if not key.startswith(last)}
    own = "fc." if isinstance(counter.net, models.ResNet) else last
    expected = {key: value for key, value in counter.net.state_dict().items() if not key.startswith(own)}
    wrong = sorted(key for key in expected if key not in state or state[key].shape != expected[key].shape)
    if wrong:
        raise InputError(f"{weights}: not weights of torchvision's {name} ({len(wrong)} tensors missing or misshapen, first {wrong[0]})")
    first = next(iter(expected))
    state[first] = state[first][:, [2, 1, 0]]  # RGB to BGR
    counter.net.load_state_dict(state, strict=False)


def _read(path: Path, name: str) -> dict[str, Tensor]:
    state = load_torch(path, f"give --weights a state dict of torchvision's {name}")
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict; give one of torchvision's {name}")
    return state


def _fetch(name: Backbone) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = _BUILDERS[name][1].get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise UnavailableError(f"ImageNet weights cannot be fetched ({error}); give a file with --weights") from error
    return state
