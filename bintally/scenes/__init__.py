"""Rendered bins: pictures of fabric and shelf bins with a known number of items, drawn from a seed.

They are the demo's camera, test input with a known truth, and extra training data. Each frame carries the word «rendered».
"""

from __future__ import annotations

from bintally.scenes._dataset import write_scenes, write_sequence
from bintally.scenes._render import HEIGHT, MAX_QUANTITY, WIDTH, Moment, render_scene, render_sequence
from bintally.scenes._types import BinKind, Scene

__all__ = [
    "HEIGHT",
    "MAX_QUANTITY",
    "WIDTH",
    "BinKind",
    "Moment",
    "Scene",
    "render_scene",
    "render_sequence",
    "write_scenes",
    "write_sequence",
]
