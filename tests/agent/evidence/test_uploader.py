"""Uploads over a network that breaks, to a server that refuses, lies or vanishes."""

# ruff: noqa: S311, S105 - neither the jitter nor the tokens are secret
from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
import structlog

from agent.evidence import uploader as module
from agent.evidence.store import EvidenceStore
from agent.evidence.transfer import digest_of, place_for, repr_digest
from agent.evidence.uploader import Uploader, pause_after
from bintally.errors import UsageError
from tests.agent.evidence.folders import count, jpeg
from tests.fakes.events import EPOCH
from tests.fakes.programs import Start, wait_until
from tests.fakes.uploads import Fault, Uploads, upload_server

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
BASE = "/evidence/my%20site/s1"
SIZE = 300_000
Upload = Callable[..., Uploader]


def name(number: int) -> str:
    return f"{EPOCH}-{number}"


def at(number: int, ending: str = "jpg") -> str:
    return f"{BASE}/{name(number)}.{ending}"


@pytest.fixture
def server() -> Iterator[Uploads]:
    with upload_server() as uploads:
        yield uploads


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    store = EvidenceStore(tmp_path / "evidence", 10**8)
    store.load()
    return store


@pytest.fixture
def upload(server: Uploads, store: EvidenceStore) -> Iterator[Upload]:
    """Start an uploader that waits hardly at all; all of them end with the test."""
    started: list[Uploader] = []

    def begin(token_file: Path | None = None, refused_pause_s: float = 0.02, into: EvidenceStore = store) -> Uploader:
        place = place_for(server.url, "my%20site/s1")
        started.append(Uploader(into, place, token_file, random.Random(3), first_pause_s=0.01, refused_pause_s=refused_pause_s))
        started[-1].start()
        return started[-1]

    yield begin
    server.release.set()
    for one in started:
        one.close()


def keep(store: EvidenceStore, *numbers: int) -> None:
    for number in numbers:
        assert store.keep(count(number), jpeg(number, SIZE), "unsure")


def done(store: EvidenceStore) -> None:
    wait_until(lambda: store.waiting() == [], "everything is uploaded", 20)


def test_a_picture_goes_before_its_description_and_both_arrive_whole(upload: Upload, store: EvidenceStore, server: Uploads) -> None:
    keep(store, 1, 2)
    upload()
    done(store)
    kept = store.read(name(1))
    assert kept is not None
    assert server.files[at(1)] == jpeg(1, SIZE)
    assert server.files[at(1, "json")] == kept.description
    assert [request.path for request in server.puts()] == [at(1), at(1, "json"), at(2), at(2, "json")]


def test_a_correction_is_uploaded_again_but_not_the_picture(upload: Upload, store: EvidenceStore, server: Uploads) -> None:
    keep(store, 1)
    uploader = upload()
    done(store)
    assert b"EXPECTED_QUANTITY" not in server.files[at(1, "json")]
    store.correct(name(1), 4, "anna", AT)
    uploader.wake()
    done(store)
    assert b'"EXPECTED_QUANTITY": 4' in server.files[at(1, "json")]
    assert [request.path for request in server.puts()] == [at(1), at(1, "json"), at(1, "json")]


def test_a_cut_in_the_middle_is_resumed_where_it_was(upload: Upload, store: EvidenceStore, server: Uploads) -> None:
    server.faults.extend(["cut", "cut"])
    keep(store, 1)
    upload()
    done(store)
    ranges = [request.content_range for request in server.puts() if request.path == at(1)]
    assert ranges[0] is None
    assert [one is not None and one.endswith(f"-{SIZE - 1}/{SIZE}") for one in ranges[1:]] == [True, True]
    assert server.files[at(1)] == jpeg(1, SIZE)


@pytest.mark.parametrize("fault", [400, 409, 416, 422, 429, 500, 503, "wrong digest", "unconfirmed"])
def test_what_may_pass_is_tried_again_until_the_digest_is_confirmed(
    upload: Upload, store: EvidenceStore, server: Uploads, fault: Fault
) -> None:
    server.faults.extend([fault, fault])
    keep(store, 1)
    upload()
    done(store)
    assert server.files[at(1)] == jpeg(1, SIZE)
    assert len(server.puts()) == 4


