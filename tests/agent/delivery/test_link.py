"""The link: against real brokers that refuse, vanish, lie about who is alive, and come back."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.delivery.inbox import MAX_COMMANDS, MAX_STATES, Inbox
from agent.delivery.incoming import Incoming
from agent.delivery.link import MAX_PAUSE_S, MAX_RETAINED, Link, pause_s
from bintally.brokers import BrokerAccess, broker_access
from bintally.errors import UsageError
from bintally.messages import ModelName, State, new_epoch, parse_state
from bintally.topics import Station
from tests.conftest import free_port, require_program
from tests.fakes.certificates import Authority, make_authority
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt import Client
from tests.fakes.programs import Start, wait_until

Connect = Callable[..., Link]
MODEL = ModelName(name="m", version="1.0.0", digest="d")


@pytest.fixture
def connect(site: str) -> Iterator[Connect]:
    """Start a link; all of them end with the test."""
    links = []

    def connect(access: BrokerAccess | str, station: str = "s", session: str | None = None) -> Link:
        access = broker_access(access) if isinstance(access, str) else access
        links.append(Link(access, Station(site, station), session or new_epoch()))
        links[-1].start()
        return links[-1]

    yield connect
    for link in links:
        link.stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., Client]]:
    clients = []

    def listen(url: str, topic: str | None = None) -> Client:
        clients.append(Client(url, topic))
        return clients[-1]

    yield listen
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    require_program("openssl")
    return make_authority(tmp_path_factory.mktemp("certificates"))


def _comes_up(link: Link) -> None:
    wait_until(lambda: link.up, f"a connection ({link.problem})")
    assert link.problem is None


def _has_problem(link: Link, words: str) -> None:
    wait_until(lambda: words in (link.problem or ""), f"a problem with {words!r}, not {link.problem!r}")


def _tls(authority: Authority, alternative: str, more: str = "") -> str:
    certificate, key = authority.sign(f"broker-{new_epoch()}", alternative)
    return f"listener {{port}} 127.0.0.1\nallow_anonymous true\ncertfile {certificate}\nkeyfile {key}\n{more}"


def test_tls_with_the_right_authority_connects_and_with_another_says_why(
    start: Start, tmp_path: Path, authority: Authority, connect: Connect
) -> None:
    broker = Mosquitto(start, tmp_path, _tls(authority, "IP:127.0.0.1"))
    _comes_up(connect(broker_access(broker.url("mqtts"), ca=authority.certificate, alpn="mqtt")))
    stranger = make_authority(tmp_path, "stranger")
    untrusted = connect(broker_access(broker.url("mqtts"), ca=stranger.certificate))
    _has_problem(untrusted, "its certificate is not trusted")
    assert not untrusted.up
    _has_problem(connect(broker.url()), "it may want TLS (mqtts://)")


def test_a_broker_whose_certificate_is_for_another_name_is_not_believed(
    start: Start, tmp_path: Path, authority: Authority, connect: Connect
) -> None:
    broker = Mosquitto(start, tmp_path, _tls(authority, "DNS:elsewhere"))
    _has_problem(connect(broker_access(broker.url("mqtts"), ca=authority.certificate)), "its certificate is for another name")


def test_mutual_tls_lets_in_who_has_a_certificate_and_tells_the_others(
    start: Start, tmp_path: Path, authority: Authority, connect: Connect
) -> None:
    wants = f"cafile {authority.certificate}\nrequire_certificate true\n"
    broker = Mosquitto(start, tmp_path, _tls(authority, "IP:127.0.0.1", wants))
    certificate, key = authority.sign("station")
    _comes_up(connect(broker_access(broker.url("mqtts"), ca=authority.certificate, certificate=certificate, key=key)))
    without = connect(broker_access(broker.url("mqtts"), ca=authority.certificate))
    _has_problem(without, "certificate")
    assert not without.up


def test_tls_to_a_port_without_it_is_told(start: Start, tmp_path: Path, connect: Connect) -> None:
    _has_problem(connect(Mosquitto(start, tmp_path).url("mqtts")), "TLS fails")


def test_nobody_there_is_told(connect: Connect) -> None:
    _has_problem(connect(f"mqtt://127.0.0.1:{free_port()}"), "nothing listens there; check host and port")
    _has_problem(connect("mqtt://no-such-host.invalid"), "the name 'no-such-host.invalid' is not known here")


def test_a_wrong_password_is_told_and_the_right_one_lets_in(start: Start, tmp_path: Path, connect: Connect) -> None:
    passwords = tmp_path / "passwords"
    made = start(require_program("mosquitto_passwd"), "-b", "-c", str(passwords), "station", "right")
    assert made.wait() == 0
    broker = Mosquitto(start, tmp_path, f"listener {{port}} 127.0.0.1\npassword_file {passwords}\n")
    for word in ("right", "wrong"):
        (tmp_path / word).write_text(word + "\n")
    _comes_up(connect(broker_access(broker.url(), user="station", password_file=tmp_path / "right")))
    _has_problem(connect(broker_access(broker.url(), user="station", password_file=tmp_path / "wrong")), "it refuses user 'station'")
    _has_problem(connect(broker.url()), "it refuses a client without a user name")


def test_a_publication_that_the_access_list_refuses_is_told(start: Start, tmp_path: Path, connect: Connect, site: str) -> None:
    allowed = tmp_path / "acl"
    allowed.write_text(f"topic readwrite bintally/v1/{site}/s/state\ntopic read bintally/v1/{site}/s/#\n")
    broker = Mosquitto(start, tmp_path, f"listener {{port}} 127.0.0.1\nallow_anonymous true\nacl_file {allowed}\n")
    link = connect(broker.url())
    _comes_up(link)
    token = link.publish(link.station.topic("count"), b"{}")
    _has_problem(link, "it refuses what this station says (Not authorized)")
    taken = link.publish(link.station.topic("state"), b"{}")
    wait_until(lambda: (taken, True) in list(link.published.queue), "another message is taken")
    assert link.problem is not None, "a refusal stays told while all else is taken"
    assert link.up
    wait_until(lambda: (token, False) in list(link.published.queue), "the refusal")


def test_websockets(start: Start, tmp_path: Path, connect: Connect, listen: Callable[..., Client], site: str) -> None:
    config = f"listener {{port}} 127.0.0.1\nprotocol websockets\nlistener {(plain := free_port())} 127.0.0.1\nallow_anonymous true\n"
    broker = Mosquitto(start, tmp_path, config)
    states = listen(f"mqtt://127.0.0.1:{plain}", f"bintally/v1/{site}/s/state")
    link = connect(broker.url("ws"))
    _comes_up(link)
    assert parse_state(states.payload()).status == "online"
    _has_problem(connect(f"ws://127.0.0.1:{plain}"), "no connection")


@pytest.mark.parametrize("broker", ["embedded_broker", "mosquitto"])
def test_a_late_will_of_an_older_session_does_not_make_a_living_station_look_lost(
    broker: str, connect: Connect, listen: Callable[..., Client], request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(broker)
    old, new = "a" * 22, new_epoch()
    link = connect(url, session=new)
    _comes_up(link)
    topic = link.station.topic("state")
    states = listen(url, topic)
    assert parse_state(states.payload()).session == new
    will = State(status="lost", session=old, version="0", model=None)
    states.say(topic, will.model_dump_json().encode(), retain=True)
    said = [parse_state(states.payload()) for _ in range(2)]
    assert [(one.status, one.session) for one in said] == [("lost", old), ("online", new)]
    assert link.mail.past_sessions.get(timeout=10) == old
    newest = parse_state(listen(url, topic).payload())
    assert (newest.status, newest.session) == ("online", new)


def test_what_is_no_state_changes_nothing(mosquitto: str, connect: Connect, listen: Callable[..., Client]) -> None:
    link = connect(mosquitto)
    _comes_up(link)
    states = listen(mosquitto, link.station.topic("state"))
    assert parse_state(states.payload()).status == "online"
    states.say(link.station.topic("state"), b"[" * 5000)
    states.say(link.station.topic("state"), b"\xff")
    link.set_model(MODEL)
    assert [states.payload() for _ in range(2)] == [b"[" * 5000, b"\xff"]
    assert parse_state(states.payload()).model == MODEL
    assert link.up


def test_birth_model_and_clean_stop(mosquitto: str, connect: Connect, listen: Callable[..., Client], site: str) -> None:
    states = listen(mosquitto, f"bintally/v1/{site}/s/state")
    link = connect(mosquitto)
    assert parse_state(states.payload()).model is None
    link.set_model(MODEL)
    assert parse_state(states.payload()).model == MODEL
    link.stop()
    link.stop()
    assert parse_state(states.payload()).status == "stopped"
    assert states.payloads() == []
    assert parse_state(listen(mosquitto, f"bintally/v1/{site}/s/state").payload()).status == "stopped"


def test_retained_topics_are_said_on_every_connection_their_newest_payload_only(
    start: Start, tmp_path: Path, connect: Connect, listen: Callable[..., Client]
) -> None:
    broker = Mosquitto(start, tmp_path)
    broker.stop()
    link = connect(broker.url())
    topic, health = link.station.topic("config/reported"), link.station.topic("health")
    link.retain(topic, b"1")
    link.retain(topic, b"2")
    link.retain(health, b"old", expires_s=0.001, qos=0)
    broker.start()  # without persistence: it knows nothing any more
    _comes_up(link)
    link.retain(f"{topic}/after", b"3")
    heard = listen(broker.url(), f"{link.station.topic('config/reported')}/#")
    assert {one.topic: one.payload for one in (heard.message(), heard.message())} == {topic: b"2", f"{topic}/after": b"3"}
    broker.stop()
    wait_until(lambda: not link.up, "the loss is seen")
    assert "lost" in (link.problem or "") or "nothing listens" in (link.problem or "")
    link.retain(topic, b"4")
    assert not link.say(topic, b"not kept")
    broker.start()
    _comes_up(link)
    again = listen(broker.url(), f"bintally/v1/{link.station.source}/#")
    wanted = {link.station.topic("state"), topic, f"{topic}/after"}
    found = {one.topic: one.payload for one in (again.message(), again.message(), again.message())}
    assert set(found) == wanted
    assert found[topic] == b"4"
    assert again.payloads() == []


def test_only_who_takes_updates_listens_to_what_is_desired(site: str) -> None:
    access, station = broker_access("mqtt://127.0.0.1:1"), Station(site, "s")
    plain, updated = (Link(access, station, new_epoch(), updates=updates)._filters() for updates in (False, True))
    assert {name for name, _ in updated} - {name for name, _ in plain} == {station.topic("model/desired")}
    assert all(options.QoS == 1 for _, options in updated)


def test_retained_topics_are_bounded(connect: Connect) -> None:
    link = connect(f"mqtt://127.0.0.1:{free_port()}")
    for number in range(MAX_RETAINED):
        link.retain(str(number), b"")
    link.retain("0", b"again")
    with pytest.raises(UsageError, match="more than 1000 retained topics"):
        link.retain("one more", b"")


def test_a_command_comes_with_its_way_back_and_its_expiry(
    mosquitto: str, connect: Connect, listen: Callable[..., Client], site: str
) -> None:
    link = connect(mosquitto)
    _comes_up(link)
    listen(mosquitto, link.station.topic("state")).payload()  # the birth follows the subscriptions
    sender = listen(mosquitto, f"answers/{site}")
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.ResponseTopic, properties.CorrelationData, properties.MessageExpiryInterval = f"answers/{site}", b"\x00\xff", 60
    sender.say(link.station.named("cmd", "recount"), b"{}", properties)
    command = link.mail.inbox.get(timeout=10)
    assert (command.kind, command.name, command.payload, command.retained) == ("cmd", "recount", b"{}", False)
    assert (command.response_topic, command.correlation) == (f"answers/{site}", b"\x00\xff")
    assert command.expires_in_s is not None
    assert 55 < command.expires_in_s <= 60
    assert link.say(command.response_topic or "", b"yes", expires_s=30, correlation=command.correlation)
    answer = sender.message()
    assert (answer.payload, answer.properties.CorrelationData) == (b"yes", b"\x00\xff")  # type: ignore[union-attr]


def test_settings_and_expected_quantities_that_were_retained_arrive(
    mosquitto: str, connect: Connect, listen: Callable[..., Client], site: str
) -> None:
    station = Station(site, "s")
    warehouse = listen(mosquitto)
    warehouse.say(station.topic("config/desired"), b"config", retain=True)
    warehouse.say(station.named("expected", "bin 1/2"), b"five", retain=True)
    link = connect(mosquitto)
    found = [link.mail.inbox.get(timeout=10) for _ in range(2)]
    assert {(one.kind, one.name, one.payload, one.retained) for one in found} == {
        ("config/desired", None, b"config", True),
        ("expected", "bin 1/2", b"five", True),
    }


def test_a_full_inbox_drops_commands_and_keeps_the_newest_of_each_retained_topic() -> None:
    inbox = Inbox()
    for number in range(MAX_COMMANDS + 5):
        inbox.put(Incoming("cmd", "identify", b"%d" % number))
        inbox.put(Incoming("expected", f"bin-{number % 3}", b"%d" % number))
    states = [inbox.get_nowait() for _ in range(3)]
    assert {one.name: one.payload for one in states} == {"bin-0": b"102", "bin-1": b"103", "bin-2": b"104"}
    assert [inbox.get_nowait().payload for _ in range(MAX_COMMANDS)] == [b"%d" % number for number in range(MAX_COMMANDS)]
    with pytest.raises(queue.Empty):
        inbox.get_nowait()
    for number in range(MAX_STATES + 5):
        inbox.put(Incoming("expected", str(number), b""))
    assert inbox.qsize() == MAX_STATES


def test_pauses_grow_to_a_cap_and_no_two_stations_need_have_the_same() -> None:
    assert [pause_s(attempt, 1.0) for attempt in (0, 1, 2, 5, 10**6)] == [1.0, 2.0, 4.0, MAX_PAUSE_S, MAX_PAUSE_S]
    assert [pause_s(attempt, 0.0) for attempt in (0, 10)] == [0.5, MAX_PAUSE_S / 2]
