"""Which bundle each kind of device gets, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bintally.errors import InputError
from bintally.messages.base import ModelName
from bintally.updates import DesiredKeys, target_path
from deploy.fleet.rollout.plan import Target
from deploy.fleet.rollout.starting import make_plan
from tests.deploy.fleet.rollout.views import view
from tests.deploy.fleet.rollout.world import KEYS, NEW, OLD

WANTED = {"name": "counter", "version": "2.0.0"}


@dataclass
class Shelf:
    """A repository that has nothing but bundles: (model, device)."""

    bundles: list[tuple[ModelName, str]]

    def find(self, path: str) -> tuple[Target, str] | None:
        found = {target_path(model.name, model.version, device): (model, device) for model, device in self.bundles}
        return (Target(path=path, model=found[path][0]), found[path][1]) if path in found else None

    def desired_keys(self) -> DesiredKeys:
        return KEYS


def test_stations_get_the_best_bundle_that_fits_them_and_may_go_back_to_what_they_run() -> None:
    vnni = ModelName(name="counter", version="2.0.0", digest="c" * 64)
    views = {one.source: one for one in (view("a/1"), view("a/2", device="cpu-vnni"), view("a/3", device="arm"))}
    plan = make_plan(Shelf([(OLD, "float"), (NEW, "cpu"), (vnni, "cpu-vnni")]), views, {}, WANTED)
    assert {device: target.path for device, target in plan.targets.items()} == {
        "arm": "counter/2.0.0-cpu.onnx",
        "cpu": "counter/2.0.0-cpu.onnx",
        "cpu-vnni": "counter/2.0.0-cpu-vnni.onnx",
    }
    assert plan.ways_back == {OLD.digest: "counter/1.0.0-float.onnx"}


def test_what_fits_no_station_of_a_kind_is_refused() -> None:
    views = {"a/1": view("a/1", device="tensorrt")}
    with pytest.raises(InputError, match=r"2.0.0-tensorrt.onnx, or one for float16, or one for float: not in the repository, but 1 of 1"):
        make_plan(Shelf([(NEW, "cpu")]), views, {}, WANTED)
    with pytest.raises(InputError, match=r"counter 1.0.0 with SHA-256 a+…: 1 of 1 .* not in the repository for tensorrt"):
        make_plan(Shelf([(OLD, "cpu"), (NEW, "float")]), views, {}, WANTED)
