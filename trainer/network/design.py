"""Names of the networks that can be trained, and the classes that all of them tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

TOP_CLASS = 6
CLASSES = TOP_CLASS + 1
"""Counts 0 to 5, and «6 or more»."""

Backbone = Literal["resnet50", "resnet34", "resnet18", "vgg16", "mobilenet_v3_large", "mobilenet_v3_small"]
Head = Literal["linear", "ordinal", "seed"]
BACKBONES: tuple[Backbone, ...] = get_args(Backbone)
HEADS: tuple[Head, ...] = get_args(Head)
STAGES = 5
"""A backbone is seen as five stages from input to output: of a ResNet the stem and layer1 to layer4."""


@dataclass(frozen=True)
class Design:
    """Which network a checkpoint holds."""

    backbone: Backbone = "resnet50"
    head: Head = "linear"

    def __str__(self) -> str:
        return f"{self.backbone} with a {self.head} head"
