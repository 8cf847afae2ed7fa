"""The trainer's figures: how fast batches come from the decoded frames, and, on a GPU, how fast a step is."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchvision.models import resnet50

from bintally.scenes import write_scenes
from trainer.data.prepare import load
from trainer.data.shards import Shards
from trainer.training.loader import Loader, epoch_order
from trainer.training.losses import objective
from trainer.training.processes import Processes
from trainer.training.run import Run
from trainer.training.settings import TrainSettings

_FRAMES, _SECONDS = 512, 6.0


def loader_images_per_s(folder: Path, size: int) -> float:
    """Varied images a second from decoded frames, on two threads, with nothing done to them afterwards."""
    examples = load(folder / "bins").examples
    settings = TrainSettings(batch_size=64)
    loader = Loader(examples, Shards(folder / "frames", examples, size), settings, torch.device("cpu"), threads=2)
    images, epoch, started = 0, 0, time.perf_counter()
    while time.perf_counter() - started < _SECONDS:
        for batch in loader.batches(epoch_order([len(examples)], settings, epoch), epoch):
            images += len(batch.frames)
        epoch += 1
    return images / (time.perf_counter() - started)


def our_step(folder: Path, batch_size: int, size: int) -> float:
    """Images a second of the whole training step on the GPU, from decoded frames to the optimizer."""
    examples = load(folder / "bins").examples
    settings = TrainSettings(batch_size=batch_size, images=batch_size * 40, freeze=0)
    processes = Processes(0, 1, torch.device("cuda", 0))
    run = Run(settings, processes, {"step": 0})
    run.begin(None, run.snapshot(finished=True))
    run.network.train()
    loader = Loader(examples, Shards(folder / "frames", examples, size), settings, processes.device)
    started = 0.0
    for step, batch in enumerate(loader.batches(epoch_order([len(examples)], settings, 0), 0)):
        if step == 10:
            torch.cuda.synchronize()
            started = time.perf_counter()
        run.learn(objective(run.outputs(batch.frames), batch, settings, None))
    torch.cuda.synchronize()
    return 30 * batch_size / (time.perf_counter() - started)


def plain_step(batch_size: int, size: int) -> float:
    """Images a second of a plain torchvision loop on frames that lie on the GPU already: bf16, SGD, nothing else."""
    net = resnet50(num_classes=7).cuda().train()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    frames = torch.from_numpy(np.random.default_rng(0).random((batch_size, 3, size, size), np.float32)).cuda()
    classes = torch.arange(batch_size, device="cuda") % 7
    started = 0.0
    for step in range(40):
        if step == 10:
            torch.cuda.synchronize()
            started = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16):
            loss = nn.functional.cross_entropy(net(frames), classes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    torch.cuda.synchronize()
    return 30 * batch_size / (time.perf_counter() - started)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in write_scenes(folder / "bins", _FRAMES, seed=1, workers=2):
            pass
        for size in (160, 224):
            print(f"loader, {size}×{size}: {loader_images_per_s(folder, size):.0f} varied images a second on two threads")
        if not torch.cuda.is_available():
            print("no GPU here: the training step is not measured")
            return
        print(f"{torch.cuda.get_device_name()}, ResNet50, 224×224, bf16, batches of 256, nothing frozen")
        print(f"training step: {our_step(folder, 256, 224):.0f} images a second; plain torchvision loop: {plain_step(256, 224):.0f}")
