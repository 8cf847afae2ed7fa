"""How many wrong bins are found with how many recounts, on simulated shifts; the table of docs/ledger.md and docs/discrepancies.png.

``python -m tests.bench.discrepancies [SHIFTS [PICTURE]]``
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.warehouse.discrepancies.shifts import CONFUSION, Counter, Curves, Shift, curves, rankings

AT = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
STAYS = 0.57
SETTINGS = {
    "rendered bins": ("rendered", Shift()),
    "rendered bins, mistakes outlive movements": ("rendered", replace(Shift(), stays=STAYS)),
    "photographs": ("photographs", Shift()),
}
_COLOURS = {"true posterior": "#222222", "bintally": "#1b6ac9", "flag every inequality": "#d2761b", "at random": "#999999"}


def main(shifts: int = 10, picture: Path | None = None) -> None:
    """Print the tables; draw the first one's curves, if asked to."""
    found = {name: measure(counter, shift, shifts) for name, (counter, shift) in SETTINGS.items()}
    for name, one in found.items():
        print(f"\n{name}: share of the wrong bins found, {one.wrong} in {shifts} shifts\n")
        print(f"| recounts, share of all bins | {' | '.join(f'{share:.0%}' for share in AT)} |\n|---|{'---|' * len(AT)}")
        for ranking, curve in one.found.items():
            print(f"| {ranking} | {' | '.join(f'{curve[round(share * (len(curve) - 1))]:.1%}' for share in AT)} |")
    if picture:
        draw(found, picture)


def measure(counter: str, shift: Shift, shifts: int) -> Curves:
    """The mean curves over shifts with the seeds 0, 1, …."""
    made = Counter(CONFUSION[counter]["confusion"])
    return curves(shift, made, rankings(shift, made), range(shifts))


def draw(found: dict[str, Curves], picture: Path) -> None:
    """The curves, side by side."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(11, 3.8), sharey=True, layout="constrained")
    for axis, (name, one) in zip(axes, found.items(), strict=True):
        for ranking, curve in one.found.items():
            axis.plot(np.linspace(0, 100, len(curve)), 100 * curve, label=ranking, color=_COLOURS[ranking], lw=1.8)
        axis.set(title=name, xlim=(0, 25), ylim=(0, 101), xlabel="recounts, % of all bins")
        axis.title.set_fontsize(10)
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("wrong bins found, %")
    axes[0].legend(loc="lower right", fontsize=8)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10, Path(sys.argv[2]) if sys.argv[2:] else None)
