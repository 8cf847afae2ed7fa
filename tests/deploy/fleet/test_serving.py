"""``bintally fleet serve``: what a web server would give, and no keys."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tuf.ngclient import Updater

from bintally.errors import InputError, UnavailableError, UsageError
from deploy.fleet.cli import fleet
from tests.deploy.fleet.conftest import Bundles, Fleet
from tests.fakes.programs import Start

SERVE = "import sys; from deploy.fleet.cli import fleet; sys.exit(fleet(sys.argv[1:]))"


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()}, method=method)  # noqa: S310
    try:
        with urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def test_a_station_updates_from_it(ours: Fleet, bundle: Bundles, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real time: this client's clock is its own
    real = Fleet(tmp_path / "real", ours.clock)
    assert fleet(["init", str(real.path)]) == 0
    path = bundle()
    assert real("publish", path) == 0
    server = start(sys.executable, "-c", SERVE, "serve", str(real.path), "--port", "0")
    base = server.line().split()[1].removesuffix("/metadata/")

    station = real.station()
    updater = Updater(str(station.folder), f"{base}/metadata", target_base_url=f"{base}/targets", bootstrap=station.root)
    info = updater.get_targetinfo("grey-counter/1.0.0-cpu.onnx")
    assert info is not None
    assert Path(updater.download_target(info, str(tmp_path / "got"))).read_bytes() == path.read_bytes()

    whole, digest = path.read_bytes(), info.hashes["sha256"]
    url = f"{base}/targets/grey-counter/{digest}.1.0.0-cpu.onnx"
    status, headers, body = get(url)
    assert (status, body, headers["accept-ranges"]) == (200, whole, "bytes")
    assert "immutable" in headers["cache-control"]
    status, ranged, body = get(url, Range="bytes=100-", If_Range=headers["etag"])
    assert (status, body, ranged["content-range"]) == (206, whole[100:], f"bytes 100-{len(whole) - 1}/{len(whole)}")
    assert get(url, Range="bytes=100-", If_Range='"another"')[::2] == (200, whole), "it became another file: from the beginning"
    assert get(url, Range=f"bytes={len(whole)}-")[0] == 416
    assert get(url, If_None_Match=headers["etag"])[::2] == (304, b"")
    assert get(url, "HEAD")[::2] == (200, b"")
    assert get(f"{base}/metadata/timestamp.json")[1]["cache-control"] == "no-cache"
    for hidden in (
        "/",
        "/keys/keys.json",
        "/.lock",
        "/staged/root.json",
        "/metadata/",
        "/metadata/../.lock",
        "/metadata/%2e%2e/.lock",
        "/metadata/2.root.json",
    ):
        assert get(base + hidden)[0] == 404, hidden
    assert get(f"{base}/metadata/timestamp.json", "POST")[0] == 405

    real("publish", bundle("1.1.0"))
    fresh = Updater(str(station.folder), f"{base}/metadata", target_base_url=f"{base}/targets", bootstrap=station.root)
    assert fresh.get_targetinfo("grey-counter/1.1.0-cpu.onnx") is not None, "served while it changes"
    os.kill(server.pid, signal.SIGTERM)
    server.wait()
    assert "Traceback" not in server.stderr


def test_it_refuses_a_folder_that_holds_keys(ours: Fleet) -> None:
    (ours.path / "targets" / "forgotten.txt").write_bytes((ours.keys / "root-1.pem").read_bytes())
    with pytest.raises(UsageError, match=r"forgotten.txt: a key lies in the repository"):
        fleet(["serve", str(ours.path), "--port", "0"])


def test_keys_are_not_made_inside_a_repository(bare: Fleet) -> None:
    with pytest.raises(UsageError, match="is inside the repository"):
        bare("init", keys=bare.path / "keys")
    assert not bare.path.exists()


def test_it_says_what_it_cannot_serve(tmp_path: Path, ours: Fleet, start: Start) -> None:
    with pytest.raises(InputError, match="no repository here"):
        fleet(["serve", str(tmp_path / "nowhere")])
    server = start(sys.executable, "-c", SERVE, "serve", str(ours.path), "--port", "0")
    port = server.line().split()[1].split(":")[2].split("/")[0]
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}: cannot be listened on"):
        fleet(["serve", str(ours.path), "--port", port])
