"""Fetching the data set: what arrives is whole, what is missing is said, and nothing is fetched twice or lost."""

from __future__ import annotations

import csv
import functools
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader  # type: ignore[import-untyped]

from bintally import abid
from bintally.cli import main
from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from tests.conftest import free_port
from tests.fakes import s3
from tests.fakes.programs import BINTALLY, Start
from tests.trainer.folders import write_bins
from trainer.data.fetching.destination import RECORD, Destination, Folder, OwnBucket, split_url
from trainer.data.fetching.fetch import MISSING, Plan, _Run, fetch
from trainer.data.fetching.ids import Quota, choose, read_ids
from trainer.data.fetching.s3 import Bucket, Patience, md5_of
from trainer.data.fetching.tally import HOPELESS, Tally

IMPATIENT = Patience(attempts=3, first_s=0.001, longest_s=0.002)


@pytest.fixture(scope="session", autouse=True)
def _models_are_read_once() -> Iterator[None]:
    """Every new client of botocore parses the models of its service, which takes a tenth of a second."""
    load_once = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: load_once(path))
        yield


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    with s3.store() as url:
        yield url


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Fourteen images of the data set, two of each class: 00001 to 00014 hold (id mod 7) items."""
    folder = write_bins(tmp_path_factory.mktemp("published"), 15)
    (folder / abid.IMAGES / "00000.jpg").unlink()
    (folder / abid.METADATA / "00000.json").unlink()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture(scope="session")
def bucket(store: str, objects: dict[str, bytes]) -> str:
    """A public bucket with the images; no test changes it."""
    s3.fill(store, "abid", objects)
    return "abid"


@pytest.fixture
def proxy(store: str) -> Iterator[s3.Proxy]:
    found = s3.Proxy(store)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the credentials of who runs it, or asks for some beyond this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def _account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def open_bucket(url: str, name: str, *, signed: bool = False, stop: threading.Event | None = None) -> Bucket:
    return Bucket(
        name,
        endpoint_url=url,
        region="us-east-1",
        signed=signed,
        connections=4,
        stop=stop or threading.Event(),
        patience=IMPATIENT,
    )


def fetch_to(
    to: Path | Destination,
    url: str,
    name: str,
    plan: Plan | None = None,
    *,
    workers: int = 4,
    stop: threading.Event | None = None,
    shown: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    stop = stop or threading.Event()
    destination = Folder(to) if isinstance(to, Path) else to
    try:
        return fetch(open_bucket(url, name, stop=stop), destination, plan or Plan(), workers, stop, shown)
    finally:
        destination.close()


def listed(*ids: str) -> Plan:
    return Plan(dict.fromkeys(ids))


def files_in(folder: Path) -> dict[str, bytes]:
    """The data set's files in a folder, and anything else that should not be there."""
    known = {RECORD, MISSING}
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in known}


def of_ids(objects: dict[str, bytes], *ids: str) -> dict[str, bytes]:
    return {key: content for key, content in objects.items() if Path(key).stem in ids}


def quantities(folder: Path) -> Counter[int]:
    return Counter(min(abid.read_metadata(abid.metadata_path(image)).quantity, 6) for image in abid.image_paths(folder))


