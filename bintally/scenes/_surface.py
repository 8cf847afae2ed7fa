"""Faces and textures: what an item's surface looks like before it is put into a bin."""

from __future__ import annotations

import cv2
import numpy as np

from bintally.frames import Frame
from bintally.scenes._types import Bgr

_WORDS = (
    "BISCUITS", "Nova", "ORGANIC", "Atlas of Birds", "2 kg", "LED bulb", "Shampoo", "FRAGILE", "Tea", "XL",
    "Puzzle", "refill", "Winter", "No. 7", "VITAMIN C", "cable", "The Long Road", "Coffee", "12 pcs", "SOAP",
)  # fmt: skip
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX_SMALL)


def random_colour(rng: np.random.Generator) -> Bgr:
    """Draw a package colour: cardboard, white, black or any hue (BGR, 0–255)."""
    kind = rng.choice(4, p=(0.2, 0.18, 0.12, 0.5))
    if kind == 0:
        base = np.array((95, 140, 180)) + rng.normal(0, 14, 3)
    elif kind == 1:
        base = np.full(3, rng.uniform(190, 245)) + rng.normal(0, 5, 3)
    elif kind == 2:
        base = np.full(3, rng.uniform(25, 70)) + rng.normal(0, 5, 3)
    else:
        hsv = np.array([[[rng.integers(0, 180), rng.integers(50, 210), rng.integers(60, 235)]]], np.uint8)
        base = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].astype(float)
    return to_bgr(base)


def to_bgr(values: np.ndarray) -> Bgr:
    """Clip three channel values to a colour that OpenCV draws with."""
    blue, green, red = (float(v) for v in np.clip(values, 0, 255))
    return blue, green, red


def shade(colour: Bgr, factor: float) -> Bgr:
    """Darken (factor < 1) or lighten (> 1) a colour."""
    return to_bgr(np.array(colour) * factor)


def contrasting(colour: Bgr, rng: np.random.Generator) -> Bgr:
    """Draw a print colour that can be told from ``colour``."""
    for _ in range(8):
        other = random_colour(rng)
        if np.abs(np.array(other) - np.array(colour)).sum() > 160:
            return other
    return (245.0, 245.0, 245.0) if sum(colour) < 380 else (20.0, 20.0, 20.0)


def printed_face(rng: np.random.Generator, width: int, height: int, colour: Bgr, density: float) -> Frame:
    """Draw a printed face.

    Args:
        rng: source of randomness.
        width: pixels.
        height: pixels.
        colour: background of the face (BGR).
        density: 0 for a plain face, 1 for one full of print.

    Returns:
        uint8 array [height, width, 3], BGR.
    """
    face = np.empty((height, width, 3), np.uint8)
    face[:] = np.array(colour, np.uint8)
    for _ in range(rng.poisson(5 * density)):
        _PRINTS[rng.integers(len(_PRINTS))](rng, face, contrasting(colour, rng))
    gradient = np.linspace(rng.uniform(0.88, 1.06), rng.uniform(0.88, 1.06), width, dtype=np.float32)
    shaded: Frame = np.clip(face * gradient[None, :, None], 0, 255).astype(np.uint8)
    return shaded


def _stripe(rng: np.random.Generator, face: Frame, ink: Bgr) -> None:
    height, width = face.shape[:2]
    if rng.random() < 0.5:
        top = int(rng.uniform(0, 0.85) * height)
        cv2.rectangle(face, (0, top), (width, top + max(1, int(rng.uniform(0.03, 0.25) * height))), ink, -1)
    else:
        left = int(rng.uniform(0, 0.85) * width)
        cv2.rectangle(face, (left, 0), (left + max(1, int(rng.uniform(0.03, 0.25) * width)), height), ink, -1)


def _text(rng: np.random.Generator, face: Frame, ink: Bgr) -> None:
    height, width = face.shape[:2]
    word, font = str(rng.choice(_WORDS)), int(rng.choice(_FONTS))
    scale = max(0.25, width * rng.uniform(0.4, 0.95) / max(1, cv2.getTextSize(word, font, 1.0, 1)[0][0]))
    origin = (int(rng.uniform(0, 0.2) * width), int(rng.uniform(0.2, 0.95) * height))
    cv2.putText(face, word, origin, font, scale, ink, 1 + int(scale > 0.8), cv2.LINE_AA)


def _paragraph(rng: np.random.Generator, face: Frame, ink: Bgr) -> None:
    height, width = face.shape[:2]
    left, top = int(rng.uniform(0.05, 0.5) * width), int(rng.uniform(0.05, 0.7) * height)
    for line in range(int(rng.integers(3, 8))):
        y = top + 4 * line
        right = left + int(rng.uniform(0.2, 0.45) * width)
        cv2.line(face, (left, y), (right, y), ink, 1)


def _barcode(rng: np.random.Generator, face: Frame, _: Bgr) -> None:
    height, width = face.shape[:2]
    w, h = max(8, int(0.35 * width)), max(6, int(0.16 * height))
    left, top = int(rng.uniform(0, 0.6) * width), int(rng.uniform(0.5, 0.8) * height)
    cv2.rectangle(face, (left, top), (left + w, top + h), (245, 245, 245), -1)
    for x in range(left + 2, left + w - 2, 2):
        if rng.random() < 0.6:
            cv2.line(face, (x, top + 2), (x, top + h - 2), (20, 20, 20), 1)


def _logo(rng: np.random.Generator, face: Frame, ink: Bgr) -> None:
    height, width = face.shape[:2]
    centre = (int(rng.uniform(0.2, 0.8) * width), int(rng.uniform(0.2, 0.8) * height))
    radius = max(2, int(rng.uniform(0.1, 0.3) * min(width, height)))
    if rng.random() < 0.6:
        cv2.circle(face, centre, radius, ink, -1 if rng.random() < 0.6 else 2, cv2.LINE_AA)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        points = np.stack((centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles)), 1)
        cv2.fillPoly(face, [points.astype(np.int32)], ink, cv2.LINE_AA)


_PRINTS = (_stripe, _text, _paragraph, _barcode, _logo)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: int) -> np.ndarray:
    """Draw smooth noise between about −1 and 1, float32 [height, width], with features of ``cell`` pixels."""
    coarse = rng.normal(0, 0.5, (max(2, height // cell + 2), max(2, width // cell + 2))).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
