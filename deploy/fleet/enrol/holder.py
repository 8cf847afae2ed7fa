"""Who a certificate is for: a station, a role, or a broker under its host names."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from bintally.errors import UsageError
from bintally.topics import Station
from deploy.fleet.enrol.access import ROLE_PREFIX, Role

MAX_COMMON_NAME = 64
"""Characters of a common name. Source: RFC 5280, appendix A.1, ub-common-name."""
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True)
class Holder:
    """What a certificate says about who holds it.

    Attributes:
        common_name: the user name at the broker: a station's source, ``role:…``, or a broker's first host.
        person: which of several that share a role, for people only; the broker does not look at it.
        hosts: a broker's names and addresses; none for those who connect to it.
    """

    common_name: str
    person: str | None = None
    hosts: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """For its files; a station's ``/`` becomes ``.``, a role's prefix is left out."""
        return self.common_name.removeprefix(ROLE_PREFIX).replace("/", ".") + (f"-{self.person}" if self.person else "")


def station_holder(station: Station) -> Holder:
    """A station, named as in topics.

    Raises:
        UsageError: its source does not fit into a certificate, or it has a name that folders do not take.
    """
    source = station.source
    if len(source) > MAX_COMMON_NAME:
        raise UsageError(
            f"{source}: {len(source)} characters; a certificate's name has {MAX_COMMON_NAME} at most, and site and station with '/' are one, "
            "each byte other than letters, digits, '.', '_' and '-' three characters; choose shorter names"
        )
    return Holder(source)


def role_holder(role: Role, person: str | None = None) -> Holder:
    """A program or a person with a role.

    Raises:
        UsageError: the person's name is no word.
    """
    if person is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", person):
        raise UsageError(f"{person[:40]!r}: a name is 1 to 40 letters, digits, '.', '_' and '-', such as alice")
    return Holder(ROLE_PREFIX + role, person)


def broker_holder(hosts: tuple[str, ...]) -> Holder:
    """A broker, under every name and address that stations know it by.

    Raises:
        UsageError: one is neither a host name nor an address, or the first one is too long for a certificate.
    """
    hosts = tuple(dict.fromkeys(str(_address(host) or host.lower()) for host in hosts))
    for host in hosts:
        if _address(host) is None and not (len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))):
            raise UsageError(
                f"{host[:80]!r}: neither a host name (in ASCII) nor an IP address; without port and scheme, such as broker.lan"
            )
    if not hosts or len(hosts[0]) > MAX_COMMON_NAME:
        raise UsageError(f"a broker needs a host name, the first one of at most {MAX_COMMON_NAME} characters; give a shorter one first")
    return Holder(hosts[0], hosts=hosts)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
