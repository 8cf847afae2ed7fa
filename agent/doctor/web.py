"""Is the page's port free, and does the evidence's address answer?"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from agent.doctor.finding import Finding
from agent.doctor.storage import agent_of, state_dir
from agent.settings import AgentSettings
from bintally.errors import InputError, UnavailableError, UsageError

_ANSWER_S = 5.0


def check_page(settings: AgentSettings) -> Finding:
    """Can the page listen where it shall?"""
    from agent.page.address import parse_address, read_token, refuse_open

    if settings.page is None:
        return Finding("page", "skipped", "none is set (--page 127.0.0.1:8480 shows one)")
    host, port = parse_address(settings.page)
    refuse_open(host, None if settings.page_token_file is None else read_token(settings.page_token_file.expanduser()))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
    except OSError as error:
        agent = agent_of(state_dir(settings)) if error.errno == errno.EADDRINUSE else None
        if agent is not None:
            return Finding("page", "ok", f"{settings.page} is in use, as the running agent (process {agent}) may well do")
        raise UnavailableError(
            f"{settings.page}: cannot listen there ({error.strerror}); choose another port with --page, or stop what uses it"
        ) from error
    return Finding("page", "ok", f"{settings.page} is free{'' if settings.page_token_file is None else ', and asks for a token'}")


def check_evidence(settings: AgentSettings) -> Finding:
    """Does the server that kept frames go to answer, and take the token? It is asked for its folder's head; nothing is sent."""
    url = settings.evidence_url
    if url is None:
        return Finding("evidence", "skipped", "frames of doubtful counts stay here: no --evidence-url is set")
    token = None if settings.evidence_token_file is None else _token(settings.evidence_token_file.expanduser())
    status = _head(url, token)
    if status in (401, 403):
        raise UnavailableError(f"{url}: answers {status}, so it does not take the token; check --evidence-token-file")
    if status >= 500:
        return Finding("evidence", "warning", f"{url}: answers {status}", "Look at that server: frames wait here until it is well")
    return Finding("evidence", "ok", f"{url}: reachable{'' if token is None else ' with the token'}")


def _head(url: str, token: str | None) -> int:
    """The status of HEAD.

    Raises:
        UsageError: the URL has another form.
        UnavailableError: no answer.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"evidence_url = {url!r}: no address of the web; it must look like https://host/folder")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, port, timeout=_ANSWER_S)
    try:
        connection.request("HEAD", parts.path or "/", headers={} if token is None else {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    except ssl.SSLCertVerificationError as error:
        raise UnavailableError(
            f"{url}: its certificate is not trusted ({error.verify_message}); check the clock, and give the server a certificate that is"
        ) from error
    except socket.gaierror as error:
        raise UnavailableError(f"{url}: the name is not known here ({error.strerror}); check it and this device's DNS") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnavailableError(f"{url}: no answer ({error}); check the address, the network, and that the server runs") from error
    finally:
        connection.close()


def _token(path: Path) -> str:
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: the token cannot be read ({getattr(error, 'strerror', 'no text')}); check --evidence-token-file"
        ) from error
    if not token or not token.isascii() or not token.isprintable():
        raise InputError(f"{path}: must hold one token of ASCII characters; write it into the file again")
    return token
