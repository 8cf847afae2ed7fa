"""Transfers with a real server of the S3 protocol: broken off, corrupted, forged, and with no room."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import resource
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from deploy.cloud import storage
from deploy.cloud.aws import connect
from deploy.cloud.items import INDEX, Item, items
from deploy.cloud.storage import download, require, require_bucket, upload
from deploy.cloud.uri import S3Uri
from tests.deploy.cloud.conftest import connected, made
from tests.fakes import s3 as fake

FILES = {"index": b"0123456789" * 50, "a/one.jpg": b"one", "a/two.jpg": b"two", "b/three.jpg": b"", "b/ü.jpg": b"four"}
MODEL = {"best.pt": b"weights" * 1000, "metrics.jsonl": b"{}\n"}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def members(files: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    found = []
    for name, content in files.items():
        member = tarfile.TarInfo(name)
        member.size = len(content)
        found.append((member, content))
    return found


def tar(entries: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for member, content in entries:
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def put(s3: Any, bucket: S3Uri, content: bytes) -> S3Uri:
    at = bucket / "jobs/first/output/model.tar.gz"
    s3.put_object(Bucket=at.bucket, Key=at.key, Body=content)
    return at


class CorruptingProxy(fake.Proxy):
    """Changes a bit of what is put at a path, as long as there are faults for it."""

    def handed_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if method == "PUT" and body and any(self.asked_to_corrupt(path)):
            body = bytes([body[0] ^ 1]) + body[1:]
        return super().handed_on(method, path, headers, body)

    def asked_to_corrupt(self, path: str) -> Iterator[bool]:
        return (path.endswith(name) for name, faults in self.faults.items() if faults)


@pytest.fixture(scope="module")
def _proxy_and_client(store: str) -> Iterator[tuple[CorruptingProxy, Any]]:
    proxy = CorruptingProxy(store)
    yield proxy, connected(proxy.url)
    proxy.close()


@pytest.fixture
def proxy(_proxy_and_client: tuple[CorruptingProxy, Any]) -> Iterator[CorruptingProxy]:
    yield _proxy_and_client[0]
    _proxy_and_client[0].faults.clear()


@pytest.fixture
def through_proxy(_proxy_and_client: tuple[CorruptingProxy, Any]) -> Any:
    return _proxy_and_client[1]


def test_an_upload_puts_every_file_below_the_target(s3: Any, aws: str, bucket: S3Uri, tmp_path: Path) -> None:
    folder = write(tmp_path / "data", {**FILES, ".hidden": b"x", ".git/config": b"x"})
    done = upload(s3, items(folder), bucket / "data")
    assert fake.contents(aws, bucket.bucket) == {f"data/{name}": content for name, content in FILES.items()}
    assert (done.files, done.sent, done.sent_bytes) == (5, 5, sum(map(len, FILES.values())))


def test_a_second_upload_sends_only_what_has_changed(s3: Any, aws: str, bucket: S3Uri, tmp_path: Path) -> None:
    folder = write(tmp_path / "data", FILES)
    upload(s3, items(folder), bucket / "data")
    write(folder, {"a/one.jpg": b"eno", "new": b"new"})
    assert upload(s3, items(folder), bucket / "data").sent == 2
    assert fake.contents(aws, bucket.bucket)["data/a/one.jpg"] == b"eno"
    assert upload(s3, items(folder), bucket / "data").sent == 0


def test_an_upload_that_broke_off_goes_on_where_it_stopped(
    through_proxy: Any, proxy: CorruptingProxy, s3: Any, aws: str, bucket: S3Uri, tmp_path: Path
) -> None:
    found = items(write(tmp_path / "data", FILES))
    proxy.faults[f"/{bucket.bucket}/data/b/three.jpg"] = ["403"]
    with pytest.raises(UnavailableError, match=r"data/b/three\.jpg: AWS forbids it"):
        upload(through_proxy, found, bucket / "data", workers=1)
    before = set(fake.contents(aws, bucket.bucket))
    assert before < {f"data/{item.name}" for item in found}
    assert f"data/{found[-1].name}" not in before, "the last one marks a whole upload"
    assert upload(s3, found, bucket / "data").sent == len(FILES) - len(before)


def test_a_file_that_is_corrupted_on_its_way_is_noticed_and_sent_again(
    through_proxy: Any, proxy: CorruptingProxy, aws: str, bucket: S3Uri, tmp_path: Path
) -> None:
    found = items(write(tmp_path / "data", FILES))
    proxy.faults["one.jpg"] = ["corrupt"]
    with pytest.raises(UnavailableError, match=r"data/a/one\.jpg.* run the same command again"):
        upload(through_proxy, found, bucket / "data")
    etag = fake.client(aws).head_object(Bucket=bucket.bucket, Key="data/a/one.jpg")["ETag"]
    assert etag != f'"{hashlib.md5(b"one").hexdigest()}"', "the proxy must have corrupted it"  # noqa: S324 - what S3 takes
    proxy.faults.clear()
    assert upload(through_proxy, found, bucket / "data").sent == 1
    assert fake.contents(aws, bucket.bucket)["data/a/one.jpg"] == b"one"


def test_an_upload_in_parts_is_known_again(s3: Any, bucket: S3Uri, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_PART_BYTES", 5 << 20)
    found = items(write(tmp_path, {"big": os.urandom(6 << 20)}))
    assert upload(s3, found, bucket / "data").sent == 1
    at = bucket / "data/big"
    assert "-" in s3.head_object(Bucket=at.bucket, Key=at.key)["ETag"], "it must have gone in parts"
    assert upload(s3, found, bucket / "data").sent == 0
    write(tmp_path, {"big": os.urandom(6 << 20)})
    assert upload(s3, items(tmp_path), bucket / "data").sent == 1


def test_an_encrypted_object_is_known_again(s3: Any, bucket: S3Uri, tmp_path: Path) -> None:
    found = items(write(tmp_path, {"one": b"one"}))
    upload(s3, found, bucket / "data", kms_key="alias/ours")
    head = s3.head_object(Bucket=bucket.bucket, Key="data/one")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/ours")
    assert upload(s3, found, bucket / "data", kms_key="alias/ours").sent == 0


def test_a_prepared_folder_takes_its_images_along(s3: Any, aws: str, bucket: S3Uri, tmp_path: Path) -> None:
    photos = write(tmp_path / "photos", {"1.jpg": b"one", "2.png": b"two"})
    rows = f"image_id,image,quantity\n1,{photos / '1.jpg'},3\na/../2,{photos / '2.png'},0\n"
    folder = write(tmp_path / "prepared", {INDEX: rows.encode(), "report.json": b"{}", "cache/other": b"x"})
    assert [item.name for item in items(folder)] == ["images/1.jpg", "images/a%2F..%2F2.png", "report.json", "index.csv"]
    upload(s3, items(folder), bucket / "data")
    there = fake.contents(aws, bucket.bucket)
    assert there["data/images/1.jpg"] == b"one"
    index = list(csv.DictReader(there["data/index.csv"].decode().splitlines()))
    assert index[1] == {"image_id": "a/../2", "image": "images/a%2F..%2F2.png", "quantity": "0"}
    assert str(tmp_path) not in there["data/index.csv"].decode()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no file"),
        ({INDEX: b"image_id,image\n1,gone.jpg\n", "report.json": b"{}"}, r"gone\.jpg: cannot be read"),
        ({INDEX: b"image_id,image\n1,index.csv\n"}, r"report\.json: cannot be read"),
        ({INDEX: b"image_id\n1\n", "report.json": b"{}"}, r"index\.csv: damaged"),
        ({INDEX: b"\xff\n", "report.json": b"{}"}, r"index\.csv: damaged"),
        ({INDEX: b"image_id,image\n1,index.csv\n1,index.csv\n", "report.json": b"{}"}, "an image_id twice"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_before_anything_is_sent(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    with pytest.raises(InputError, match=words):
        items(write(tmp_path, files))


def test_links_that_would_be_missed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "real")
    with pytest.raises(InputError, match="link to a folder"):
        items(tmp_path / "data")
    (tmp_path / "data" / "link").unlink()
    (tmp_path / "data" / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="broken: cannot be read"):
        items(tmp_path / "data")
    with pytest.raises(UsageError, match="no such file"):
        items(tmp_path / "nowhere")


def test_one_file_can_be_uploaded(s3: Any, aws: str, bucket: S3Uri, tmp_path: Path) -> None:
    upload(s3, items(write(tmp_path, {"resnet50.pth": b"weights"}) / "resnet50.pth"), bucket / "weights")
    assert fake.contents(aws, bucket.bucket) == {"weights/resnet50.pth": b"weights"}


def test_a_missing_bucket_is_named(s3: Any) -> None:
    nowhere = S3Uri("no-such-bucket-here", "data/")
    for use in (lambda: require_bucket(s3, nowhere), lambda: require(s3, nowhere), lambda: upload(s3, [Item("x", b"x", 1)], nowhere)):
        with pytest.raises(InputError, match="s3://no-such-bucket-here: is not there") as caught:
            use()
        assert caught.value.exit_code == 1


def test_a_forbidden_bucket_is_named(through_proxy: Any, proxy: CorruptingProxy, bucket: S3Uri) -> None:
    proxy.faults[f"/{bucket.bucket}"] = ["403"]
    for check in (require, require_bucket):
        with pytest.raises(UnavailableError, match=f"s3://{bucket.bucket}: AWS forbids it"):
            check(through_proxy, bucket)


def test_data_that_is_not_there_is_named(s3: Any, bucket: S3Uri) -> None:
    with pytest.raises(InputError, match="there is nothing; 'bintally cloud upload'"):
        require(s3, bucket / "data/")


def test_without_credentials_it_is_said_what_to_do(bucket: S3Uri, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UnavailableError, match=r"no usable AWS credentials .* run 'aws configure'"):
        require_bucket(connect("s3", made()), bucket)


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UnavailableError, match=r"s3://bucket: .*check the network"):
        require_bucket(connect("s3", made()), S3Uri("bucket", ""))


def test_a_download_unpacks_the_model(s3: Any, bucket: S3Uri, tmp_path: Path) -> None:
    archive = put(s3, bucket, tar([*members(MODEL), *members({"curves/a/b": b"c"})]))
    files = download(s3, archive, tmp_path / "new" / "out")
    assert {path.relative_to(tmp_path / "new/out").as_posix(): path.read_bytes() for path in files} == {**MODEL, "curves/a/b": b"c"}
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {"best.pt", "metrics.jsonl", "curves"}


def test_a_disk_that_fills_up_while_unpacking_leaves_nothing(s3: Any, bucket: S3Uri, tmp_path: Path) -> None:
    archive = put(s3, bucket, tar(members({"best.pt": b"x", "metrics.jsonl": b"\0" * 200_000})))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(UnavailableError, match=r"metrics\.jsonl: cannot be written .* free space"):
            download(s3, archive, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in download(s3, archive, tmp_path)} == {"best.pt", "metrics.jsonl"}


def link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


@pytest.mark.parametrize(
    "evil",
    [
        *members({"../evil": b"x", "/etc/evil": b"x", "a/../../evil": b"x", "..": b"x", "a\\..\\evil": b"x"}),
        link("best.pt", "/etc/passwd", tarfile.SYMTYPE),
        link("folder", "/etc", tarfile.SYMTYPE),
        link("best.pt", "metrics.jsonl", tarfile.LNKTYPE),
        link("best.pt", "", tarfile.FIFOTYPE),
        link("best.pt", "", tarfile.CHRTYPE),
    ],
    ids=lambda evil: repr(evil[0].name),
)
def test_an_archive_that_reaches_out_of_its_folder_writes_nothing(
    s3: Any, bucket: S3Uri, tmp_path: Path, evil: tuple[tarfile.TarInfo, bytes]
) -> None:
    archive = put(s3, bucket, tar([*members({"metrics.jsonl": b"{}"}), evil]))
    with pytest.raises(InputError, match=r"model\.tar\.gz: holds .* nothing of it was unpacked"):
        download(s3, archive, tmp_path / "out")
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [Path("out")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no whole gzip file|no archive"),
        (b"no archive", "no whole gzip file"),
        (tar(members(MODEL))[:-20], "no whole gzip file"),
        (tar(members(MODEL))[:-8] + b"\0" * 8, "no whole gzip file"),
        (gzip.compress(b"text"), "no archive of a training job"),
        (tar([]), "the archive is empty"),
    ],
    ids=["nothing", "text", "cut", "checksum", "gzip", "empty"],
)
def test_an_archive_that_is_none_is_refused(s3: Any, bucket: S3Uri, tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        download(s3, put(s3, bucket, content), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_there_already_is_not_replaced(s3: Any, bucket: S3Uri, tmp_path: Path) -> None:
    archive = put(s3, bucket, tar(members(MODEL)))
    write(tmp_path, {"metrics.jsonl": b"mine"})
    with pytest.raises(UsageError, match=r"metrics\.jsonl: is there already"):
        download(s3, archive, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]
    assert (tmp_path / "metrics.jsonl").read_bytes() == b"mine"


@pytest.mark.parametrize("fault", ["garble", "rot", "truncate"])
def test_a_download_that_is_corrupted_on_its_way_writes_nothing(
    through_proxy: Any, proxy: CorruptingProxy, s3: Any, bucket: S3Uri, tmp_path: Path, fault: str
) -> None:
    archive = put(s3, bucket, tar(members(MODEL)))
    path = f"/{bucket.bucket}/{archive.key}"
    proxy.faults[path] = ["", fault]  # the first is HEAD's
    with pytest.raises(BintallyError, match=r"run the same command again|no whole gzip file"):
        download(through_proxy, archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_artifact_is_named(s3: Any, bucket: S3Uri, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.tar\.gz: is not there"):
        download(s3, bucket / "gone.tar.gz", tmp_path)


def test_a_disk_without_room_is_named_before_the_transfer(s3: Any, bucket: S3Uri, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = put(s3, bucket, tar(members(MODEL)))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(UnavailableError, match=r"0 MB are free; free space"):
        download(s3, archive, tmp_path)
    assert list(tmp_path.iterdir()) == []
