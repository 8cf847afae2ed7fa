"""The agent's own settings, wherever they are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.settings import AgentSettings
from bintally.errors import UsageError
from bintally.messages import Region
from bintally.settings import read_settings

REGIONS = (Region(bin="A", right=0.5), Region(bin="B", left=0.5))
JSON = '[{"bin": "A", "right": 0.5}, {"bin": "B", "left": 0.5}]'


def test_regions_are_given_as_option_in_the_environment_or_in_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(AgentSettings, {"source": "0", "regions": JSON}).regions == REGIONS
    config = tmp_path / "station.toml"
    config.write_text('source = "0"\nregions = [{bin = "A", right = 0.5}, {bin = "B", left = 0.5}]\n')
    assert read_settings(AgentSettings, {"config": str(config)}).regions == REGIONS
    monkeypatch.setenv("BINTALLY_REGIONS", JSON)
    assert read_settings(AgentSettings, {"source": "0"}).regions == REGIONS


@pytest.mark.parametrize("value", ["[{", '{"bin": "A"}', "3", "[" * 100_000])
def test_regions_that_are_no_list_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match=r"regions = .*: must be a list such as \[\{"):
        read_settings(AgentSettings, {"source": "0", "regions": value})
