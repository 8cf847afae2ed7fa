"""Which bin it is: labels in rendered bins are read, and one bad reading, a hand or a second label mislead nobody."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp

from agent.counting.label import EVERY_S, KEPT_FOR_S, LabelReader, read_label, read_labels, refusal
from bintally.frames import Frame
from bintally.scenes import render_scene

QR, DATA_MATRIX = zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix
EMPTY = np.zeros((16, 16, 3), np.uint8)


def _label(text: str, kind: zxingcpp.BarcodeFormat, scale: int = 3) -> Frame:
    grey = np.array(zxingcpp.create_barcode(text, kind).to_image(scale=scale))
    return np.repeat(grey[:, :, None], 3, axis=2)


def _bin_with(*labels: Frame, seed: int = 5) -> Frame:
    frame = render_scene(seed).frame.copy()
    for place, label in enumerate(labels):
        frame[10 : 10 + label.shape[0], 10 + 200 * place : 10 + 200 * place + label.shape[1]] = label
    noise = np.random.default_rng(seed).normal(0, 4, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", [QR, DATA_MATRIX])
@pytest.mark.parametrize("name", ["A-01/3", "Regal Süd 7"])
def test_a_label_in_a_rendered_bin_is_read(name: str, kind: zxingcpp.BarcodeFormat) -> None:
    assert read_label(_bin_with(_label(name, kind))) == name


def test_a_bin_without_label_names_none() -> None:
    assert read_label(_bin_with()) is None
    assert read_label(_bin_with(_label("12345678", zxingcpp.BarcodeFormat.Code128))) is None


def test_two_labels_name_none_and_twice_the_same_one_names_it() -> None:
    assert read_label(_bin_with(_label("A-1", QR), _label("A-2", DATA_MATRIX))) is None
    assert read_labels(_bin_with(_label("A-1", QR), _label("A-2", DATA_MATRIX))) == {"A-1", "A-2"}
    assert read_label(_bin_with(_label("A-1", QR), _label("A-1", DATA_MATRIX))) == "A-1"


def test_codes_on_the_goods_are_passed_over() -> None:
    assert read_label(_bin_with(_label("A-1", QR), _label("https://example.com/tea", QR))) == "A-1"


@pytest.mark.parametrize("text", ["", " A-1", "A\n1", "\x1b[2J", "http://a.b", "ü" * 101, "x" * 256])
def test_texts_that_cannot_name_a_bin_are_refused_with_a_reason(text: str) -> None:
    assert refusal(text)


class Shown:
    """What the labels in view read as, one reading after the other."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        self.readings = 0
        self.now = 0.0
        self.reader = LabelReader(self._read)

    def _read(self, _: Frame) -> frozenset[str]:
        self.readings += 1
        return self.names

    def show(self, *names: str, seconds: float = 2.0, at_rest: bool = False) -> str | None:
        self.names = frozenset(names)
        end = self.now + seconds
        while self.now < end:
            self.now += 0.1
            self.reader.see(EMPTY, self.now, at_rest)
        return self.reader.name


def test_one_misread_label_changes_nothing() -> None:
    shown = Shown()
    assert shown.show("A", seconds=0.1) is None
    assert shown.show("A") == "A"
    assert shown.show("B", seconds=EVERY_S) == "A"
    assert shown.show("A") == "A"
    assert shown.show("B") == "B"


def test_a_label_behind_a_hand_is_kept_for_some_seconds() -> None:
    shown = Shown()
    shown.show("A")
    assert shown.show(seconds=KEPT_FOR_S - 1) == "A"
    assert shown.show(seconds=2.0) is None
    assert shown.show("A") == "A"


def test_two_labels_in_view_mean_that_nobody_knows() -> None:
    shown = Shown()
    shown.show("A")
    assert shown.show("A", "B", seconds=0.5) is None
    assert shown.show("B") == "B"


def test_at_rest_a_known_label_is_not_read_again_and_an_unknown_one_only_now_and_then() -> None:
    shown = Shown()
    shown.show("A")
    before = shown.readings
    assert shown.show("B", seconds=30, at_rest=True) == "A"
    assert shown.readings == before
    other = Shown()
    other.show(seconds=30, at_rest=True)
    assert other.readings <= 30 / EVERY_S + 1


def test_after_a_restart_of_the_camera_no_bin_is_known() -> None:
    shown = Shown()
    shown.show("A")
    shown.reader.forget()
    assert shown.reader.name is None
    assert shown.show("A", seconds=0.1) is None
