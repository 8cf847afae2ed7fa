"""Settings that change while the agent runs: which hold, which are refused, what is left on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.commands.bins import check_regions
from agent.commands.runtime import FILE, MAX_PAYLOAD_BYTES, Effective, RuntimeConfig
from agent.settings import AgentSettings
from bintally.errors import InputError, UsageError
from bintally.messages import ConfigReported, Region, RuntimeSettings
from tests.agent.commands.quiet import quiet

START = AgentSettings(source="0", station="st")
LEFT, RIGHT = {"bin": "A1", "right": 0.5}, {"bin": "A2", "left": 0.5}


@pytest.fixture
def config(tmp_path: Path) -> RuntimeConfig:
    return RuntimeConfig(START, tmp_path)


def desired(revision: int, **values: Any) -> bytes:
    return json.dumps({"revision": revision, "settings": values}).encode()


def state(config: RuntimeConfig, folder: Path) -> tuple[Effective, dict[str, bytes]]:
    return config.effective, {path.name: path.read_bytes() for path in folder.iterdir()}


def again(folder: Path) -> RuntimeConfig:
    """The agent after a restart without a network."""
    return RuntimeConfig(START, folder)


def test_an_agent_begins_with_its_own_settings(config: RuntimeConfig, tmp_path: Path) -> None:
    assert config.effective == Effective(900.0, 0.5, 3, None, 0.01, (Region(),))
    assert config.reported == ConfigReported(revision=0, status="applied", settings=config.effective.to_json())
    assert json.loads(config.reported.model_dump_json())["settings"]["regions"] == [Region().model_dump()]
    assert list(tmp_path.iterdir()) == []


def test_desired_settings_hold_after_a_restart_without_a_network(config: RuntimeConfig, tmp_path: Path) -> None:
    reported = config.desire(desired(7, frames=5, regions=[LEFT, RIGHT]))
    assert (reported.revision, reported.status, reported.reason) == (7, "applied", None)
    assert (config.effective.frames, config.effective.heartbeat_s) == (5, 900.0)
    later = again(tmp_path)
    assert (later.effective, later.reported) == (config.effective, config.reported)


def test_a_newer_revision_replaces_all_of_the_older(config: RuntimeConfig) -> None:
    config.desire(desired(1, frames=5))
    config.desire(desired(2, settle_s=2))
    assert (config.effective.frames, config.effective.settle_s) == (3, 2.0)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (desired(6, frames=9), "revision 6 is older than 7; give a higher one"),
        (desired(7, frames=9), "revision 7 is known with other settings; give a higher one"),
        (desired(8, frames=0), "not a ConfigDesired: settings.frames"),
        (desired(8, frame=1), "settings.frame: there is no such field"),
        (desired(8, heartbeat_s=float("nan")), "settings.heartbeat_s"),
        (desired(8, regions=[]), "settings.regions"),
        (desired(8, regions=[{"left": 0.5, "right": 0.5}]), "regions.0: left must be less than right"),
        (desired(8, regions=[{"top": 0.6, "bottom": 0.5}]), "regions.0: left must be less than right and top less than bottom"),
        (desired(8, regions=[{"right": 1e-9}]), "by 0.01 or more"),
        (desired(8, regions=[LEFT, LEFT]), "regions.1: of the same bin 'A1' as regions.0"),
        (desired(8, regions=[{"right": 0.5}, {"left": 0.5}]), "regions.1: of the same bin 'st' as regions.0"),
        (desired(8, regions=[{"bin": "é" * 101}]), "1 to 200 bytes"),
        (desired(8, regions=[{"bin": "a\n"}]), "no control characters"),
        (desired(0), "revision"),
        (b"[]", "not a ConfigDesired"),
        (b"[" * 10_000, "recursion limit"),
        (desired(8) + b" " * MAX_PAYLOAD_BYTES, f"{MAX_PAYLOAD_BYTES} at most"),
    ],
)
def test_refused_settings_change_nothing_and_are_reported(config: RuntimeConfig, tmp_path: Path, payload: bytes, why: str) -> None:
    config.desire(desired(7, frames=5))
    before = state(config, tmp_path)
    reported = config.desire(payload)
    assert reported.status == "rejected"
    assert reported.reason is not None
    assert why in reported.reason
    assert reported.settings == config.effective.to_json()
    assert state(config, tmp_path) == before
    assert again(tmp_path).effective == before[0]


def test_a_refused_revision_is_reported_as_seen_and_its_successor_is_obeyed(config: RuntimeConfig) -> None:
    config.desire(desired(7))
    assert config.desire(desired(8, regions=[LEFT, LEFT])).revision == 8
    assert config.desire(desired(8, regions=[LEFT, RIGHT])).status == "applied"


def test_the_same_desired_settings_at_every_connection_change_nothing(config: RuntimeConfig, tmp_path: Path) -> None:
    config.desire(desired(7, frames=5))
    config.change(RuntimeSettings(frames=9))
    written = (tmp_path / FILE).stat().st_mtime_ns
    assert config.desire(desired(7, frames=5)).status == "applied"
    assert config.desire(b'{"settings": {"frames": 5, "settle_s": null}, "revision": 7}').status == "applied"
    assert config.effective.frames == 9
    assert (tmp_path / FILE).stat().st_mtime_ns == written
    assert again(tmp_path).desire(desired(7, frames=5)).status == "applied"


def test_a_set_command_holds_until_the_next_desired_revision(config: RuntimeConfig, tmp_path: Path) -> None:
    config.desire(desired(1, frames=5, settle_s=2))
    assert config.change(RuntimeSettings(frames=9))["frames"] == 9
    assert config.reported.settings["frames"] == 9
    assert (config.effective.frames, config.effective.settle_s) == (9, 2.0)
    config.change(RuntimeSettings(settle_s=None))
    assert (config.effective.frames, config.effective.settle_s) == (9, 0.5)
    assert again(tmp_path).effective.frames == 5
    config.desire(desired(2, evidence_share=1))
    assert (config.effective.frames, config.effective.evidence_share) == (3, 1.0)


def test_a_set_command_that_does_not_fit_changes_nothing(config: RuntimeConfig) -> None:
    before = config.effective, config.reported
    with pytest.raises(InputError, match=r"regions\.1: of the same bin"):
        config.change(RuntimeSettings(frames=9, regions=[Region(bin="A"), Region(bin="A")]))
    assert (config.effective, config.reported) == before


def test_settings_that_are_taken_back_leave_no_trace(config: RuntimeConfig, tmp_path: Path) -> None:
    start = config.reported
    config.desire(desired(7, frames=5))
    config.change(RuntimeSettings(settle_s=9))
    assert config.desire(b"") == start
    assert list(tmp_path.iterdir()) == []
    assert config.desire(b"") == start
    assert config.desire(desired(1, frames=4)).status == "applied"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", desired(0), desired(3, regions=[LEFT, LEFT]), desired(3, colour="red")])
def test_a_damaged_file_is_put_aside_and_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    config = RuntimeConfig(START, tmp_path)
    [aside] = tmp_path.iterdir()
    assert aside.name.startswith("config.json.damaged-2")
    assert aside.read_bytes() == content
    assert config.effective.frames == START.frames
    assert (config.reported.revision, config.reported.status) == (0, "applied")
    assert f"put aside as {aside.name}; the settings of the start are in force" in str(config.reported.reason)
    assert config.desire(desired(1)).reason is None


def test_a_folder_in_the_files_place_is_put_aside_too(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert RuntimeConfig(START, tmp_path).desire(desired(1, frames=4)).status == "applied"
    assert again(tmp_path).effective.frames == 4


def test_settings_that_cannot_be_kept_are_not_obeyed_either(config: RuntimeConfig, tmp_path: Path) -> None:
    config.desire(desired(1, frames=5))
    aside = tmp_path.rename(tmp_path.with_name("gone"))
    try:
        reported = config.desire(desired(2, frames=9))
        assert reported.status == "rejected"
        assert "cannot be written" in str(reported.reason)
        assert "cannot be removed" in str(config.desire(b"").reason)
        assert config.effective.frames == 5
    finally:
        aside.rename(tmp_path)
    assert config.desire(desired(2, frames=9)).status == "applied"


def test_regions_of_the_start_that_overlap_in_name_end_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"regions\.1: of the same bin 'A1' as regions\.0.*in the settings of the start"):
        RuntimeConfig(AgentSettings(source="0", regions=(Region(bin="A1"), Region()), bin="A1"), tmp_path)


def test_where_labels_are_read_many_regions_need_no_names(tmp_path: Path) -> None:
    settings = AgentSettings(source="0", read_labels=True, regions=(Region(right=0.5), Region(left=0.5)))
    assert len(RuntimeConfig(settings, tmp_path).effective.regions) == 2


@pytest.mark.parametrize(
    ("given", "bins"),
    [
        ({}, (None,)),
        ({"bin": "B"}, ("B",)),
        ({"regions": (Region(bin="A"),), "bin": "B"}, ("A",)),
        ({"regions": (Region(bin="A"), Region())}, ("A", "st")),
        ({"regions": (Region(bin="A"), Region()), "bin": "B"}, ("A", "B")),
        ({"regions": (Region(bin="A"), Region()), "read_labels": True}, ("A", None)),
    ],
)
def test_which_bins_the_settings_fix(tmp_path: Path, given: dict[str, Any], bins: tuple[str | None, ...]) -> None:
    assert RuntimeConfig(AgentSettings(source="0", station="st", **given), tmp_path).bins() == bins


shares = st.sampled_from((0.0, 0.005, 0.3, 0.5, 0.7, 1.0))
regions = st.lists(
    st.builds(Region, bin=st.none() | st.sampled_from(("A", "B", "st")), left=shares, top=shares, right=shares, bottom=shares), max_size=4
)


@given(regions, st.booleans())
def test_regions_pass_exactly_when_each_has_an_area_and_a_bin_of_its_own(some: list[Region], read_labels: bool) -> None:
    named = [region.bin or "st" for region in some if region.bin or not read_labels]
    good = len(named) == len(set(named)) and all(r.left + 0.005 < r.right and r.top + 0.005 < r.bottom for r in some)
    try:
        check_regions(some, "st", read_labels)
    except InputError:
        assert not good
    else:
        assert good


steps = st.lists(
    st.one_of(
        st.tuples(st.just("desire"), st.integers(1, 4), st.dictionaries(st.sampled_from(("frames", "settle_s")), st.integers(1, 3))),
        st.tuples(st.just("set"), st.just(0), st.dictionaries(st.sampled_from(("frames", "settle_s")), st.none() | st.integers(1, 3))),
        st.tuples(st.sampled_from(("take back", "restart")), st.just(0), st.just({})),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_settings_in_force_are_those_of_a_plain_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: list[tuple[str, int, dict[str, Any]]]
) -> None:
    monkeypatch.setattr("bintally.files.sync", lambda _: None)  # no power fails here
    (tmp_path / FILE).unlink(missing_ok=True)
    start = {"frames": START.frames, "settle_s": START.settle_s}
    config, known, over = again(tmp_path), (0, dict[str, Any]()), dict[str, Any]()
    with quiet():
        for kind, revision, values in history:
            if kind == "desire":
                newer = revision > known[0]
                known, over = ((revision, values), {}) if newer else (known, over)
                assert (config.desire(desired(revision, **values)).status == "applied") == (newer or (revision, values) == known)
            elif kind == "set":
                over = over | {name: start[name] if value is None else value for name, value in values.items()}
                config.change(RuntimeSettings(**values))
            elif kind == "restart":
                config, over = again(tmp_path), {}
            else:
                config.desire(b"")
                known, over = (0, {}), {}
            expected = start | known[1] | over
            assert {name: getattr(config.effective, name) for name in start} == expected
