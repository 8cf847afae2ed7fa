"""What the page shows, and that it never shows old things as new ones."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from agent.page.picture import Offer, Pictures
from agent.page.state import digits, page_state, sure_words
from agent.status import Status
from bintally.frames import decode_frame
from bintally.topics import Station
from tests.agent.page.serving import count, look_at, picture

STATION = Station("site", "station-7")


@pytest.mark.parametrize(("counted", "text"), [(0, "0"), (3, "3"), (6, "6+"), (None, "unsure")])
def test_a_count_is_a_few_digits(counted: int | None, text: str) -> None:
    assert digits(count(counted=counted).data) == text


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        ([0.0, 0.1, 0.3, 0.4, 0.1, 0.1, 0.0], "2 or 3?"),
        ([0.0, 0.1, 0.0, 0.1, 0.1, 0.3, 0.4], "5 or 6+?"),
        ([0.5, 0.5], "0 or 1+?"),
    ],
)
def test_an_unsure_count_says_what_it_looks_like(probabilities: list[float], words: str) -> None:
    assert sure_words(count(counted=None, probabilities=probabilities).data) == words


@pytest.mark.parametrize(
    ("confidence", "words"), [(1.0, "very sure"), (0.95, "very sure"), (0.8, "sure"), (0.6, "fairly sure"), (0.0, "not sure")]
)
def test_sureness_has_words(confidence: float, words: str) -> None:
    data = count().data.model_copy(update={"confidence": confidence})
    assert sure_words(data) == words


def test_an_agent_that_has_just_started_has_a_state() -> None:
    state = page_state(Status().snapshot(), STATION, None, {}, 5.0, 3.0)
    assert (state["phase"], state["picture"], state["model"], state["recent"]) == ("starting", None, None, [])
    assert state["camera"] == {"state": "starting", "reason": None}


def test_the_state_tells_count_expectation_and_correction() -> None:
    status = Status()
    event = count(counted=4, expected=6)
    status.counted(event)
    look_at(status, picture(), event)
    state = page_state(status.snapshot(), STATION, None, {event.id: 5}, 5.0, 3.0)
    shown = state["views"][0]["count"]
    assert (shown["digits"], shown["expected"], shown["verdict"], shown["corrected"]) == ("4", 6, "mismatch", 5)
    assert state["views"][0]["waits_for"] == "a change in the bin"
    assert state["recent"] == [shown]
    assert json.loads(json.dumps(state)) == state


def test_the_age_of_a_picture_is_that_of_its_frame() -> None:
    state = page_state(Status().snapshot(), STATION, Offer(1, 2.0, picture()), {}, 9.5, 3.0)
    assert state["picture"] == {"number": 1, "width": 160, "height": 120, "age_s": 7.5}


def test_identify_lasts_until_its_time_has_come() -> None:
    status = Status()
    status.change(identify_until=30.0)
    assert page_state(status.snapshot(), STATION, None, {}, 10.0, 3.0)["identify_s"] == 20.0
    assert page_state(status.snapshot(), STATION, None, {}, 31.0, 3.0)["identify_s"] == 0.0


def test_pictures_come_at_most_twice_a_second_and_each_once() -> None:
    pictures = Pictures()
    frames = [picture(level) for level in range(100)]
    offers = [pictures.offer(frame, at / 10, at / 10) for at, frame in enumerate(frames, 10)]
    numbers = [offer.number for offer in offers if offer is not None]
    assert len(set(numbers)) == 20
    assert numbers == sorted(numbers)


def test_a_frame_that_stays_is_not_made_young() -> None:
    pictures = Pictures()
    frame = picture()
    first = pictures.offer(frame, 1.0, 1.0)
    assert pictures.offer(frame, 1.0, 50.0) is first
    assert pictures.offer(None, None, 60.0) is first


def test_a_picture_is_encoded_once_for_all_who_look() -> None:
    pictures = Pictures()
    assert pictures.jpeg() is None
    pictures.offer(picture(), 1.0, 1.0)
    assert pictures.jpeg() is pictures.jpeg()


@pytest.mark.parametrize(
    ("height", "width", "shown"), [(120, 160, (120, 160)), (1080, 1920, (540, 960)), (2000, 1000, (960, 480)), (1, 4000, (1, 960))]
)
def test_a_picture_is_made_smaller_and_never_larger(height: int, width: int, shown: tuple[int, int]) -> None:
    pictures = Pictures()
    offer = pictures.offer(picture(90, height, width), 1.0, 1.0)
    jpeg = pictures.jpeg()
    assert jpeg is not None
    frame = decode_frame(jpeg, "page")
    assert frame.shape[:2] == shown
    assert abs(float(np.mean(frame)) - 90) < 2
    state = page_state(Status().snapshot(), STATION, offer, {}, time.monotonic(), 3.0)
    assert (state["picture"]["height"], state["picture"]["width"]) == shown
