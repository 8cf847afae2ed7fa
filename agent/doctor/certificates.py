"""Are certificates in date, do keys fit, and are secrets kept from others?"""

from __future__ import annotations

import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

from agent.doctor.broker import access_of
from agent.doctor.finding import Finding
from agent.doctor.x509 import validities
from agent.settings import AgentSettings
from bintally.errors import InputError

NAME = "certificates"
_SOON = timedelta(days=30)


def check_certificates(settings: AgentSettings, now: datetime | None = None) -> Finding:
    """Look at every file that lets this station in somewhere, or others in here.

    Args:
        settings: of the agent.
        now: time of day; by default this machine's.
    """
    now = now or datetime.now(timezone.utc)
    certificates = [path for path in (settings.broker_ca, settings.broker_certificate) if path is not None]
    secrets = [
        path
        for path in (settings.broker_key, settings.broker_password_file, settings.evidence_token_file, settings.page_token_file)
        if path is not None
    ]
    if not certificates and not secrets:
        return Finding(NAME, "skipped", "no certificate, key, password or token is set")
    access_of(settings)
    ends = [(_in_date(path.expanduser(), now), path) for path in certificates]
    open_to_all = [path for path in secrets if _others_may_read(path.expanduser())]
    if open_to_all:
        names = " ".join(map(str, open_to_all))
        return Finding(NAME, "warning", f"every user of this device can read {names}", f"Keep it from them: chmod o-rwx {names}")
    if not ends:
        return Finding(NAME, "ok", f"{len(secrets)} secret{'s' if len(secrets) > 1 else ''}, kept from other users")
    end, path = min(ends)
    text = f"{path} ends {end:%Y-%m-%d}"
    if end < now + _SOON:
        return Finding(NAME, "warning", text, "Renew it before that day: afterwards the broker lets this station in no more")
    return Finding(NAME, "ok", f"{text}, and all else is in order")


def _in_date(path: Path, now: datetime) -> datetime:
    """When the first certificate of a file ends.

    Raises:
        InputError: one of them is over, or has not begun.
    """
    found = validities(path.read_text("ascii", errors="replace"), str(path))
    for begin, end in found:
        if now < begin:
            raise InputError(f"{path}: valid only from {begin:%Y-%m-%d %H:%M} UTC; set the clock, or wait")
        if end < now:
            raise InputError(f"{path}: ended {end:%Y-%m-%d}; renew it")
    return min(end for _, end in found)


def _others_may_read(path: Path) -> bool:
    """Whether users outside the file's group may.

    Raises:
        InputError: it is not there, or not even this user may.
    """
    try:
        with path.open("rb"):
            return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path and its rights") from error
