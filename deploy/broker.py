"""An embedded MQTT 5 broker (iotcore, which is rumqttd in a wheel) on a loopback port.

    python -m deploy.broker --port 1883

It prints ``ready <port>`` and runs until it is stopped. For production use a broker with TLS and access lists, such as Mosquitto.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

_CONFIG = """
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v5.loopback]
name = "loopback"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.loopback.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 500
dynamic_filters = true
"""
_START_TIMEOUT_S = 10.0


def main() -> int:
    """Run the broker; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.broker", description="An embedded MQTT 5 broker on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one (default)")
    parser.add_argument(
        "--end-with-stdin", action="store_true", help="end when standard input closes, so as not to outlive a parent that was killed"
    )
    options = parser.parse_args()
    if not 0 <= options.port < 65536:
        parser.error("--port must be from 0 to 65535")

    from iotcore.iotcore import IotCoreBroker

    try:
        port = _claim(options.port)
    except OSError as error:
        print(f"deploy.broker: port {options.port} on 127.0.0.1 cannot be used ({error.strerror}); choose another --port", file=sys.stderr)
        return 1
    if options.end_with_stdin:
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    threading.Thread(target=_say_ready, args=(port,), name="ready", daemon=True).start()
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # it logs each closed connection as an error
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "broker.toml"
        config.write_text(_CONFIG.format(port=port))
        broker = IotCoreBroker(config_path=str(config))
    with contextlib.suppress(KeyboardInterrupt):
        broker.run_forever()
    return 0


def _claim(port: int) -> int:
    """Make sure that the port is free, or find one that is."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        number: int = probe.getsockname()[1]
        return number


def _say_ready(port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
        except OSError:
            time.sleep(0.05)
        else:
            print(f"ready {port}", flush=True)
            return
    print(f"deploy.broker: no answer on port {port} within {_START_TIMEOUT_S:.0f} s", file=sys.stderr, flush=True)
    os._exit(1)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()  # returns when the parent closes its end of the pipe
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
