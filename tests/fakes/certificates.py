"""Certificates for tests, made by the openssl program."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Authority:
    """An authority that signs."""

    folder: Path
    certificate: Path
    key: Path

    def sign(self, name: str, alternative: str = "") -> tuple[Path, Path]:
        """A certificate and its key, for a name and perhaps an alternative one (``IP:127.0.0.1``)."""
        certificate, key, request = (self.folder / f"{name}.{ending}" for ending in ("crt", "key", "csr"))
        _openssl("req", "-new", *_NEW_KEY, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}")
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n" if alternative else "basicConstraints=CA:FALSE\n")
        signer = ("-CA", str(self.certificate), "-CAkey", str(self.key), "-CAcreateserial", "-extfile", str(extensions))
        _openssl("x509", "-req", "-in", str(request), *signer, "-out", str(certificate), "-days", "2")
        return certificate, key


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(folder: Path, name: str = "authority") -> Authority:
    """A new authority that nobody knows."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    ca = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={name}", *ca)
    return Authority(folder, certificate, key)


def encrypt(key: Path) -> Path:
    """The same key behind a passphrase."""
    out = key.with_suffix(".encrypted")
    _openssl("pkey", "-in", str(key), "-aes256", "-passout", "pass:secret", "-out", str(out))
    return out


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)
