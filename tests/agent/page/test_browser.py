"""The page in a real browser, where there is one."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from tests.agent.page.serving import count, look_at, picture, serving
from tests.conftest import require_program


def dom(port: int, profile: Path) -> str:
    """What the page has become after it was drawn."""
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        f"--user-data-dir={profile}",
    ]
    words = [require_program("chromium"), *options, "--virtual-time-budget=1500", "--dump-dom", f"http://localhost:{port}/"]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_browser_draws_count_and_picture_and_html_in_a_bin_name_stays_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    with serving() as page:
        event = count(counted=6, expected=4, subject=name)
        look_at(page.status, picture(), event, name)
        page.status.counted(event)
        page.status.change(grabbed_at=time.monotonic() + 3600)  # however slow the machine is, the picture stays young
        text = dom(page.port, tmp_path)
    assert re.search(r'<p class="count">6\+</p>', text)
    assert re.search(r'<p class="verdict mismatch">≠ Expected: 4</p>', text)
    assert re.search(r'<h2 class="name">&lt;img src=x onerror=alert\(1\)&gt;</h2>', text)
    assert re.findall(r"<img [^>]*>", text) == re.findall(r'<img [^>]*src="/picture\.jpg\?n=\d+"[^>]*>', text)
    assert text.count("<img ") == 1
    assert re.search(r'<body class="only">', text), "the picture is live, and the agent answers"


def test_a_stale_picture_never_looks_live_in_the_browser(tmp_path: Path) -> None:
    with serving() as page:
        look_at(page.status, picture(), count())
        page.status.change(grabbed_at=time.monotonic() - 60)
        text = dom(page.port, tmp_path)
    assert re.search(r'<body class="[^"]*\bold\b', text)
    assert re.search(r"Not live: this picture is \d+ s old", text)
