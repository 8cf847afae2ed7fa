"""Mosquitto's configuration: mutual TLS, the access list, and limits with which nothing is dropped without a word.

Source: mosquitto.conf(5) of Mosquitto 2.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template

from bintally.errors import UsageError

ACCESS, AUTHORITY, CERTIFICATE, KEY, REVOKED, CONFIGURATION = "acl", "ca.pem", "broker.crt", "broker.key", "crl.pem", "mosquitto.conf"


@dataclass(frozen=True)
class Listening:
    """Where the broker listens and finds its files.

    Attributes:
        port: for mqtts.
        address: of the interface; None for all.
        files: the folder of certificates, key and access list, as the broker sees it.
        data: the folder of what it keeps over a restart.
        memory_mib: most memory; a client whose messages do not fit is disconnected, and knows.
        revocation: whether there is a list of certificates that were taken back.
    """

    port: int = 8883
    address: str | None = None
    files: str = "/etc/mosquitto/bintally"
    data: str = "/var/lib/mosquitto"
    memory_mib: int = 2048
    revocation: bool = True


_TEXT = Template("""\
# made by 'bintally fleet broker-config'; make it again rather than edit it

# Mutual TLS: who has no certificate of this authority, or one that it took back, gets no connection; the certificate's name is the user.
listener $where
cafile $files/$ca
certfile $files/$certificate
keyfile $files/$key
${revocation}tls_version tlsv1.2
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file $files/$acl

# A full queue is dropped from without a word, to a subscriber that is slow or away: a default Mosquitto lost 3,614 of 5,000 acknowledged
# messages so. Without limits nothing is dropped, and what bounds the queues is that stations begin with a clean session, that the ledger's
# ends five minutes after it went, and that those of others end after a day. (0 would be no limit, but Mosquitto 2.0.11 ends the connection
# of whom it refuses then.)
max_queued_messages 1000000000
max_queued_bytes 0
persistent_client_expiration 1d
# Past this much memory, those are disconnected whose message does not fit: they see that, and what was not acknowledged is sent again.
memory_limit $memory_bytes

# As many as the agent sends before it waits; by default a ledger would get 20 for each round trip.
max_inflight_messages 200
max_inflight_bytes 0
# The largest message is a snapshot of 256 KiB in an answer; more is a fault, and ends the connection.
max_packet_size 1048576
max_keepalive 120
set_tcp_nodelay true

# Retained messages (desired models, bins' states) outlast the broker.
persistence true
persistence_location $data/
autosave_interval 60

sys_interval 10
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
""")


def configuration(listening: Listening) -> str:
    """The text of ``mosquitto.conf``.

    Raises:
        UsageError: a path or address would not stay on its line.
    """
    for text in (listening.address or "", listening.files, listening.data):
        if set(text) & set("\r\n\0"):
            raise UsageError(f"{text!r}: a path or address in mosquitto.conf is one line; choose another")
    return _TEXT.substitute(
        where=f"{listening.port} {listening.address}" if listening.address else str(listening.port),
        files=listening.files,
        data=listening.data,
        memory_bytes=listening.memory_mib * 2**20,
        revocation=f"crlfile {listening.files}/{REVOKED}\n" if listening.revocation else "",
        ca=AUTHORITY,
        certificate=CERTIFICATE,
        key=KEY,
        acl=ACCESS,
    )
