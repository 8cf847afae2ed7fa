"""One bucket of an S3-compatible store: what comes from it is checked, and what may pass is tried again."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3  # type: ignore[import-untyped]
from botocore import UNSIGNED, exceptions  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from bintally.errors import UnavailableError, UsageError

LARGEST_BYTES = 64 << 20
"""A photograph of the data set has some 50 kB; what is larger than this is something else and would fill the memory."""

_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 10.0, 30.0
_BUSY = {"SlowDown", "Throttling", "ThrottlingException", "RequestTimeout", "TooManyRequests", "BadDigest", "IncompleteBody"}
_PASSING = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError, exceptions.FlexibleChecksumError)
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.ProfileNotFound,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
)
T = TypeVar("T")


class NotThereError(UnavailableError):
    """The bucket has no such object."""


class FaultyError(UnavailableError):
    """One object could not be had or stored, after every attempt; others may."""


class _DamagedError(Exception):
    """A body is not what its headers promise."""


@dataclass(frozen=True)
class Patience:
    """How often and how long to try again: full jitter below a limit that doubles up to a cap.

    Source:
        Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015.
    """

    attempts: int = 5
    first_s: float = 0.5
    longest_s: float = 8.0

    def delay_s(self, attempt: int) -> float:
        """How long to wait after an attempt; the first is number 1."""
        return random.uniform(0, min(self.longest_s, self.first_s * 2 ** (attempt - 1)))  # noqa: S311


@dataclass(frozen=True)
class Head:
    """What a store says of an object: its size, its ETag without quotes, and the metadata that its writer gave it."""

    size_bytes: int
    etag: str
    notes: dict[str, str]


class Bucket:
    """A bucket; every method may be called from any thread.

    Args:
        name: the bucket's.
        endpoint_url: of an S3-compatible store, None for AWS.
        region: None for the one of the user's own settings.
        signed: with the user's credentials; unsigned otherwise.
        connections: how many calls there are at a time.
        stop: once it is set, nothing is tried again.
        patience: how often to try.

    Raises:
        UsageError: endpoint, region or name are not of the right form.
        UnavailableError: the user's credentials cannot be read.
    """

    def __init__(
        self,
        name: str,
        *,
        endpoint_url: str | None,
        region: str | None,
        signed: bool,
        connections: int,
        stop: threading.Event,
        patience: Patience = Patience(),
    ) -> None:
        self.name, self._signed, self._stop, self._patience = name, signed, stop, patience
        self.where = f"s3://{name}" + (f" at {endpoint_url}" if endpoint_url else "")
        config = Config(
            signature_version=None if signed else UNSIGNED,
            max_pool_connections=connections,
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            retries={"total_max_attempts": 1},  # a body that breaks off is outside botocore's own attempts, so all are made here
        )
        try:
            self._client = boto3.session.Session().client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        except exceptions.BotoCoreError as error:
            raise self._failure(error, self.where) from error
        except ValueError as error:
            raise UsageError(f"{self.where}: {error}; an endpoint looks like https://host:port") from error

    def check(self) -> None:
        """Find out whether the bucket is there and may be listed.

        Without the right to list, S3 answers 403 for a missing object, which could not be told from a forbidden one.

        Raises:
            UnavailableError: it is missing, forbidden or out of reach, or there are no credentials.
            UsageError: its name is not of the right form.
        """
        self._persist(self.where, lambda: self._client.list_objects_v2(Bucket=self.name, MaxKeys=1))

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix, page by page; ends early when ``stop`` is set."""
        more: dict[str, str] = {}
        while True:
            page = self._persist(self.where, lambda: self._client.list_objects_v2(Bucket=self.name, Prefix=prefix, **more))  # noqa: B023
            yield from (entry["Key"] for entry in page.get("Contents", ()))
            if not page.get("IsTruncated") or self._stop.is_set():
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def get(self, key: str, unless_md5: str | None = None) -> bytes | None:
        """One object's content, checked: its length, its MD5 where the ETag is one, and the checksums that the store holds.

        Args:
            key: the object's.
            unless_md5: content that need not be sent again.

        Returns:
            The content, or None where it is the one that ``unless_md5`` names.

        Raises:
            NotThereError: there is no such object.
            FaultyError: it is refused, or came damaged or not at all in every attempt.
            UnavailableError: the bucket is gone.
        """
        return self._persist(f"s3://{self.name}/{key}", lambda: self._get(key, unless_md5))

    def _get(self, key: str, unless_md5: str | None) -> bytes | None:
        condition = {} if unless_md5 is None else {"IfNoneMatch": f'"{unless_md5}"'}
        try:
            answer = self._client.get_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED", **condition)
        except exceptions.ClientError as error:
            if _status(error) == 304:
                return None
            raise
        expected_bytes, expected_md5 = answer.get("ContentLength"), _md5_in(answer)
        with closing(answer["Body"]) as body:
            if expected_bytes is None or expected_bytes > LARGEST_BYTES:
                raise FaultyError(f"s3://{self.name}/{key}: {expected_bytes or 'endless'} bytes are too many for a photograph")
            content: bytes = body.read()
        if len(content) != expected_bytes:
            raise _DamagedError(f"{len(content)} bytes came instead of {expected_bytes}")
        if expected_md5 is not None and md5_of(content) != expected_md5:
            raise _DamagedError(f"MD5 is {md5_of(content)} instead of {expected_md5}")
        return content

    def head(self, key: str) -> Head | None:
        """What is known of an object, None where there is none; raises as ``check`` does."""
        try:
            answer = self._persist(f"s3://{self.name}/{key}", lambda: self._client.head_object(Bucket=self.name, Key=key))
        except NotThereError:
            return None
        return Head(answer["ContentLength"], answer["ETag"].strip('"'), answer.get("Metadata", {}))

    def put(self, key: str, content: bytes, notes: dict[str, str]) -> None:
        """Store an object with metadata of its own; the store compares its MD5. Raises as ``check`` does, or FaultyError."""
        digest = base64.b64encode(bytes.fromhex(md5_of(content))).decode()
        self._persist(
            f"s3://{self.name}/{key}",
            lambda: self._client.put_object(Bucket=self.name, Key=key, Body=content, ContentMD5=digest, Metadata=notes),
        )

    def _persist(self, what: str, call: Callable[[], T]) -> T:
        attempt = 1
        while True:
            try:
                return call()
            except (exceptions.ClientError, exceptions.BotoCoreError, _DamagedError) as error:
                done = attempt == self._patience.attempts or not _may_pass(error)
                if done or self._stop.wait(self._patience.delay_s(attempt)):
                    raise self._failure(error, what) from error
            attempt += 1

    def _failure(self, error: Exception, what: str) -> UnavailableError | UsageError:
        if isinstance(error, exceptions.ClientError):
            return self._refusal(error, what)
        if isinstance(error, _NO_CREDENTIALS):
            return UnavailableError(
                f"{what}: no usable credentials ({error}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            )
        if isinstance(error, (exceptions.ParamValidationError, exceptions.ValidationError)):
            return UsageError(f"{what}: {' '.join(str(error).split())}")
        if _may_pass(error):
            return FaultyError(f"{what}: {error}; check the network and the endpoint, then run the same command again")
        return UnavailableError(f"{what}: {error}")

    def _refusal(self, error: Any, what: str) -> UnavailableError:
        status, said = _status(error), error.response.get("Error", {})
        reason = f"{status} {said.get('Code', '')} {said.get('Message', '')}".strip()
        if said.get("Code") == "NoSuchBucket" or (status == 404 and what == self.where):
            return UnavailableError(f"{self.where}: there is no such bucket; check its name, region and endpoint")
        if status == 404:
            return NotThereError(f"{what}: is not there")
        if _may_pass(error):
            return FaultyError(f"{what}: the store answers {reason}; run the same command again later")
        if self._signed:
            return UnavailableError(f"{what}: the store refuses ({reason}); check the credentials and their rights to list, read and write")
        return FaultyError(f"{what}: the store refuses unsigned reading ({reason}); check the bucket's name, or ask its owner")


def md5_of(content: bytes) -> str:
    """MD5 in hexadecimal, as the ETag of an object that was stored in one piece."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _md5_in(answer: dict[str, Any]) -> str | None:
    """The MD5 in an answer's ETag; None where the object was stored in parts or is encrypted with a key, and the ETag is none."""
    etag = answer.get("ETag", "").strip('"')
    encrypted = answer.get("ServerSideEncryption", "").startswith("aws:kms") or "SSECustomerAlgorithm" in answer
    return etag if re.fullmatch("[0-9a-f]{32}", etag) and not encrypted else None


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _may_pass(error: Exception) -> bool:
    if isinstance(error, exceptions.ClientError):
        return _status(error) in (408, 429) or _status(error) >= 500 or error.response.get("Error", {}).get("Code") in _BUSY
    return isinstance(error, (*_PASSING, _DamagedError))
