"""The counter as a torch module: raw frames in, logits out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights, resnet50

from bintally.errors import InputError, UnavailableError
from trainer.torch_files import load_torch

TOP_CLASS = 6
CLASSES = TOP_CLASS + 1
"""Counts 0 to 5, and «6 or more»."""

_IMAGENET_MEAN_BGR = (0.406 * 255, 0.456 * 255, 0.485 * 255)
_IMAGENET_STD_BGR = (0.225 * 255, 0.224 * 255, 0.229 * 255)
_STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


class Counter(nn.Module):
    """ResNet50 on frames as OpenCV gives them; normalisation is inside, so trainer and agent cannot differ in it."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN_BGR).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_IMAGENET_STD_BGR).view(1, 3, 1, 1))
        self.net = resnet50(num_classes=CLASSES)

    def forward(self, frames: Tensor) -> Tensor:
        """Args: frames uint8 [n, height, width, 3], BGR. Returns: logits float32 [n, 7]."""
        pixels = frames.permute(0, 3, 1, 2).float()
        logits: Tensor = self.net((pixels - self.mean) / self.std)
        return logits

    def freeze(self, stages: int) -> None:
        """Keep the first ``stages`` of stem, layer1 … layer4 as they are; their batch norms keep their statistics too."""
        self._frozen: list[nn.Module] = []
        for stage in _STAGES[:stages]:
            self._frozen += [self.net.conv1, self.net.bn1] if stage == "stem" else [getattr(self.net, stage)]
        for module in self._frozen:
            module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Counter:
        super().train(mode)
        for module in getattr(self, "_frozen", ()):
            module.eval()
        return self


def load_imagenet(counter: Counter, weights: Path | None) -> None:
    """Fill the backbone with ImageNet weights; the head stays as it was drawn.

    Args:
        counter: changed in place.
        weights: a state dict of torchvision's ``resnet50`` (RGB), or None for torchvision's own, fetched at first use.

    Raises:
        InputError: the file is not such a state dict.
        UnavailableError: torchvision's weights cannot be fetched.
    """
    state = _read(weights) if weights else _fetch()
    state = {name: value.float() for name, value in state.items() if not name.startswith("fc.")}
    expected = {name: value for name, value in counter.net.state_dict().items() if not name.startswith("fc.")}
    wrong = sorted(name for name in expected if name not in state or state[name].shape != expected[name].shape)
    if wrong:
        raise InputError(f"{weights}: not weights of torchvision's resnet50 ({len(wrong)} tensors missing or misshapen, first {wrong[0]})")
    state["conv1.weight"] = state["conv1.weight"][:, [2, 1, 0]]  # RGB to BGR
    counter.net.load_state_dict(state, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    state = load_torch(path, "give --weights a state dict of torchvision's resnet50")
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict; give one of torchvision's resnet50")
    return state


def _fetch() -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = ResNet50_Weights.IMAGENET1K_V2.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise UnavailableError(f"ImageNet weights cannot be fetched ({error}); give a file with --weights") from error
    return state
