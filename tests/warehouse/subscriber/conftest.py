"""What the subscriber's tests share."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fakes.programs import PATIENCE_S
from tests.warehouse.subscriber.peers import FakeStation, Program
from warehouse.subscriber import Batch, Subscriber

Use = Callable[..., Program]


@pytest.fixture(params=["embedded_broker", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> str:
    """Each broker in turn."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def station(broker: str, site: str) -> Iterator[FakeStation]:
    station = FakeStation(broker, site)
    yield station
    station.close()


@pytest.fixture
def use(broker: str, site: str) -> Iterator[Use]:
    """Start a program that subscribes to this test's site."""
    started: list[Program] = []

    def use(store: Callable[[Batch], None] = lambda _: None, worker: str = "", **options: Any) -> Program:
        subscriber = Subscriber(broker, worker or f"w-{uuid.uuid4().hex[:8]}", **{"site": site, "patience_s": PATIENCE_S, **options})
        started.append(Program(subscriber, store))
        assert started[-1].started.wait(PATIENCE_S)
        return started[-1]

    yield use
    for program in started:
        program.close()
