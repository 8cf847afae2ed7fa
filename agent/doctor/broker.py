"""Can the station talk to its broker: name, network, TLS, MQTT, its own topics?"""

from __future__ import annotations

import queue
import secrets
import socket
import ssl
import time
from typing import Any

from agent.doctor.finding import Finding
from agent.settings import AgentSettings
from bintally.brokers import BrokerAccess, broker_access
from bintally.errors import UnavailableError
from bintally.topics import Station

_CONNECT_S = 3.0
_SOON_S = 30 * 86_400
"""A certificate that ends within this time should be renewed now."""


def check_broker(settings: AgentSettings) -> Finding:
    """Connect as the agent would, under another client id, and subscribe to the station's topics; nothing is published."""
    access = access_of(settings)
    try:
        ends_at = _reach(access)
        _log_in(access, Station(settings.site, settings.station))
    except OSError as error:
        raise UnavailableError(f"{access.url}: {access.failed(error)}") from error
    text = f"{access.url}: connected{'' if access.user is None else f' as {access.user}'}, grants its subscriptions"
    if ends_at is None:
        return Finding("broker", "ok", text)
    text += f", its certificate ends {time.strftime('%Y-%m-%d', time.gmtime(ends_at))}"
    if ends_at < time.time() + _SOON_S:
        return Finding("broker", "warning", text, "Renew the broker's certificate before that day")
    return Finding("broker", "ok", text)


def access_of(settings: AgentSettings) -> BrokerAccess:
    """What the settings say of the broker.

    Raises:
        UsageError: they do not fit together.
        InputError: a file is not what it must be.
    """
    return broker_access(
        settings.broker,
        settings.broker_user,
        settings.broker_password_file,
        settings.broker_ca,
        settings.broker_certificate,
        settings.broker_key,
        settings.broker_alpn,
    )


def _reach(access: BrokerAccess) -> float | None:
    """Connect, and shake hands where TLS is asked for.

    Returns:
        When the broker's certificate ends, seconds since 1970; None without TLS.
    """
    address = access.address
    with socket.create_connection((address.host, address.port), _CONNECT_S) as connection:
        if access.tls is None:
            return None
        with access.tls.wrap_socket(connection, server_hostname=address.host) as encrypted:
            return float(ssl.cert_time_to_seconds(str((encrypted.getpeercert() or {})["notAfter"])))


def _log_in(access: BrokerAccess, station: Station) -> None:
    """Connect by MQTT 5 and subscribe.

    Raises:
        UnavailableError: the broker refuses one of them.
        OSError: no connection.
    """
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.subscribeoptions import SubscribeOptions

    answers: queue.Queue[tuple[str, Any]] = queue.Queue()
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"bintally-doctor-{secrets.token_hex(4)}",
        protocol=mqtt.MQTTv5,
        transport=access.address.transport,
        reconnect_on_failure=False,
    )
    client.on_connect = lambda _, __, ___, reason, ____: answers.put(("connected", reason))
    client.on_disconnect = lambda _, __, ___, reason, ____: answers.put(("closed", reason))
    client.on_subscribe = lambda _, __, ___, reasons, ____: answers.put(("subscribed", reasons))
    client.connect_timeout = _CONNECT_S
    access.prepare(client)
    client.connect(access.address.host, access.address.port)
    client.loop_start()
    try:
        reason = _answer(answers, "connected", access)
        if reason.is_failure:
            raise UnavailableError(f"{access.url}: {access.refused(str(reason))}")
        topics = _topics(station)
        client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])
        reasons = _answer(answers, "subscribed", access)
        refused = [topic for topic, reason in zip(topics, reasons, strict=True) if reason.is_failure]
        if refused:
            raise UnavailableError(f"{access.url}: does not let this station read {', '.join(refused)}; correct its access list")
    finally:
        client.disconnect()
        client.loop_stop()


def _topics(station: Station) -> list[str]:
    """What an agent listens to."""
    own = [station.topic(kind) for kind in ("ack", "state", "config/desired")]
    return own + [station.all_named(kind) for kind in ("cmd", "expected")]


def _answer(answers: queue.Queue[tuple[str, Any]], wanted: str, access: BrokerAccess) -> Any:
    try:
        kind, answer = answers.get(timeout=_CONNECT_S)
    except queue.Empty:
        raise UnavailableError(f"{access.url}: something listens there that does not answer MQTT; check host and port") from None
    if kind != wanted:
        raise UnavailableError(f"{access.url}: {access.closed(str(answer))}")
    return answer
