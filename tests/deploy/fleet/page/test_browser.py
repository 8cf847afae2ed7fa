"""The page in a real browser, where there is one: its own forms pass its own guards, and it refreshes itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deploy.fleet.page.asking import Desk
from tests.deploy.fleet.rollout.views import view
from tests.fakes.browser import Finger, dom, served


def test_the_browser_logs_in_presses_pause_and_sees_what_changes_meanwhile(
    desk: Desk, rollout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = desk.store.labels

    def then_another_one_comes() -> dict[str, dict[str, str]]:
        """The stations were read just before; so this one is in the next look, which is not spared as long as the clock goes on."""
        desk.store.save([view("lyon/late")])
        desk.now += 60
        return labels()

    monkeypatch.setattr(desk.store, "labels", then_another_one_comes)
    finger, profile = Finger(desk.app, "/login", {"token": desk.token}), tmp_path / "profile"
    with served(finger) as port:
        text = dom(port, profile, "/finger")
        assert "berlin/a" in text, "it is in"
        assert "lyon/late" in text, "it refreshed itself"
        finger.form = (f"/rollout/{rollout}/pause", {"csrf": re.findall(r'name="csrf" value="([^"]+)"', text)[0]})
        assert "Resume" in dom(port, profile, "/finger")
    assert desk.store.rollout(rollout).status == "paused"
