"""``bintally scenes``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path


def scenes(arguments: Sequence[str]) -> int:
    """render pictures of bins with a known number of items, as a data set in ABID's layout"""
    parser = argparse.ArgumentParser(
        prog="bintally scenes", description=scenes.__doc__, epilog="example: bintally scenes --out rendered --number 1000 --seed 1"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder; bin-images/ and metadata/ are made in it")
    parser.add_argument("--number", type=int, default=100, help="how many pictures, or sequences (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same pictures (default: %(default)s)")
    parser.add_argument("--sequence", action="store_true", help="videos instead, in which a hand adds and takes items")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    options = parser.parse_args(arguments)

    from bintally.errors import UsageError
    from bintally.scenes import write_scenes, write_sequence

    if options.number < 1 or options.workers < 1 or options.seed < 0:
        raise UsageError("--number and --workers must be 1 or more, --seed 0 or more")
    if options.sequence:
        for seed in range(options.seed, options.seed + options.number):
            video, truth = write_sequence(options.out, seed)
            print(f"rendered {video} with its truth in {truth}")
        return 0
    written = sum(1 for _ in write_scenes(options.out, options.number, options.seed, workers=options.workers))
    print(f"rendered {written} bins into {options.out}")
    return 0
