"""Addresses in buckets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bintally.errors import UsageError

_FORM = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True)
class S3Uri:
    """A bucket and a key, or the part that keys begin with."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> S3Uri:
        """Read ``s3://bucket/key``.

        Raises:
            UsageError: it has another form.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise UsageError(f"{text!r}: must look like s3://bucket/folder")
        return cls(found[1], found[2] or "")

    def folder(self) -> S3Uri:
        """With a slash at the end: keys that begin with ``data`` alone may also be those of ``data-old``."""
        return self if not self.key or self.key.endswith("/") else S3Uri(self.bucket, f"{self.key}/")

    def __truediv__(self, name: str) -> S3Uri:
        return S3Uri(self.bucket, self.folder().key + name)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"