def test_a_part_of_something_else_is_not_continued(upload: Upload, store: EvidenceStore, server: Uploads) -> None:
    other = digest_of(repr_digest(b"other"))
    assert other is not None
    server.parts[at(1)] = (other, b"x" * 1000)
    keep(store, 1)
    upload()
    wait_until(lambda: len(server.puts()) > 0, "a try")
    done(store)
    assert server.puts()[0].content_range is None
    assert server.files[at(1)] == jpeg(1, SIZE)


def test_a_wrong_token_is_told_once_and_a_new_one_is_taken_at_once(
    upload: Upload, store: EvidenceStore, server: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_AT_TOKEN_S", 0.02)
    server.token = "right"
    token = tmp_path / "token"
    token.write_text("wrong\n")
    keep(store, 1)
    with structlog.testing.capture_logs() as logs:
        uploader = upload(token, refused_pause_s=900)
        wait_until(lambda: uploader.problem is not None, "the refusal")
        assert "401" in (uploader.problem or "")
        assert "evidence_token_file" in (uploader.problem or "")
        assert server.files == {}
        token.write_text("right\n")
        done(store)
        wait_until(lambda: uploader.problem is None, "all is well")
    assert len([entry for entry in logs if entry["event"] == "uploads wait"]) == 1
    assert {request.token for request in server.requests} == {"wrong", "right"}


@pytest.mark.parametrize("content", [None, b"", b"two words", b"line\nline", b"\xff\xfe", b"a\x00b"])
def test_a_token_file_without_a_token_is_told_and_nothing_is_sent(
    upload: Upload, store: EvidenceStore, server: Uploads, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    keep(store, 1)
    uploader = upload(tmp_path / "token")
    wait_until(lambda: uploader.problem is not None, "the problem is told")
    assert str(tmp_path / "token") in (uploader.problem or "")
    assert server.requests == []


@pytest.mark.parametrize("status", [413, 415])
def test_a_picture_that_is_never_taken_does_not_keep_the_others_back(
    upload: Upload, store: EvidenceStore, server: Uploads, status: int
) -> None:
    server.faults.append(status)
    keep(store, 1, 2)
    upload(refused_pause_s=900)
    wait_until(lambda: at(2, "json") in server.files and len(store.waiting()) == 1, "the second arrives")
    assert store.waiting() == [name(1)]


def test_a_picture_that_breaks_the_server_does_not_keep_the_others_back(upload: Upload, store: EvidenceStore, server: Uploads) -> None:
    keep(store, 1, 2)
    server.faults.extend([500])
    upload()
    done(store)
    assert [request.path for request in server.puts()][:2] == [at(1), at(2)]


@pytest.mark.parametrize(("fault", "word"), [(403, "ask for the right"), (404, "no such folder"), (405, "check evidence_url")])
def test_a_refusal_is_told_once_in_words(upload: Upload, store: EvidenceStore, server: Uploads, fault: Fault, word: str) -> None:
    server.faults.extend([fault] * 5)
    keep(store, 1)
    with structlog.testing.capture_logs() as logs:
        upload()
        done(store)
    told = [entry["reason"] for entry in logs if entry["event"] == "uploads wait"]
    assert len(told) == 1
    assert word in told[0]


def test_a_redirect_is_told_and_not_followed(upload: Upload, store: EvidenceStore, server: Uploads, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    server.token = "secret"
    server.faults.append("redirect")
    keep(store, 1)
    with structlog.testing.capture_logs() as logs:
        upload(tmp_path / "token")
        done(store)
    assert any("is not followed" in entry.get("reason", "") for entry in logs)


def test_a_server_that_is_not_there_is_tried_until_it_is(store: EvidenceStore) -> None:
    with upload_server() as gone:
        port = gone.port
    keep(store, 1)
    uploader = Uploader(store, place_for(f"http://127.0.0.1:{port}/evidence", "my%20site/s1"), None, random.Random(1), 0.01)
    uploader.start()
    try:
        wait_until(lambda: "does not answer" in (uploader.problem or ""), "it is told")
        with upload_server(port) as back:
            done(store)
            assert back.files[at(1)] == jpeg(1, SIZE)
    finally:
        uploader.close()


def test_an_uploader_that_is_closed_in_the_middle_ends_and_the_next_goes_on(upload: Upload, store: EvidenceStore, server: Uploads) -> None:
    server.faults.append("hang")
    assert store.keep(count(1), jpeg(1, 15_000_000), "unsure")
    first = upload()
    wait_until(server.hanging.is_set, "half of it is there")
    first._stop.set()
    server.release.set()
    first.close()
    wait_until(lambda: at(1) in server.parts, "the server keeps what came")
    assert store.waiting() == [name(1)]
    upload()
    done(store)
    assert server.files[at(1)] == jpeg(1, 15_000_000)


def test_an_uploader_killed_in_the_middle_is_resumed_after_a_restart(
    start: Start, upload: Upload, store: EvidenceStore, server: Uploads
) -> None:
    keep(store, 1, 2)
    server.faults.append("hang")
    folder = store._paths.folder
    child = start(sys.executable, "-m", "tests.agent.evidence.uploading", str(folder), server.url)
    wait_until(server.hanging.is_set, "half of it is there")
    child.signal(signal.SIGKILL)
    child.wait()
    server.release.set()
    wait_until(lambda: at(1) in server.parts or at(1) in server.files, "the server keeps what came")
    again = EvidenceStore(folder, 10**8)
    assert again.waiting() == [name(1), name(2)]
    upload(into=again)
    done(again)
    assert {path: content for path, content in server.files.items() if path.endswith("jpg")} == {at(n): jpeg(n, SIZE) for n in (1, 2)}


def test_what_is_deleted_while_it_waits_is_let_go(upload: Upload, store: EvidenceStore, server: Uploads) -> None:
    keep(store, 1, 2)
    for path in store._paths.all_of(name(1)):
        path.unlink(missing_ok=True)
    upload()
    done(store)
    assert set(server.files) == {at(2), at(2, "json")}


def test_pauses_grow_to_five_minutes_and_are_never_alike() -> None:
    rng = random.Random(1)
    for failures in (1, 2, 3, 8, 9, 100, 10**9):
        pauses = {pause_after(failures, 2.0, rng) for _ in range(50)}
        longest = min(300.0, 2.0 * 2 ** min(failures - 1, 30))
        assert longest / 2 <= min(pauses) < max(pauses) <= longest
        assert len(pauses) == 50


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "https://",
        "host:80",
        "",
        "https://user:secret@host/x",
        "https://host/x?y=1",
        "https://host/#x",
        "https://host:99999/",
        "https://host:0/",
        "https://[::1",
        "http://host/a b",
        "http://host/\r\nX: y",
        "http://höst/",
    ],
)
def test_an_address_that_is_none_is_wrong_use_and_told_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        place_for(url, "site/station")
    assert "secret" not in str(refused.value)


def test_addresses_are_put_together_as_documented() -> None:
    assert str(place_for("https://host/base/", "a%2Fb/c")) == "https://host:443/base/a%2Fb/c"
    assert str(place_for("http://[::1]:81", "a/b")) == "http://[::1]:81/a/b"


@pytest.mark.parametrize("header", ["sha-512=:AAAA:, sha-256=:{}:", "sha-256=:{}:", "unixsum=:x:,sha-256=:{}:;a"])
def test_the_digest_is_found_among_others(header: str) -> None:
    digest = repr_digest(b"x").partition(":")[2][:-1]
    assert digest_of(header.format(digest)) == digest_of(repr_digest(b"x")) is not None


@pytest.mark.parametrize("header", [None, "", "sha-256=abc", "md5=:AAAA:", "sha-256=:*:", "xsha-256=:AAAA:", "sha-256=:A:"])
def test_what_holds_no_digest_confirms_nothing(header: str | None) -> None:
    assert digest_of(header) is None
