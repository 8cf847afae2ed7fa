"""The client of the repository: a download that is cut goes on, and whatever a server does has an end."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from agent.updater.fetch import NotNowError, Repository
from agent.updater.slots import sha256_of
from agent.updater.web import Pace, Stopped, TooSlowError, web_for
from bintally.errors import InputError, UnavailableError, UsageError
from tests.agent.updater.conftest import Fleet, target_of
from tests.agent.updater.device import PACE, Device
from tests.agent.updater.serving import Fault, Serving, serving
from tests.fakes.certificates import make_authority

PATH = "grey-counter/1.0.0-cpu.onnx"
CUT = 40_000


@pytest.fixture(autouse=True)
def repository(device: Device, ours: Fleet) -> Repository:
    ours.publish("1.0.0")
    return device.repository()


def test_a_cut_download_goes_on_where_it_ended(repository: Repository, device: Device, server: Serving) -> None:
    target, shares = target_of(device, PATH), [0.0]
    server.faults.append(Fault(target.sha256, cut_after=CUT, times=2))
    for _ in range(2):
        with pytest.raises(UnavailableError, match="broke"):
            repository.download(target)
    repository.download(target, shares.append)
    assert sha256_of(device.slots.part) == target.sha256
    assert [request.range for request in server.of(target.sha256)] == [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"]
    assert sum(request.sent for request in server.of(target.sha256)) == target.size_bytes
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    "fault",
    [{"no_range": True}, {"etag": '"another"'}],
    ids=["a server that ignores Range", "a file that changed between"],
)
def test_a_part_that_does_not_go_on_begins_again(repository: Repository, device: Device, server: Serving, fault: dict[str, object]) -> None:
    target = target_of(device, PATH)
    server.faults += [Fault(target.sha256, cut_after=CUT, times=1), Fault(target.sha256, **fault)]  # type: ignore[arg-type]
    with pytest.raises(UnavailableError):
        repository.download(target)
    repository.download(target)
    assert sha256_of(device.slots.part) == target.sha256
    assert server.requests[-1].sent == target.size_bytes


def test_a_range_that_nobody_asked_for_is_not_appended(repository: Repository, device: Device, server: Serving) -> None:
    target = target_of(device, PATH)
    server.faults += [Fault(target.sha256, cut_after=CUT, times=1), Fault(target.sha256, wrong_range=True, times=1)]
    for words in ("broke", "another range"):
        with pytest.raises(UnavailableError, match=words):
            repository.download(target)
    repository.download(target)


def test_a_part_that_is_too_long_is_dropped(repository: Repository, device: Device) -> None:
    target = target_of(device, PATH)
    device.slots.begin(target.sha256, None)
    device.slots.part.write_bytes(b"\0" * (target.size_bytes + 1))
    repository.download(target)


def test_a_part_that_is_whole_is_not_fetched_again(repository: Repository, device: Device, server: Serving) -> None:
    target = target_of(device, PATH)
    repository.download(target)
    repository.download(target)
    assert len(server.of(target.sha256)) == 1


@pytest.mark.parametrize("note", ["", "[]", '{"digest": 3}', '{"digest"'])
def test_a_damaged_note_of_a_part_drops_it(device: Device, note: str) -> None:
    slots = device.slots
    slots.part.write_bytes(b"abc")
    (slots.folder / "part.json").write_text(note)
    assert slots.begun("0" * 64) == (0, None)
    assert not slots.part.exists()


@pytest.mark.parametrize("length", [10, 10**9])
def test_a_lie_about_the_length_is_a_wrong_file(repository: Repository, device: Device, server: Serving, length: int) -> None:
    target = target_of(device, PATH)
    server.faults.append(Fault(target.sha256, length=length))
    with pytest.raises(InputError, match="wrong size"):
        repository.download(target)


@pytest.mark.parametrize("status", [301, 403, 404, 500, 503])
def test_an_answer_without_the_file_is_tried_again_later(repository: Repository, device: Device, server: Serving, status: int) -> None:
    target = target_of(device, PATH)
    server.faults.append(Fault(target.sha256, status=status))
    with pytest.raises(UnavailableError, match=str(status)):
        repository.download(target)
    server.faults[:] = [Fault("timestamp.json", status=status)]
    with pytest.raises(UnavailableError, match=str(status)):
        repository.look()


def test_a_server_that_is_not_there_is_tried_again_later(device: Device) -> None:
    device.url = "http://127.0.0.1:9"
    with pytest.raises(UnavailableError, match="does not answer"):
        device.repository().look()


def test_a_stop_ends_a_silent_download_within_a_second(device: Device, server: Serving) -> None:
    target, stop = target_of(device, PATH), threading.Event()
    device.pace = Pace(patience_s=60.0)
    for fault in (Fault(target.sha256, hang=True), Fault(target.sha256, length=target.size_bytes, cut_after=None, slow_s=60.0)):
        server.faults[:] = [fault]
        stop.clear()
        timer = threading.Timer(0.1, stop.set)
        timer.start()
        began = time.monotonic()
        with pytest.raises(Stopped):
            device.repository(stop).download(target)
        assert time.monotonic() - began < 1.0


def test_a_download_is_no_faster_than_it_may_be(device: Device) -> None:
    target = target_of(device, PATH)
    device.pace = Pace(most_bytes_s=target.size_bytes / 0.5)
    began = time.monotonic()
    device.repository().download(target)
    assert time.monotonic() - began >= 0.45


def test_a_slow_download_is_given_up_and_goes_on_later(repository: Repository, device: Device, server: Serving) -> None:
    target = target_of(device, PATH)
    server.faults.append(Fault(target.sha256, slow_s=0.01, times=1))
    device.pace = Pace(least_bytes_s=2000.0, patience_s=0.5)
    with pytest.raises(TooSlowError):
        device.repository().download(target)
    assert 0 < device.slots.begun(target.sha256)[0] < target.size_bytes
    repository.download(target)


def test_a_full_disk_is_told_before_anything_is_fetched(
    repository: Repository, device: Device, server: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = target_of(device, PATH)
    monkeypatch.setattr("agent.updater.fetch.disk_free_bytes", lambda _: 60 << 20)
    with pytest.raises(NotNowError, match="60 MiB are free"):
        repository.download(target)
    assert not server.of(target.sha256)


def test_tls_checks_whom_it_talks_to(device: Device, ours: Fleet, tmp_path: Path) -> None:
    model, authority = ours.publish("1.0.0"), make_authority(tmp_path)
    with serving(ours.path, authority.sign("server", "IP:127.0.0.1")) as server:
        device.url = server.url
        with pytest.raises(UnavailableError, match="certificate"):
            device.repository().look()
        device.ca = authority.certificate
        device.repository().download(target_of(device, PATH))
        stop = threading.Event()
        server.faults.append(Fault("timestamp.json", hang=True))
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(Stopped):
            device.repository(stop).look()
    assert sha256_of(device.slots.part) == model.digest


@pytest.mark.parametrize(
    "url",
    [
        "",
        "updates",
        "ftp://x/",
        "http://",
        "http://a b/",
        "http://u:p@x/",
        "http://x/?a=1",
        "http://x/#a",
        "http://x:99999/",
        "http://x:0/",
        "http://[/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        web_for(url, PACE, threading.Event())


def test_authorities_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for url, ca, why in (("https://x/", "ca.pem", "PEM file"), ("https://x/", "away.pem", "PEM file"), ("http://x/", "ca.pem", "is not")):
        with pytest.raises(UsageError, match=why):
            web_for(url, PACE, threading.Event(), tmp_path / ca)


def test_an_address_of_a_folder_is_taken_with_and_without_a_slash() -> None:
    for url in ("https://updates.example:8443/fleet", "https://updates.example:8443/fleet/"):
        assert str(web_for(url, PACE, threading.Event())) == "https://updates.example:8443/fleet/"
    assert web_for("http://[::1]", PACE, threading.Event()).host == "::1"