def problems_in(folder: Path) -> dict[str, str]:
    with (folder / MISSING).open(newline="") as lines:
        return {row["id"]: f"{row['kind']}: {row['reason']}" for row in csv.DictReader(lines)}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["data", "fetch", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


# what arrives


def test_everything_arrives_byte_for_byte_in_the_data_sets_layout(
    bucket: str, store: str, objects: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "--all", "--to", tmp_path / "abid", "--endpoint-url", store, "--bucket", bucket, "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["wanted"], found["fetched"], found["missing"], found["failed"]) == (14, 14, 0, 0)
    assert found["bytes"] == sum(map(len, objects.values()))
    assert files_in(tmp_path / "abid") == objects
    assert quantities(tmp_path / "abid") == dict.fromkeys(range(7), 2)


def test_all_goes_through_every_page_of_the_listing(
    bucket: str, store: str, objects: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "4")
    assert fetch_to(tmp_path, store, bucket).kinds["fetched"] == 14
    assert files_in(tmp_path) == objects


def test_a_list_of_ids_brings_those_alone(
    bucket: str, store: str, objects: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ids.txt").write_text("3\n00005\n")
    code, out, _ = run(
        capsys, "--ids", tmp_path / "ids.txt", "--to", tmp_path / "abid", "--endpoint-url", store, "--bucket", bucket, "--workers", 2
    )
    assert code == 0
    assert "fetched         2 images" in out
    assert files_in(tmp_path / "abid") == of_ids(objects, "00003", "00005")


def test_what_is_there_whole_is_not_asked_for_again(bucket: str, proxy: s3.Proxy, objects: dict[str, bytes], tmp_path: Path) -> None:
    fetch_to(tmp_path, proxy.url, bucket)
    assert sorted(proxy.got()) == sorted(f"/{bucket}/{key}" for key in objects)
    proxy.asked.clear()
    again = fetch_to(tmp_path, proxy.url, bucket)
    assert (again.kinds, again.size_bytes) == (Counter(already=14), 0)
    assert proxy.got() == []


def test_files_that_were_damaged_or_deleted_since_are_fetched_again(
    bucket: str, proxy: s3.Proxy, objects: dict[str, bytes], tmp_path: Path
) -> None:
    fetch_to(tmp_path, proxy.url, bucket)
    cut, changed, gone = (tmp_path / f"bin-images/{name}.jpg" for name in ("00002", "00004", "00006"))
    cut.write_bytes(cut.read_bytes()[:50])
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    gone.unlink()
    proxy.asked.clear()
    assert fetch_to(tmp_path, proxy.url, bucket).kinds == Counter(already=11, fetched=3)
    assert sorted(proxy.got()) == [f"/{bucket}/bin-images/{name}.jpg" for name in ("00002", "00004", "00006")]
    assert files_in(tmp_path) == objects


def test_a_torn_record_costs_no_transfer(bucket: str, store: str, objects: dict[str, bytes], tmp_path: Path) -> None:
    fetch_to(tmp_path, store, bucket)
    record = tmp_path / RECORD
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join(lines[:10]) + b"\xff garbage\n[1]\n" + lines[10][:-7])
    again = fetch_to(tmp_path, store, bucket)
    assert (again.size_bytes, again.problems) == (0, [])
    assert files_in(tmp_path) == objects
    recorded = {entry["key"] for line in record.read_bytes().splitlines() if (entry := _entry(line))}
    assert recorded == set(objects)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "key" in entry else None


def test_somebody_elses_files_are_never_overwritten(bucket: str, store: str, objects: dict[str, bytes], tmp_path: Path) -> None:
    mine, same = tmp_path / "bin-images/00003.jpg", tmp_path / "bin-images/00004.jpg"
    mine.parent.mkdir()
    mine.write_bytes(b"my own crop")
    same.write_bytes(objects["bin-images/00004.jpg"])
    tally = fetch_to(tmp_path, store, bucket)
    assert mine.read_bytes() == b"my own crop"
    assert (tally.kinds["fetched"], tally.kinds["failed"]) == (13, 1)
    assert "move it away" in problems_in(tmp_path)["00003"]
    assert fetch_to(tmp_path, store, bucket).kinds == Counter(already=13, failed=1)


# a store that fails


@pytest.mark.parametrize("fault", ["truncate", "garble", "rot", "drop", "503", "500", "429"])
def test_a_passing_fault_is_overcome(fault: str, bucket: str, proxy: s3.Proxy, objects: dict[str, bytes], tmp_path: Path) -> None:
    for key in ("bin-images/00003.jpg", "metadata/00004.json"):
        proxy.faults[f"/{bucket}/{key}"] = [fault, fault, ""]
    tally = fetch_to(tmp_path, proxy.url, bucket, listed("00003", "00004"))
    assert tally.complete
    assert files_in(tmp_path) == of_ids(objects, "00003", "00004")
    assert proxy.got().count(f"/{bucket}/bin-images/00003.jpg") == 3


@pytest.mark.parametrize(
    ("fault", "word"),
    [("truncate", "bytes"), ("garble", "MD5"), ("rot", "checksum"), ("drop", "network"), ("503", "503"), ("403", "403")],
)
def test_a_lasting_fault_leaves_nothing_of_that_image_and_is_listed(
    fault: str, word: str, bucket: str, proxy: s3.Proxy, objects: dict[str, bytes], tmp_path: Path
) -> None:
    proxy.faults[f"/{bucket}/bin-images/00003.jpg"] = [fault]
    tally = fetch_to(tmp_path, proxy.url, bucket, listed("00002", "00003", "00004"))
    assert tally.kinds == Counter(fetched=2, failed=1)
    assert files_in(tmp_path) == of_ids(objects, "00002", "00004")
    assert word in problems_in(tmp_path)["00003"]
    proxy.faults.clear()
    assert fetch_to(tmp_path, proxy.url, bucket, listed("00002", "00003", "00004")).kinds == Counter(fetched=1, already=2)
    assert problems_in(tmp_path) == {}


def test_an_answer_larger_than_any_photograph_is_refused(bucket: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.data.fetching.s3.LARGEST_BYTES", 400)
    tally = fetch_to(tmp_path, store, bucket, listed("00003"))
    assert "too many" in tally.problems[0].reason
    assert files_in(tmp_path) == {}


def test_a_store_that_dies_ends_the_fetch_instead_of_every_image(
    bucket: str, proxy: s3.Proxy, objects: dict[str, bytes], tmp_path: Path
) -> None:
    wanted = [f"{number:05}" for number in range(1, 2000)]
    for name in wanted[10:]:
        proxy.faults[f"/{bucket}/metadata/{name}.json"] = ["503"]
    with pytest.raises(UnavailableError, match=f"{HOPELESS} images in a row"):
        fetch_to(tmp_path, proxy.url, bucket, listed(*wanted))
    assert files_in(tmp_path) == of_ids(objects, *wanted[:10])
    assert len(proxy.asked) < 500


def test_missing_images_are_listed_and_leave_no_metadata_behind(
    bucket: str, proxy: s3.Proxy, objects: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.faults[f"/{bucket}/bin-images/00003.jpg"] = ["404"]
    proxy.faults[f"/{bucket}/metadata/00004.json"] = ["404"]
    (tmp_path / "ids").write_text("00002\n00003\n00004\n99999\n")
    to = tmp_path / "abid"
    code, out, _ = run(capsys, "--ids", tmp_path / "ids", "--to", to, "--endpoint-url", proxy.url, "--bucket", bucket)
    assert code == 1
    assert "missing         3" in out
    assert str(to / MISSING) in out
    assert files_in(to) == of_ids(objects, "00002")
    assert {name: reason.split("/", 3)[-1] for name, reason in problems_in(to).items()} == {
        "00003": "bin-images/00003.jpg: is not there",
        "00004": "metadata/00004.json: is not there",
        "99999": "metadata/99999.json: is not there",
    }


def test_a_missing_bucket_is_named(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "--all", "--to", tmp_path, "--endpoint-url", store, "--bucket", "no-such-bucket")
    assert code == 1
    assert "s3://no-such-bucket" in err
    assert "no such bucket" in err


def test_a_bucket_that_must_not_be_read_is_named(bucket: str, proxy: s3.Proxy, tmp_path: Path) -> None:
    proxy.faults[f"/{bucket}"] = ["403"]
    with pytest.raises(UnavailableError, match="refuses unsigned reading"):
        fetch_to(tmp_path, proxy.url, bucket)


def test_a_bucket_without_images_is_named(store: str, tmp_path: Path) -> None:
    s3.fill(store, "something-else", {"readme.txt": b"hello", "bin-images/index.html": b"hello"})
    with pytest.raises(InputError, match="right bucket"):
        fetch_to(tmp_path, store, "something-else")


def test_an_endpoint_that_nobody_serves_is_named(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UnavailableError, match=url):
        fetch_to(tmp_path, url, "abid")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "which images"),
        (("--all", "--per-class", 3), "--all"),
        (("--per-class", 0), "1 or more"),
        (("--all", "--workers", 0), "--workers"),
        (("--all", "--endpoint-url", "nonsense"), "endpoint"),
        (("--all", "--bucket", "not a bucket"), "bucket name"),
        (("--all", "--region", "us east"), "region"),
        (("--all", "--to-endpoint-url", "http://127.0.0.1:1"), "--to-endpoint-url"),
        (("--all", "--to", "s3://"), "no bucket"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked(
    arguments: tuple[object, ...], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "--to", tmp_path / "abid", "--endpoint-url", f"http://127.0.0.1:{free_port()}", *arguments)
    assert code == 2
    assert word in err


# stops


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_after_a_stop_or_a_kill_all_is_whole_and_a_second_run_goes_on(
    number: signal.Signals, code: int, bucket: str, proxy: s3.Proxy, objects: dict[str, bytes], tmp_path: Path, start: Start
) -> None:
    command = (
        *BINTALLY,
        "data",
        "fetch",
        "--all",
        "--to",
        str(tmp_path),
        "--endpoint-url",
        proxy.url,
        "--bucket",
        bucket,
        "--workers",
        "2",
    )
    for name in ("00008", "00010"):
        proxy.faults[f"/{bucket}/bin-images/{name}.jpg"] = ["hold", ""]
    first = start(*command)
    proxy.held.acquire()
    proxy.held.acquire()
    first.signal(number)
    if number == signal.SIGKILL:
        first.wait()
    proxy.release.set()
    assert first.wait() == code
    before = files_in(tmp_path)
    assert before == {key: objects[key] for key in before}
    assert 7 <= len(before) // 2 < 14
    proxy.asked.clear()
    assert start(*command).wait() == 0
    assert files_in(tmp_path) == objects
    assert len(proxy.got()) == len(objects) - len(before)


def test_leftovers_of_a_killed_fetch_are_cleared_away(bucket: str, store: str, tmp_path: Path) -> None:
    leftover = tmp_path / "bin-images/.00003.jpg.x1y2.part"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    fetch_to(tmp_path, store, bucket, listed("00003"))
    assert not leftover.exists()


def test_a_full_disk_ends_the_fetch_and_keeps_what_is_whole(store: str, objects: dict[str, bytes], tmp_path: Path) -> None:
    s3.fill(store, "large", of_ids(objects, "00001", "00002", "00003") | {"bin-images/00002.jpg": bytes(300_000)})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(UnavailableError, match=r"00002\.jpg: cannot be written"):
            fetch_to(tmp_path, store, "large", workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    found = files_in(tmp_path)
    assert set(found) >= {"bin-images/00001.jpg", "metadata/00001.json"}
    assert all(content == objects[key] for key, content in found.items())


def test_a_second_fetch_into_a_folder_is_refused_while_one_is_at_work(tmp_path: Path) -> None:
    first = Folder(tmp_path)
    with pytest.raises(UsageError, match="another fetch"):
        Folder(tmp_path)
    first.close()
    Folder(tmp_path).close()


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "abid").write_text("")
    with pytest.raises(UnavailableError, match="abid"):
        Folder(tmp_path / "abid")


def test_no_more_is_in_hand_than_allowed_however_long_the_list() -> None:
    drawn = []
    numbers = (drawn.append(number) or number for number in range(5000))  # type: ignore[func-returns-value]
    with ThreadPoolExecutor(4) as pool:
        run = _Run(None, None, {}, Tally(), lambda _: None, pool, threading.Event(), ahead=16)  # type: ignore[arg-type]
        for seen, result in enumerate(run.in_order(lambda number: number * 2, numbers)):
            assert result == seen * 2
            assert len(drawn) - seen <= 16
    assert len(drawn) == 5000


# so many of each class


def per_class(labels: dict[str, int | None] | None, number: int, seed: int = 0) -> Plan:
    return Plan(labels, number, seed)


def test_so_many_of_each_class_are_chosen_by_the_seed_alone(bucket: str, store: str, tmp_path: Path) -> None:
    chosen = []
    for run_number, (seed, workers) in enumerate([(0, 1), (0, 8), (1, 8)]):
        to = tmp_path / str(run_number)
        assert fetch_to(to, store, bucket, per_class(None, 1, seed), workers=workers).complete
        assert quantities(to) == dict.fromkeys(range(7), 1)
        chosen.append(files_in(to))
    assert chosen[0] == chosen[1]
    assert set(chosen[0]) != set(chosen[2])


def test_counts_that_were_looked_at_are_not_asked_for_again(bucket: str, proxy: s3.Proxy, tmp_path: Path) -> None:
    fetch_to(tmp_path, proxy.url, bucket, per_class(None, 1), workers=1)
    proxy.asked.clear()
    again = fetch_to(tmp_path, proxy.url, bucket, per_class(None, 1), workers=1)
    assert again.kinds == Counter(already=7)
    assert proxy.got() == []


def test_a_class_that_is_short_is_said(bucket: str, proxy: s3.Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proxy.faults[f"/{bucket}/metadata/00006.json"] = ["404"]
    code, out, _ = run(capsys, "--per-class", 2, "--to", tmp_path, "--endpoint-url", proxy.url, "--bucket", bucket)
    assert code == 1
    assert "short: of class 6+ there are 1 too few" in out
    assert quantities(tmp_path) == {**dict.fromkeys(range(6), 2), 6: 1}
    assert problems_in(tmp_path) == {}


def test_a_list_with_counts_needs_no_look_at_the_metadata(bucket: str, proxy: s3.Proxy, tmp_path: Path) -> None:
    labels: dict[str, int | None] = {f"{number:05}": number % 7 for number in range(1, 15) if number % 7 < 3}
    tally = fetch_to(tmp_path, proxy.url, bucket, per_class(labels, 1))
    assert tally.complete
    assert quantities(tmp_path) == {0: 1, 1: 1, 2: 1}
    assert len(proxy.got()) == 6


def test_metadata_without_a_usable_count_is_passed_over(store: str, objects: dict[str, bytes], tmp_path: Path) -> None:
    damaged = {"metadata/00001.json": b"{", "metadata/00009.json": b'{"EXPECTED_QUANTITY": "2"}'}
    s3.fill(store, "unlabelled", of_ids(objects, "00001", "00002", "00008", "00009") | damaged)
    tally = fetch_to(tmp_path, store, "unlabelled", per_class(None, 2))
    assert (tally.short["1"], tally.short["2"]) == (1, 1)
    assert quantities(tmp_path) == {1: 1, 2: 1}


def test_a_full_quota_draws_no_more() -> None:
    def labelled() -> Iterator[tuple[str, int]]:
        yield from [("a", 0), ("b", 9), ("c", 0), ("d", 6)]
        pytest.fail("went on")

    assert list(choose(labelled(), Quota(1, (0, 6)))) == ["a", "b"]


# a bucket of one's own


@pytest.fixture
def own(store: str, _account: None) -> str:
    name = f"own-{uuid.uuid4().hex[:12]}"
    s3.fill(store, name, {})
    return name


def test_files_go_on_to_a_bucket_of_ones_own(
    bucket: str, own: str, store: str, objects: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--endpoint-url", store, "--bucket", bucket, "--to", f"s3://{own}/data/abid/", "--to-endpoint-url", store)
    assert run(capsys, "--all", *where)[0] == 0
    found = s3.contents(store, own)
    assert found.pop(f"data/abid/{MISSING}") == b"id,kind,reason\n"
    assert found == {f"data/abid/{key}": content for key, content in objects.items()}
    code, out, _ = run(capsys, "--all", *where, "--json")
    assert (code, json.loads(out)["already"], json.loads(out)["bytes"]) == (0, 14, 0)


def test_only_what_is_not_whole_in_the_own_bucket_is_fetched_again(
    bucket: str, own: str, store: str, proxy: s3.Proxy, objects: dict[str, bytes]
) -> None:
    fetch_to(OwnBucket(open_bucket(store, own, signed=True), ""), proxy.url, bucket)
    client = s3.client(store)
    client.delete_object(Bucket=own, Key="bin-images/00002.jpg")
    client.put_object(Bucket=own, Key="bin-images/00004.jpg", Body=b"mine")
    client.put_object(Bucket=own, Key="bin-images/00006.jpg", Body=objects["bin-images/00006.jpg"])
    cut = {"bintally-md5": md5_of(objects["bin-images/00008.jpg"]), "bintally-size": "1"}
    client.put_object(Bucket=own, Key="bin-images/00008.jpg", Body=b"half", Metadata=cut)
    proxy.asked.clear()
    tally = fetch_to(OwnBucket(open_bucket(store, own, signed=True), ""), proxy.url, bucket)
    assert tally.kinds == Counter(already=11, fetched=2, failed=1)
    assert "move it away" in tally.problems[0].reason
    found = s3.contents(store, own)
    assert found["bin-images/00004.jpg"] == b"mine"
    assert {key: found[key] for key in objects if key != "bin-images/00004.jpg"} == {
        key: content for key, content in objects.items() if key != "bin-images/00004.jpg"
    }


def test_a_passing_fault_of_the_own_bucket_is_overcome(bucket: str, own: str, store: str, proxy: s3.Proxy) -> None:
    proxy.faults[f"/{own}/bin-images/00003.jpg"] = ["", "503", ""]
    tally = fetch_to(OwnBucket(open_bucket(proxy.url, own, signed=True), ""), store, bucket, listed("00003"))
    assert tally.complete
    assert "bin-images/00003.jpg" in s3.contents(store, own)


def test_rights_that_end_in_the_middle_end_the_fetch(bucket: str, own: str, store: str, proxy: s3.Proxy) -> None:
    proxy.faults[f"/{own}/metadata/00003.json"] = ["403"]
    with pytest.raises(UnavailableError, match="credentials"):
        fetch_to(OwnBucket(open_bucket(proxy.url, own, signed=True), ""), store, bucket)


def test_without_credentials_the_own_bucket_is_refused_before_anything_is_fetched(
    bucket: str, store: str, proxy: s3.Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--endpoint-url", proxy.url, "--bucket", bucket, "--to", "s3://anything", "--to-endpoint-url", store)
    code, _, err = run(capsys, "--all", *where)
    assert code == 1
    assert "no usable credentials" in err
    assert proxy.asked == []


def test_a_profile_that_is_not_there_is_named(
    bucket: str, store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    where = ("--endpoint-url", store, "--bucket", bucket, "--to", "s3://anything", "--to-endpoint-url", store)
    code, _, err = run(capsys, "--all", *where)
    assert code == 1
    assert "nobody" in err


@pytest.mark.usefixtures("_account")
def test_an_own_bucket_that_is_missing_is_named(store: str) -> None:
    with pytest.raises(UnavailableError, match=r"s3://not-mine.*no such bucket"):
        OwnBucket(open_bucket(store, "not-mine", signed=True), "")


@pytest.mark.parametrize(
    ("url", "parts"), [("s3://b", ("b", "")), ("s3://b/", ("b", "")), ("s3://b/p", ("b", "p")), ("s3://b//p/q//", ("b", "p/q"))]
)
def test_a_place_in_a_store_is_a_bucket_and_a_prefix(url: str, parts: tuple[str, str]) -> None:
    assert split_url(url) == parts


# lists of ids


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3\n00004\n\n100313\r\n", {"00003": None, "00004": None, "100313": None}),
        ("\ufeff7", {"00007": None}),
        ("[3, 100313]", {"00003": None, "100313": None}),
        ('["00003", "4"]', {"00003": None, "00004": None}),
        ("[[4, 3], [99, 0]]", {"00005": 3, "00100": 0}),
        ('{"1": ["data/metadata/100313.json"], "12": ["data/metadata/00004.json"]}', {"100313": 1, "00004": 12}),
    ],
)
def test_every_known_form_of_a_list_is_read(text: str, found: dict[str, int | None], tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(text.encode())
    assert read_ids(tmp_path / "ids") == found


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "names no image"),
        (b"[]", "names no image"),
        (b"{}", "names no image"),
        (b"4 3\n5 2\n", "line 1"),
        (b"00004,3", "line 1"),
        (b"4\nfive\n", "line 2"),
        (b"-4", "line 1"),
        ("٤".encode(), "line 1"),
        (b"4\n00004\n", "again"),
        (b"[3, 2, 3, 1]", "labels instead of ids"),
        (b"[0, 1, 2]", "indexes"),
        (b"[3, true]", "entry 1"),
        (b"[3.5]", "entry 0"),
        (b"[3, [4, 2]]", "entry 0"),
        (b"[[3, 4], [5, 600000]]", "pairs of ids"),
        (b"[[3, 4, 5]]", "entry 0"),
        (b'{"ids": [3, 4]}', "no count"),
        (b'{"1": ["data/metadata/readme.json"]}', "readme"),
        (b"[3, 4", "damaged JSON"),
        (b"\xff\xd8\xff\xe0", "not a readable text"),
    ],
)
def test_a_list_that_may_mean_something_else_is_refused(content: bytes, word: str, tmp_path: Path) -> None:
    (tmp_path / "ids").write_bytes(content)
    with pytest.raises(InputError, match="ids") as caught:
        read_ids(tmp_path / "ids")
    assert word in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_list_that_cannot_be_opened_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BintallyError, match=r"list of ids|not a readable"):
        read_ids(tmp_path / name)


# the rest


def test_waiting_grows_to_a_cap_and_is_spread() -> None:
    patience = Patience(attempts=9, first_s=0.5, longest_s=8.0)
    for attempt, limit_s in enumerate((0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0), 1):
        delays = [patience.delay_s(attempt) for _ in range(200)]
        assert limit_s * 0.7 < max(delays) <= limit_s
        assert 0 <= min(delays) < limit_s * 0.3


def test_help_shows_an_example_without_loading_boto3() -> None:
    code = (
        "import sys; from trainer.data.cli import data\n"
        "try: data(['fetch', '--help'])\n"
        "except SystemExit: print('boto3' in sys.modules or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "example: bintally data fetch" in done.stdout
    assert done.stdout.split()[-1] == "False"
