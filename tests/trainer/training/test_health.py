"""The health watch: it fires on what is sick, the first seed system's head among it, and stays silent on what is well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainer.folders import SIDE
from trainer.network.design import Design
from trainer.network.model import Counter, load_imagenet
from trainer.training.health import HealthWatch
from trainer.training.losses import class_loss, class_targets
from trainer.training.processes import Processes
from trainer.training.run import MOST_NORM, Run
from trainer.training.settings import TrainSettings


def frames(number: int = 14) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(8).integers(0, 256, (number, SIDE, SIDE, 3), np.uint8))


CLASSES = torch.arange(14) % 7


def look(counter: Counter) -> set[str]:
    watch = HealthWatch()
    with watch.looking(counter):
        logits = counter(frames())
    cost = class_loss(logits, class_targets(CLASSES))
    cost.backward()  # type: ignore[no-untyped-call]
    return {finding.kind for finding in watch.judge(1, counter, logits, CLASSES, cost.item())}


@pytest.fixture
def counter(resnet_weights: Path) -> Counter:
    torch.manual_seed(3)
    made = Counter()
    load_imagenet(made, resnet_weights)
    return made.train()


def test_it_is_silent_on_a_healthy_network(counter: Counter) -> None:
    assert look(counter) == set()


def test_it_fires_on_the_seeds_head(resnet_weights: Path) -> None:
    torch.manual_seed(3)
    seed = Counter(Design(head="seed"))
    load_imagenet(seed, resnet_weights)
    assert "output-relu" in look(seed.train())


def test_dead_relus_are_found(counter: Counter) -> None:
    counter.net.layer4[0].bn1.bias.data.fill_(-1e6)
    assert "dead-relu" in look(counter)


def test_an_exploding_gradient_is_found_although_steps_are_clipped(mobilenet_weights: Path) -> None:
    """The loop judges a step after its gradients were clipped."""
    run = Run(TrainSettings(backbone="mobilenet_v3_small", freeze=0), Processes(0, 1, torch.device("cpu")), {"step": 0})
    run.begin(mobilenet_weights, None)
    run.counter.last_layers()[-1].weight.data.mul_(1e9)  # type: ignore[index]  # a Sequential
    logits = run.outputs(frames()).logits
    norm = run.learn(class_loss(logits, class_targets(CLASSES))).item()
    watch = HealthWatch()
    assert not any(finding.kind == "exploding" for finding in watch.judge(1, run.counter, logits, CLASSES, 1.0))
    assert any(finding.kind == "exploding" for finding in watch.judge(1, run.counter, logits, CLASSES, 1.0, norm / MOST_NORM))


def test_a_vanishing_gradient_is_found(counter: Counter) -> None:
    counter.eval()  # a batch norm in training would undo the scaling
    with torch.no_grad():
        for block in counter.net.layer3:
            block.bn3.weight.mul_(1e-9)
            if block.downsample is not None:
                block.downsample[1].weight.mul_(1e-9)
    assert "vanishing" in look(counter)


def test_sure_and_wrong_answers_are_found(counter: Counter) -> None:
    counter.net.fc.weight.data.zero_()
    counter.net.fc.bias.data[:] = torch.tensor([50.0, 0, 0, 0, 0, 0, 0])
    assert "saturated" in look(counter)


def test_a_loss_that_does_not_fall_is_found_once_and_a_falling_one_is_not(counter: Counter) -> None:
    flat, falling, logits = HealthWatch(), HealthWatch(), torch.zeros(14, 7) - 1
    found = [flat.judge(step, counter, logits, CLASSES, 1.9) for step in range(17)]
    assert [[finding.kind for finding in new] for new in found[14:]] == [[], ["loss-does-not-fall"], []]
    assert not any(falling.judge(step, counter, logits, CLASSES, 1.9 - 0.01 * step) for step in range(20))


def test_its_hooks_are_gone_afterwards(counter: Counter) -> None:
    look(counter)
    assert not any(module._forward_hooks for module in counter.modules() if isinstance(module, nn.ReLU))
