"""Pictures from the agents' own uploader, through a real server; and from those who mean no good."""

# ruff: noqa: S311 - the jitter is not secret
from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from agent.evidence.store import EvidenceStore
from agent.evidence.transfer import place_for, repr_digest
from agent.evidence.uploader import Uploader
from bintally.topics import Station
from tests.fakes.events import EPOCH
from tests.fakes.programs import wait_until
from tests.warehouse.api.asking import Asking, ask, serving
from tests.warehouse.api.world import HERE, RIGHT, THERE, WRONG, count
from warehouse.api.evidence.files import Files
from warehouse.api.evidence.protocol import Span
from warehouse.api.evidence.retention import Sweeper, sweep
from warehouse.api.problems import RefusedError

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
NAME = f"{EPOCH}-1"
NOW_S = 1e9


def picture(seed: int, side: int = 200) -> bytes:
    """A real JPEG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    done, jpeg = cv2.imencode(".jpg", pixels)
    assert done
    return jpeg.tobytes()


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    found = EvidenceStore(tmp_path / "station", 10**8)
    found.load()
    return found


@pytest.fixture
def port(lite: Asking) -> Iterator[int]:
    with serving(lite.app) as found:
        yield found


def upload(store: EvidenceStore, port: int, token_file: Path, station: Station) -> None:
    """As an agent does it, until all is uploaded."""
    place = place_for(f"http://127.0.0.1:{port}/evidence", station.source)
    one = Uploader(store, place, token_file, random.Random(3), first_pause_s=0.01, refused_pause_s=0.05)
    one.start()
    try:
        wait_until(lambda: store.waiting() == [], "everything is uploaded")
    finally:
        one.close()


def token_file(api: Asking, folder: Path, station: Station) -> Path:
    path = folder / "token"
    path.write_text(api.token("evidence", site=station.site, station=station.station, name="station") + "\n")
    return path


def at(station: Station, name: str = f"{NAME}.jpg") -> str:
    return f"/evidence/{station.source}/{name}"


def test_an_agents_pictures_arrive_and_are_shown_and_its_correction_settles_the_discrepancy(
    lite: Asking, port: int, store: EvidenceStore, tmp_path: Path
) -> None:
    event, jpeg = count(THERE, 1, WRONG, 2), picture(1)
    store.keep(event, jpeg, "unsure")
    path = token_file(lite, tmp_path, THERE)
    upload(store, port, path, THERE)
    shown = lite.ask("GET", at(THERE), lite.reader)
    assert (shown.content, shown.headers["content-type"]) == (jpeg, "image/jpeg")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in shown.headers["content-security-policy"]
    site = quote(THERE.site, safe="")
    assert lite.ask("GET", f"/v1/discrepancies?site={site}", lite.reader).json["items"][0]["state"] == "open"
    store.correct(NAME, 2, "anna", datetime.now(timezone.utc))
    upload(store, port, path, THERE)
    settled = lite.ask("GET", f"/v1/discrepancies?site={site}&state=settled", lite.reader).json["items"]
    assert [(one["outcome"], one["found"], one["settled_by"]) for one in settled] == [("books wrong", 2, "anna")]
    assert lite.ask("GET", f"/v1/sites/{site}/bins/{quote(WRONG, safe='')}", lite.reader).json["bin"]["expected"] == 2


def test_what_was_cut_goes_on_where_it_was(lite: Asking, port: int, store: EvidenceStore, tmp_path: Path) -> None:
    jpeg, path = picture(2, 500), token_file(lite, tmp_path, HERE)
    half = len(jpeg) // 2
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.putrequest("PUT", at(HERE))
        for name, value in {
            "Authorization": f"Bearer {path.read_text().strip()}",
            "Repr-Digest": repr_digest(jpeg),
            "Content-Length": str(len(jpeg)),
        }.items():
            connection.putheader(name, value)
        connection.endheaders(jpeg[:half])
        connection.sock.shutdown(socket.SHUT_WR)
    wait_until(lambda: "upload-offset" in lite.ask("HEAD", at(HERE), lite.reader).headers, "the server saw the cut")
    there = lite.ask("HEAD", at(HERE), lite.reader)
    assert (there.status, there.headers["upload-offset"], there.headers["repr-digest"]) == (200, str(half), repr_digest(jpeg))
    assert lite.ask("GET", at(HERE), lite.reader).status == 404
    store.keep(count(HERE, 1, WRONG, 2), jpeg, "unsure")
    upload(store, port, path, HERE)
    assert lite.ask("GET", at(HERE), lite.reader).content == jpeg
    assert "upload-offset" not in lite.ask("HEAD", at(HERE), lite.reader).headers


def put(api: Asking, token: str, target: str, content: bytes, **headers: str) -> int:
    return api.ask("PUT", target, token, content, **{"repr_digest": repr_digest(content), **headers}).status


def description(
    station: Station = HERE, quantity: object = 4, by: object = "anna", label_at: str = AT.isoformat(), number: int = 1
) -> bytes:
    """As ``agent.evidence.entry`` writes it; a test above has the real one."""
    event = count(station, number, WRONG, 2).model_dump(mode="json")
    label = {"by": by, "at": label_at}
    return json.dumps({"EXPECTED_QUANTITY": quantity, "BINTALLY": {"event": event, "reason": "unsure", "label": label}}).encode()


def test_only_whole_pictures_with_the_right_digest_are_kept(lite: Asking, tmp_path: Path) -> None:
    token, jpeg = lite.token("evidence"), picture(3)
    wrong = repr_digest(jpeg + b"?")
    assert put(lite, token, at(HERE), jpeg, repr_digest=wrong) == 422
    assert lite.ask("HEAD", at(HERE), token).status == 404
    assert put(lite, token, at(HERE), b"<html>") == 415
    assert put(lite, token, at(HERE), b"\xff\xd8\xff, but no end") == 415
    assert put(lite, token, at(HERE), jpeg, repr_digest="md5=:x:") == 400
    assert put(lite, token, at(HERE), jpeg[9:], content_range=f"bytes 9-{len(jpeg) - 1}/{len(jpeg)}") == 416
    assert put(lite, token, at(HERE), jpeg, content_range="bytes 0-1/9") == 400
    assert [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()] == []
    assert [put(lite, token, at(HERE), one) for one in (jpeg, jpeg, picture(4))] == [201, 204, 204]
    assert lite.ask("GET", at(HERE), lite.reader).content == picture(4)


@pytest.mark.parametrize(
    "name", ["x.jpg", f"{EPOCH}-0.jpg", f"{EPOCH}-1.png", f"{EPOCH}-1", "%2e%2e", "..%2f..%2fx.jpg", f"{EPOCH}-1.jpg%00", f".{EPOCH}-1.jpg"]
)
def test_a_name_that_is_none_reaches_no_file(lite: Asking, name: str, tmp_path: Path) -> None:
    token = lite.token("evidence")
    assert put(lite, token, f"/evidence/berlin/pick-3/{name}", picture(3)) in (404, 422)
    assert lite.ask("HEAD", f"/evidence/berlin/pick-3/{name}", token).status in (404, 422)
    assert [path for path in tmp_path.rglob("*") if path.suffix in (".jpg", ".part")] == []


@pytest.mark.parametrize("site", ["..", ".", ".hidden", "a/../../b", "ü" * 100, "C:\\x"])
def test_a_site_of_any_name_stays_inside_the_folder(lite: Asking, site: str, tmp_path: Path) -> None:
    token, jpeg = lite.token("evidence"), picture(5)
    target = f"/evidence/{quote(site, safe='').replace('.', '%2E')}/s/{NAME}.jpg"
    assert put(lite, token, target, jpeg) == 201
    assert lite.ask("GET", target, lite.reader).content == jpeg
    (kept,) = tmp_path.rglob("*.jpg")
    assert kept.resolve().relative_to((tmp_path / "evidence").resolve()).parts[1:] == ("s", f"{NAME}.jpg")


def test_a_stations_token_brings_its_own_pictures_only_and_sees_no_others(lite: Asking) -> None:
    token = lite.token("evidence", site=HERE.site, station=HERE.station)
    other = Station(HERE.site, "other")
    assert put(lite, lite.token("evidence"), at(other), picture(3)) == 201
    assert [put(lite, token, at(station), picture(3)) for station in (HERE, other, THERE)] == [201, 403, 403]
    assert [lite.ask("HEAD", at(station), token).status for station in (HERE, other)] == [200, 404]
    assert lite.ask("GET", at(HERE), token).status == 403


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b"[" * 100_000,
        b'{"BINTALLY": {"event": null}, "EXPECTED_QUANTITY": 4}',
        description(quantity=-1),
        description(quantity=1000),
        description(quantity=True),
        description(by=""),
        description(by=7),
        description(label_at="yesterday"),
        description(label_at="2026-01-02T00:00:00"),
        description(THERE),
        description(number=2),
    ],
)
def test_a_description_that_is_none_or_speaks_for_another_is_not_taken(lite: Asking, content: bytes) -> None:
    token = lite.token("evidence")
    assert put(lite, token, at(HERE, f"{NAME}.json"), content) == 415
    assert lite.ask("HEAD", at(HERE, f"{NAME}.json"), token).status == 404
    assert lite.ask("GET", "/v1/discrepancies?site=berlin", lite.reader).json["items"][0]["state"] == "open"


def test_a_correction_counts_once_and_not_from_the_future_and_of_the_bin_that_the_ledger_knows(api: Asking) -> None:
    token = api.token("evidence")
    # the description says bin A/17, and so does the ledger of count 1; of count 2 the ledger knows better
    for _ in range(2):
        assert put(api, token, at(HERE, f"{EPOCH}-2.json"), description(number=2, label_at="2999-01-01T00:00:00+00:00")) in (201, 204)
    right = api.ask("GET", f"/v1/sites/berlin/bins/{quote(RIGHT, safe='')}", api.reader).json["bin"]
    assert right["expected"] == 4
    assert datetime.fromisoformat(right["expected_at"].replace("Z", "+00:00")) < datetime.now(timezone.utc)
    assert api.ask("GET", "/v1/sites/berlin/bins/A%2F17", api.reader).json["bin"]["expected"] == 5
    api.ask("POST", "/v1/corrections", api.token("count:correct"), given={"site": "berlin", "bin": RIGHT, "quantity": 1})
    put(api, token, at(HERE, f"{EPOCH}-2.json"), description(number=2, label_at="2999-01-01T00:00:00+00:00"))
    assert api.ask("GET", f"/v1/sites/berlin/bins/{quote(RIGHT, safe='')}", api.reader).json["bin"]["expected"] == 1


def test_a_description_whose_correction_cannot_be_recorded_is_asked_for_again(lite: Asking) -> None:
    token = lite.token("evidence")
    with lite.ledger.begin():
        assert lite.ask("HEAD", at(HERE), token).status == 404  # the token is known from here on
        assert put(lite, token, at(HERE, f"{NAME}.json"), description()) == 503
        assert "upload-offset" in lite.ask("HEAD", at(HERE, f"{NAME}.json"), token).headers
    assert put(lite, token, at(HERE, f"{NAME}.json"), description()) == 201


def test_what_is_too_large_or_has_no_room_is_refused(lite: Asking, tmp_path: Path) -> None:
    jpeg = picture(6)
    small = Asking(lite.ledger, tmp_path / "small", picture_bytes=len(jpeg) - 1)
    full = Asking(lite.ledger, tmp_path / "full", evidence_bytes=len(jpeg) + 10)
    token = lite.token("evidence")
    assert put(small, token, at(HERE), jpeg) == 413
    sent = {"authorization": f"Bearer {token}", "repr-digest": repr_digest(jpeg), "transfer-encoding": "chunked"}
    assert ask(small.app, "PUT", at(HERE), sent, [jpeg[:9], jpeg[9:]]).status == 413
    assert lite.ask("HEAD", at(HERE), token).status == 404
    assert [put(full, token, at(station), jpeg) for station in (HERE, THERE)] == [201, 507]
    assert put(Asking(lite.ledger), token, at(HERE), jpeg) == 404


def test_two_uploads_of_one_file_do_not_mix(tmp_path: Path) -> None:
    files, jpeg = Files(tmp_path, 10**6, 10**6), picture(7)
    path, digest = files.path(HERE, f"{NAME}.jpg"), hashlib.sha256(jpeg).digest()
    with files.upload(path, digest, Span(0, None)) as one:
        one.write(jpeg)
        with pytest.raises(RefusedError, match="already"), files.upload(path, digest, Span(0, None)):
            pass
        one.check()
        assert one.commit()
    assert path.read_bytes() == jpeg


def fill(files: Files, worths: dict[int, float]) -> None:
    """Pictures by number, as old as they say in seconds before ``NOW_S``."""
    for number, age_s in worths.items():
        for ending, content in (("jpg", bytes(900)), ("json", bytes(100))):
            path = files.path(HERE, f"{EPOCH}-{number}.{ending}")
            path.parent.mkdir(parents=True, exist_ok=True)
            files.reserve(len(content))
            path.write_bytes(content)
            os.utime(path, (NOW_S - age_s, NOW_S - age_s))


def left(files: Files) -> list[int]:
    return sorted(int(path.stem.rpartition("-")[2]) for path in files.folder.rglob("*.jpg"))


def test_old_pictures_go_but_not_of_open_discrepancies(tmp_path: Path) -> None:
    files = Files(tmp_path, 10**6, 10**6)
    fill(files, {1: 500, 2: 500, 3: 500, 4: 10})
    shown = {(HERE.source, f"{EPOCH}-2")}
    assert sweep(files, 100, NOW_S, {(HERE.source, f"{EPOCH}-3")}, shown) == 4
    assert left(files) == [2, 4]
    assert files.used_bytes == 2000


def test_a_full_folder_gives_up_the_oldest_first_then_what_was_corrected_and_last_what_is_open(tmp_path: Path) -> None:
    files = Files(tmp_path, 6000, 10**6)
    fill(files, {1: 60, 2: 50, 3: 40, 4: 30, 5: 20, 6: 10})
    corrected, shown = {(HERE.source, f"{EPOCH}-{n}") for n in (2, 3)}, {(HERE.source, f"{EPOCH}-1")}
    sweep(files, None, NOW_S, corrected, shown)
    assert left(files) == [1, 2, 3, 5, 6]
    files.max_bytes = 3000
    sweep(files, None, NOW_S, corrected, shown)
    assert left(files) == [1, 3]


def test_a_sweep_asks_the_ledger_what_must_stay(lite: Asking, tmp_path: Path) -> None:
    files = Files(tmp_path / "swept", 10**6, 10**6)
    fill(files, {1: 10**6, 2: 10**6, 3: 10**6})
    assert Sweeper(files, lite.ledger, 1, lambda: NOW_S).sweep() > 0
    assert len(left(files)) == 1
    assert set(left(files)) < {1, 3}  # one of the counts of the bin that is wrong


def test_room_that_somebody_else_made_is_found_and_parts_that_nobody_ends_go(tmp_path: Path) -> None:
    files = Files(tmp_path, 10_000, 10**6)
    fill(files, {1: 60, 2: 50})
    path = files.path(HERE, f"{EPOCH}-3.jpg")
    with files.upload(path, bytes(32), Span(0, None)) as one:
        one.write(bytes(70))
    assert files.used_bytes == 2070
    files.path(HERE, f"{EPOCH}-1.jpg").unlink()
    assert sweep(files, None, path.parent.stat().st_mtime + 90_000, set(), set()) == 1
    assert files.used_bytes == 1100
    assert files.there(path) is None
