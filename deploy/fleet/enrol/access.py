"""Who may write and read which topic: the design's table, once, and Mosquitto's access list made of it.

A station's user name is its ``source`` (``{site}/{station}``, percent-encoded), taken from its certificate, so Mosquitto's ``%u`` stands for the
branch that is its own. Encoded names hold no ``+``, ``#`` or ``/``: a station called ``#`` is ``%23``, and gains nothing by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from bintally.topics import PREFIX

Role = Literal["ledger", "fleet", "dashboard"]
"""Programs and people: the warehouse's ledger, the fleet's managers, and those that only look."""
Party = Literal["station", "ledger", "fleet", "dashboard"]
ROLES: tuple[Role, ...] = get_args(Role)
ROLE_PREFIX = "role:"
"""A colon is in no encoded name, so no site can be called like a role, and ``%u`` of a role names no station's branch."""
ANSWERS = "bintally/answers"
"""Answers to commands go to ``ANSWERS/{site}/{station}/{name}``: not below ``PREFIX``, where the agent refuses to answer, and signed by the
place, so that no station can answer for another one. One name, not ``#``: a certificate for ``{site}`` alone would reach all stations of it."""
_OWN, _ANY = "%u", "+/+"


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        topic: ``{source}`` stands for the station, ``+`` for a name at the end.
        writers: who may publish on it, also as a last will.
        readers: who gets what is published on it.
    """

    topic: str
    writers: frozenset[Party]
    readers: frozenset[Party]


def _row(topic: str, writers: str, readers: str) -> Row:
    known = {party: party for party in get_args(Party)}
    return Row(topic, frozenset(known[word] for word in writers.split()), frozenset(known[word] for word in readers.split()))


_STATION = f"{PREFIX}/{{source}}"
ROWS = (
    _row(f"{_STATION}/count", "station", "ledger fleet dashboard"),
    _row(f"{_STATION}/bin/+", "station", "station ledger fleet dashboard"),
    _row(f"{_STATION}/state", "station", "station ledger fleet dashboard"),
    _row(f"{_STATION}/health", "station", "ledger fleet dashboard"),
    _row(f"{_STATION}/model/desired", "fleet", "station fleet dashboard"),
    _row(f"{_STATION}/model/reported", "station", "fleet dashboard"),
    _row(f"{_STATION}/config/desired", "fleet", "station fleet dashboard"),
    _row(f"{_STATION}/config/reported", "station", "ledger fleet dashboard"),
    _row(f"{_STATION}/cmd/+", "ledger fleet", "station dashboard"),
    _row(f"{_STATION}/ack", "ledger", "station dashboard"),
    _row(f"{_STATION}/expected/+", "ledger", "station ledger dashboard"),
    _row(f"{ANSWERS}/{{source}}/+", "station", "ledger fleet dashboard"),
    _row(f"{PREFIX}/+/discrepancy", "ledger", "ledger fleet dashboard"),
    _row("$SYS/#", "", "dashboard"),
)


def access_list() -> str:
    """Mosquitto's ``acl_file``: what it does not allow is refused.

    Source: mosquitto.conf(5), ``acl_file``; patterns hold for every user, and those of a role lead nowhere (``ROLE_PREFIX``).
    """
    lines = ["# made by 'bintally fleet broker-config' from deploy/fleet/enrol/access.py; a station's name is in its certificate"]
    lines += _lines("pattern", "station", _OWN)
    for role in ROLES:
        lines += ["", f"user {ROLE_PREFIX}{role}", *_lines("topic", role, _ANY)]
    return "\n".join(lines) + "\n"


def _lines(word: str, party: Party, source: str) -> list[str]:
    found = []
    for row in ROWS:
        may = {(True, False): "write", (False, True): "read", (True, True): "readwrite"}.get((party in row.writers, party in row.readers))
        if may:
            found.append(f"{word} {may} {row.topic.replace('{source}', source)}")
    return found
