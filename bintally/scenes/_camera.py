"""What a station's camera does to a picture: light, colour, blur, noise, and the label that says it is rendered."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from bintally.frames import Frame


@dataclass(frozen=True)
class Camera:
    """One camera's settings; they stay the same over a sequence.

    Attributes:
        gain: exposure, three factors for blue, green, red.
        light: brightness at the left, right, top and bottom edge, relative to the middle.
        blur_px: standard deviation of the lens blur.
        motion_px: length of the horizontal motion blur, 0 for none.
        noise: standard deviation of the sensor noise, grey levels.
    """

    gain: tuple[float, float, float]
    light: tuple[float, float, float, float]
    blur_px: float
    motion_px: int
    noise: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Camera:
        exposure = rng.uniform(0.55, 1.25)
        cast = rng.normal(0, 0.05, 3)
        return cls(
            gain=(exposure * (1 + cast[0]), exposure * (1 + cast[1]), exposure * (1 + cast[2])),
            light=tuple(rng.uniform(0.72, 1.15, 4)),
            blur_px=float(rng.choice((0.0, rng.uniform(0.3, 1.2), rng.uniform(1.2, 1.9)), p=(0.4, 0.5, 0.1))),
            motion_px=int(rng.choice((0, 3, 5), p=(0.88, 0.08, 0.04))),
            noise=float(rng.uniform(1.0, 7.0)),
        )

    def expose(self, picture: Frame, rng: np.random.Generator) -> Frame:
        """Take the picture; ``rng`` draws this frame's noise."""
        height, width = picture.shape[:2]
        left, right, top, bottom = self.light
        across = np.interp(np.linspace(0, 1, width), (0, 0.5, 1), (left, 1, right)).astype(np.float32)
        down = np.interp(np.linspace(0, 1, height), (0, 0.5, 1), (top, 1, bottom)).astype(np.float32)
        seen: Frame = picture.astype(np.float32)
        if self.blur_px:
            seen = cv2.GaussianBlur(seen, (0, 0), self.blur_px)
        if self.motion_px:
            seen = cv2.blur(seen, (self.motion_px, 1))
        seen *= (down[:, None] * across[None, :])[..., None] * np.array(self.gain, np.float32)
        seen += rng.standard_normal(seen.shape, np.float32) * self.noise
        return np.clip(seen, 0, 255).astype(np.uint8)


def mark_rendered(frame: Frame) -> None:
    """Write «rendered» into the frame's upper corner, so that nobody takes it for a photograph."""
    at = (frame.shape[1] - 62, 11)
    cv2.putText(frame, "rendered", at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 2, cv2.LINE_AA)
    cv2.putText(frame, "rendered", at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
