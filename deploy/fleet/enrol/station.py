"""What a station is given: one archive with its settings, its certificate and key, and the script that installs them."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bintally.brokers import broker_address
from bintally.errors import InputError, UsageError
from bintally.topics import Station

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETTINGS, AUTHORITY, CERTIFICATE, KEY, ROOT, TOKEN = "station.toml", "ca.pem", "station.crt", "station.key", "root.json", "page.token"
ETC = "/etc/bintally"
"""Where the script puts them; the settings say so."""
SYSTEMD = Path(__file__).parents[2] / "systemd"
_PROGRAMS = {"install.sh": 0o755, "bintally-agent.service": 0o644}
_MODES = {KEY: 0o600, TOKEN: 0o600, **_PROGRAMS}
_MAX_TEMPLATE_BYTES = 2**20


@dataclass(frozen=True)
class Wishes:
    """What a station's settings are to say besides its certificate.

    Attributes:
        broker: its URL, ``mqtts://…``.
        given: settings by name, such as ``source`` and ``bin``.
        template: more settings, as TOML text, that every station of a site shares.
        root: the update repository's root metadata, for a station that takes updates.
        page_token: what the station's page asks for, which then others in the network can reach, such as Prometheus.
    """

    broker: str
    given: dict[str, str] = field(default_factory=dict)
    template: str = ""
    root: bytes | None = None
    page_token: bytes | None = None


def settings_text(station: Station, wishes: Wishes) -> str:
    """A station's settings, in TOML.

    Raises:
        UsageError: the broker's URL is none with TLS, or the template sets what is the station's own.
        InputError: the template is no TOML.
    """
    if not broker_address(wishes.broker).tls:
        raise UsageError(f"{wishes.broker}: certificates need TLS; give --broker mqtts://HOST")
    own: dict[str, str] = {
        "site": station.site,
        "station": station.station,
        "broker": wishes.broker,
        "broker_ca": f"{ETC}/{AUTHORITY}",
        "broker_certificate": f"{ETC}/{CERTIFICATE}",
        "broker_key": f"{ETC}/{KEY}",
        "state_dir": "/var/lib/bintally",
        **({"updates_root": f"{ETC}/{ROOT}"} if wishes.root is not None else {}),
        **({"page_token_file": f"{ETC}/{TOKEN}"} if wishes.page_token is not None else {}),
        **wishes.given,
    }
    shared = _template(wishes.template)
    if twice := sorted(set(own) & set(shared)):
        raise UsageError(f"the template sets {', '.join(twice)}, which is each station's own or was given as an option; take it out there")
    page = "127.0.0.1:8480" if wishes.page_token is None else "0.0.0.0:8480"
    own = {**{name: value for name, value in {"source": "0", "page": page}.items() if name not in shared}, **own}
    lines = [f"{name} = {_quoted(value)}" for name, value in own.items()]
    return "\n".join(
        ["# made by 'bintally fleet enroll'; 'bintally agent run --help' tells what each one is", *lines, wishes.template.strip(), ""]
    )


def archive(folder: str, files: dict[str, bytes]) -> bytes:
    """All files of a station in one ``tar.gz``, with the programs that install them.

    Args:
        folder: the name of the only folder in it.
        files: name → content.
    """
    packed = io.BytesIO()
    content = {**files, **{name: (SYSTEMD / name).read_bytes() for name in _PROGRAMS}}
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in sorted(content):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode = len(content[name]), _MODES.get(name, 0o644)
            tar.addfile(entry, io.BytesIO(content[name]))
    return gzip.compress(packed.getvalue(), mtime=0)


def archived(data: bytes, name: str) -> bytes | None:
    """One file of an archive; None where there is none, or it is no archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
            for entry in tar:
                if Path(entry.name).name == name and entry.isfile():
                    found = tar.extractfile(entry)
                    return None if found is None else found.read()
    except (tarfile.TarError, OSError, EOFError):
        pass
    return None


def _template(text: str) -> dict[str, Any]:
    if len(text) > _MAX_TEMPLATE_BYTES:
        raise InputError("the template is larger than any settings; give another file")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the template is no TOML ({str(error)[:200]}); correct it") from error


def _quoted(text: str) -> str:
    """A TOML string: JSON's, but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
