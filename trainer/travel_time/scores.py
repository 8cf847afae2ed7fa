"""How good estimates are, and whether their spreads say so."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bintally.errors import InputError
from trainer.travel_time.lists import Lists
from trainer.travel_time.network import TravelTime

Floats = npt.NDArray[np.float64]


def estimates(network: TravelTime, lists: Lists) -> tuple[Tensor, Tensor]:
    """Values and spreads of all lists, float32[n] each.

    Raises:
        InputError: an estimate is not a number.
    """
    with torch.inference_mode():
        parts = [network(picks, base) for picks, base, _ in lists.chunks()]
    value, spread = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    if not (torch.isfinite(value).all() and torch.isfinite(spread).all()):
        raise InputError("the network's answers are not numbers; the run has diverged: take a smaller --learning-rate, and begin again")
    return value, spread


def scores(estimated: Floats, calculated: Floats) -> dict[str, float]:
    """Relative errors.

    Args:
        estimated: float64[n].
        calculated: float64[n], above 0.

    Returns:
        ``n``; ``error``, the mean of |estimated ÷ calculated − 1|; ``bias``, the mean of it with its sign; ``worst``, the mean over the
        worst 1 % of lists (at least one), and ``q99``, above which these lie.
    """
    signed = estimated / calculated - 1
    errors = np.sort(np.abs(signed))
    worst = errors[-max(1, len(errors) // 100) :]
    return {
        "n": len(errors),
        "error": float(errors.mean()),
        "bias": float(signed.mean()),
        "worst": float(worst.mean()),
        "q99": float(np.quantile(errors, 0.99)),
    }


def doubt_scores(errors: Floats, spread: Floats) -> dict[str, float]:
    """Whether spreads are as large as errors.

    Args:
        errors: float64[n], relative, with their sign.
        spread: float64[n], as relative standard deviations.

    Returns:
        ``ratio``, the root of the mean of (error ÷ spread)², 1 if calibrated; ``within_2``, the share of errors below two spreads, 0.95 of normal ones;
        ``error_sure`` and ``error_unsure``, the mean errors of the tenths of lists with the smallest and the largest spreads.
    """
    ranked = np.abs(errors)[np.argsort(spread, kind="stable")]
    tenth = max(1, len(errors) // 10)
    return {
        "ratio": float(np.sqrt(np.mean((errors / spread) ** 2))),
        "within_2": float(np.mean(np.abs(errors) < 2 * spread)),
        "error_sure": float(ranked[:tenth].mean()),
        "error_unsure": float(ranked[-tenth:].mean()),
    }
