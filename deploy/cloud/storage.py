"""Files to a bucket and back: what is there already is not sent again, and nothing counts as there before its checksum agrees."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.files import make_folder, write_with
from deploy.cloud.aws import translated
from deploy.cloud.items import Item
from deploy.cloud.progress import Progress
from deploy.cloud.uri import S3Uri

_PART_BYTES = 64 << 20
_SHA256 = "sha256"


@dataclass(frozen=True)
class Uploaded:
    """What an upload did."""

    files: int
    sent: int
    sent_bytes: int


@dataclass(frozen=True)
class _Present:
    size_bytes: int
    etag: str


def upload(s3: Any, found: Sequence[Item], target: S3Uri, kms_key: str | None = None, workers: int = 16) -> Uploaded:
    """Send what is not yet in the bucket, several at once, the last item alone at the end; then check that all is there.

    Args:
        s3: client with as many connections as workers.
        found: what is to be there.
        target: the folder above them.
        kms_key: for encryption at rest; the bucket's own way by default.
        workers: how many are sent at once.

    Raises:
        InputError: the bucket is not there, or a file cannot be read.
        UnavailableError: AWS forbids it or does not answer, or something was corrupted on its way; the same command goes on.
    """
    progress = Progress(f"{target}:", sum(item.size_bytes for item in found))
    present = _listing(s3, target)
    put = partial(_put_if_missing, s3, target, present, kms_key, progress)
    checked: dict[Item, tuple[str, str]] = {}
    sent: list[Item] = []

    def keep(item: Item, outcome: tuple[tuple[str, str], bool]) -> None:
        checked[item], was_sent = outcome
        if was_sent:
            sent.append(item)

    with ThreadPoolExecutor(workers, "upload") as pool:
        futures = {pool.submit(put, item): item for item in found[:-1]}
        try:
            for future in as_completed(futures):
                keep(futures[future], future.result())
        finally:
            pool.shutdown(cancel_futures=True)
    keep(found[-1], put(found[-1]))
    progress.end()
    if sent:
        present = _listing(s3, target)
        wrong = [item for item, digests in checked.items() if not _is_there(s3, target, present, item, digests)]
        if wrong:
            raise UnavailableError(
                f"{target / wrong[0].name}: is not in the bucket as it is here, and so are {len(wrong) - 1} others; run the same command again"
            )
    return Uploaded(len(found), len(sent), sum(item.size_bytes for item in sent))


def _put_if_missing(
    s3: Any, target: S3Uri, present: dict[str, _Present], kms_key: str | None, progress: Progress, item: Item
) -> tuple[tuple[str, str], bool]:
    digests = item.digests()
    if _is_there(s3, target, present, item, digests):
        progress.add(item.size_bytes)
        return digests, False
    from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]

    # S3 refuses what does not have the checksum that is sent along; our own sum answers for objects whose ETag is no MD5.
    extra = {"ChecksumAlgorithm": "SHA256", "Metadata": {_SHA256: digests[1]}}
    extra |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
    config = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False)
    at = target / item.name
    with item.open() as stream, translated(str(at)):
        s3.upload_fileobj(stream, at.bucket, at.key, ExtraArgs=extra, Config=config, Callback=progress.add)
    return digests, True


def _listing(s3: Any, target: S3Uri) -> dict[str, _Present]:
    """Everything below a folder, by name."""
    prefix = target.folder().key
    with translated(f"s3://{target.bucket}"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=prefix)
        return {
            entry["Key"][len(prefix) :]: _Present(entry["Size"], entry["ETag"].strip('"'))
            for page in pages
            for entry in page.get("Contents", [])
        }


def _is_there(s3: Any, target: S3Uri, present: dict[str, _Present], item: Item, digests: tuple[str, str]) -> bool:
    there = present.get(item.name)
    if there is None or there.size_bytes != item.size_bytes:
        return False
    if there.etag == digests[0]:
        return True
    at = target / item.name
    with translated(str(at)):
        head = s3.head_object(Bucket=at.bucket, Key=at.key)
    return not _etag_is_md5(head) and head["Metadata"].get(_SHA256) == digests[1]


def _etag_is_md5(head: dict[str, Any]) -> bool:
    """Whether the ETag is the content's MD5.

    Source:
        Amazon S3 API Reference, Object: not for objects in parts, nor for those that are encrypted with KMS.
    """
    return "-" not in head["ETag"] and not head.get("ServerSideEncryption", "").startswith("aws:kms") and "SSECustomerAlgorithm" not in head


def require(s3: Any, uri: S3Uri) -> None:
    """Raise unless there is something at an address, before a job is started that would fail for want of it."""
    with translated(f"s3://{uri.bucket}"):
        answer = s3.list_objects_v2(Bucket=uri.bucket, Prefix=uri.key, MaxKeys=1)
    if not answer.get("KeyCount"):
        raise InputError(f"{uri}: there is nothing; 'bintally cloud upload' puts data there")


def require_bucket(s3: Any, uri: S3Uri) -> None:
    """Raise unless there is such a bucket, and we may see it."""
    with translated(f"s3://{uri.bucket}"):
        s3.head_bucket(Bucket=uri.bucket)


def download(s3: Any, archive: S3Uri, out: Path) -> list[Path]:
    """Fetch a job's ``model.tar.gz``, check it and unpack it; a file that is there already is never replaced.

    Raises:
        InputError: there is no such object, or it holds what a training job does not write.
        UnavailableError: AWS or the disk do not answer, the disk is full, or the archive was corrupted on its way.
        UsageError: ``out`` holds such a file already.
    """
    make_folder(out)
    try:
        with tempfile.TemporaryDirectory(dir=out, prefix=".download-") as scratch:
            path = Path(scratch) / "model.tar.gz"
            _fetch(s3, archive, path)
            return unpack(path, out, str(archive))
    except OSError as error:
        raise UnavailableError(f"{out}: cannot be written ({error.strerror or error}); free space or choose another folder") from error


def _fetch(s3: Any, source: S3Uri, path: Path) -> None:
    with translated(str(source)):
        head = s3.head_object(Bucket=source.bucket, Key=source.key)
        size: int = head["ContentLength"]
        free = shutil.disk_usage(path.parent).free
        if size > free:
            raise UnavailableError(
                f"{path.parent.parent}: {source} has {size / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free; free space"
            )
        progress = Progress(f"{source}:", size)
        s3.download_file(source.bucket, source.key, str(path), Callback=progress.add)
        progress.end()
    if path.stat().st_size != size or (_etag_is_md5(head) and _md5(path) != head["ETag"].strip('"')):
        raise UnavailableError(f"{source}: was corrupted on its way; run the same command again")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def unpack(archive: Path, out: Path, name: str) -> list[Path]:
    """Unpack a checked archive of plain files; all of it is checked before the first file is written.

    Args:
        archive: a tar file, compressed with gzip.
        out: folder for the files.
        name: of the archive in messages.

    Returns:
        The files.
    """
    _read_through(archive, name)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = [(member, _checked(member, out, name)) for member in tar if not member.isdir()]
            for _, path in members:
                if path.exists():
                    raise UsageError(f"{path}: is there already; choose another --out")
            _write_all(tar, members)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{name}: is no archive of a training job ({error})") from error
    if not members:
        raise InputError(f"{name}: the archive is empty; the job ended before its first epoch did")
    return [path for _, path in members]


def _read_through(archive: Path, name: str) -> None:
    """Compare gzip's own checksum, which stands at the very end, where tar does not look."""
    try:
        with gzip.open(archive) as stream:
            while stream.read(1 << 20):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{name}: is no whole gzip file ({error})") from error


def _checked(member: tarfile.TarInfo, out: Path, name: str) -> Path:
    parts = PurePosixPath(member.name).parts
    if not member.isreg() or not parts or ".." in parts or parts[0] == "/" or "\\" in member.name:
        raise InputError(f"{name}: holds {member.name!r}, which is no plain file below its folder; nothing of it was unpacked")
    return out.joinpath(*parts)


def _write_all(tar: tarfile.TarFile, members: Sequence[tuple[tarfile.TarInfo, Path]]) -> None:
    """All files or, on a full disk, none."""
    written: list[Path] = []
    try:
        for member, path in members:
            make_folder(path.parent)
            write_with(path, _writer(tar, member))
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _writer(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        stream = tar.extractfile(member)
        if stream is None:
            raise tarfile.TarError(f"{member.name} cannot be read")
        with stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)

    return write
