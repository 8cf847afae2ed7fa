"""The processes that train one model together, as ``torchrun`` starts them; without it there is one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True)
class Processes:
    """This process among the others.

    Attributes:
        rank: number of this process, from 0; the first one writes files and validates.
        number: of processes.
        device: on which this one works.
        first_here: whether it is the first on its machine, which decodes frames for the others there.
    """

    rank: int
    number: int
    device: torch.device
    first_here: bool = True

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, value: Any) -> Any:
        """The first process's value, in all of them; the others wait for it."""
        if self.number == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, 0)
        return box[0]

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all must ask."""
        if self.number == 1:
            return flag
        answer = torch.tensor([float(flag)], device=self.device)
        distributed.all_reduce(answer, distributed.ReduceOp.MAX)
        return bool(answer.item())


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the other processes if ``torchrun`` started this one (gloo on processors, NCCL on GPUs), and leave them at the end."""
    gpu = torch.cuda.is_available()
    rank, number, local = (
        int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
    )
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    if number == 1:
        yield Processes(0, 1, device)
        return
    # The others wait while the first one of a machine decodes a whole data set, or validates; after an error nobody answers any more,
    # and torchrun ends what is left, so the group is only taken down in peace.
    distributed.init_process_group("nccl" if gpu else "gloo", timeout=timedelta(hours=12))
    yield Processes(rank, number, device, local == 0)
    distributed.destroy_process_group()
