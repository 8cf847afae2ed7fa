"""The table of who may write and read what, against a real Mosquitto: what it answers, and what never arrives."""

from __future__ import annotations

import uuid
from itertools import product

import pytest

from bintally.topics import Station
from deploy.fleet.enrol import access
from tests.deploy.fleet.enrol.conftest import Plant
from tests.deploy.fleet.enrol.peer import NOT_AUTHORIZED, Files

# The design's table once more, by hand: topic, see topic_of → who may write, who may read.
DESIGN = {
    "count": ("station", "ledger fleet dashboard"),
    "bin/A-1": ("station", "station ledger fleet dashboard"),
    "state": ("station", "station ledger fleet dashboard"),
    "health": ("station", "ledger fleet dashboard"),
    "model/desired": ("fleet", "station fleet dashboard"),
    "model/reported": ("station", "fleet dashboard"),
    "config/desired": ("fleet", "station fleet dashboard"),
    "config/reported": ("station", "ledger fleet dashboard"),
    "cmd/recount": ("ledger fleet", "station dashboard"),
    "ack": ("ledger", "station dashboard"),
    "expected/A-1": ("ledger", "station ledger dashboard"),
    "answers/alice": ("station", "ledger fleet dashboard"),
    "discrepancy": ("ledger", "ledger fleet dashboard"),
    "nothing-of-the-table": ("", ""),
    "bin/A-1/deeper": ("", ""),
}
ROWS = [row for row, (writers, _) in DESIGN.items() if writers]
PARTIES = ("station", "neighbour", "ledger", "fleet", "dashboard")


@pytest.fixture
def ours() -> Station:
    return Station("berlin", f"pick-{uuid.uuid4().hex[:8]}")


def files_of(plant: Plant, party: str, ours: Station) -> Files:
    if party == "station":
        return plant.station(ours.site, ours.station)
    return plant.station(ours.site, "neighbour") if party == "neighbour" else plant.role(party)


def topic_of(ours: Station, row: str) -> str:
    """A row's topic: below the station's branch, but for those that are for all of a site or stand elsewhere."""
    if row == "discrepancy":
        return f"bintally/v1/{ours.site}/{row}"
    kind, _, rest = row.partition("/")
    return f"bintally/answers/{ours.source}/{rest}" if kind == "answers" else f"bintally/v1/{ours.source}/{row}"


def test_every_row_that_the_broker_gets_is_tried_here() -> None:
    tried = {topic_of(Station("+", "+"), row.replace("A-1", "+").replace("recount", "+").replace("alice", "+")) for row in ROWS}
    assert {row.topic.replace("{source}", "%2B/%2B") for row in access.ROWS} == {*tried, "$SYS/#"}


@pytest.mark.parametrize("row", ROWS)
def test_what_others_than_the_tables_writers_write_is_refused_and_reaches_nobody(plant: Plant, ours: Station, row: str) -> None:
    topic, control = topic_of(ours, row), uuid.uuid4().bytes
    writers = DESIGN[row][0].split()
    with plant.connect(plant.role("dashboard")) as witness, plant.connect(files_of(plant, writers[0], ours)) as writer:
        witness.subscribe(topic)
        for party in set(PARTIES) - set(writers):
            with plant.connect(files_of(plant, party, ours)) as forger:
                for qos, retain in product((0, 2), (False, True)):
                    forger.publish(topic, b"forged", qos=qos, retain=retain)
                # only QoS 1 is told the truth; its answer comes when the broker has dealt with the others, too
                assert {forger.publish(topic, b"forged", retain=retain) for retain in (False, True)} == {NOT_AUTHORIZED}, party
        with plant.connect(plant.role("dashboard")) as late:
            late.subscribe(topic)
            assert writer.publish(topic, control) < 0x80
            assert b"forged" not in [payload for _, payload in late.before(control)], "nothing of it is retained"
        assert witness.before(control) == []


@pytest.mark.parametrize("row", ROWS)
def test_the_tables_writers_may_write_a_row(plant: Plant, ours: Station, row: str) -> None:
    for party in DESIGN[row][0].split():
        with plant.connect(files_of(plant, party, ours)) as peer:
            assert [peer.publish(topic_of(ours, row), retain=retain) < 0x80 for retain in (False, True)] == [True, True], f"{party}"


@pytest.mark.parametrize("row", [row for row in DESIGN if row not in ROWS])
def test_what_is_in_no_row_nobody_may_write(plant: Plant, ours: Station, row: str) -> None:
    for party in PARTIES:
        with plant.connect(files_of(plant, party, ours)) as peer:
            assert peer.publish(topic_of(ours, row)) == NOT_AUTHORIZED, f"{party} writes {row}"


@pytest.mark.parametrize("row", ROWS)
def test_only_the_tables_readers_are_given_a_row(plant: Plant, ours: Station, row: str) -> None:
    writer = plant.connect(files_of(plant, DESIGN[row][0].split()[0], ours))
    station, fleet = plant.connect(files_of(plant, "station", ours)), plant.connect(plant.role("fleet"))
    topic = topic_of(ours, row)
    writer.publish(topic, b"retained", retain=True)
    for party in PARTIES:
        with plant.connect(files_of(plant, party, ours)) as reader:
            whose = Station(ours.site, "neighbour") if party == "neighbour" else ours
            end = topic_of(whose, "config/desired" if party in ("station", "neighbour") else "state")
            if row in end:
                end = topic_of(whose, "model/desired" if party in ("station", "neighbour") else "bin/end")
            assert reader.subscribe(topic) < 0x80
            reader.subscribe(end)
            assert writer.publish(topic, b"new") < 0x80
            # the broker takes one message after the other: what it delivers comes before what was published after its acknowledgement
            assert (fleet if "desired" in end else station).publish(end) < 0x80
            may = party in DESIGN[row][1].split()
            assert reader.until(end) == ([(topic, b"retained"), (topic, b"new")] if may else []), f"{party} reads {row}"
    for peer in (writer, station, fleet):
        peer.close()


@pytest.mark.parametrize("everything", ["#", "bintally/v1/#", "bintally/#", "+/+/+/+/count", "$share/group/bintally/v1/#"])
def test_a_station_that_subscribes_to_everything_is_given_its_own_alone(plant: Plant, ours: Station, everything: str) -> None:
    with plant.connect(files_of(plant, "station", ours)) as curious, plant.connect(plant.role("ledger")) as ledger:
        curious.subscribe(everything)
        curious.subscribe(topic_of(ours, "ack"))
        with plant.connect(files_of(plant, "neighbour", ours)) as neighbour:
            assert neighbour.publish("bintally/v1/berlin/neighbour/count") < 0x80
            assert neighbour.publish("bintally/answers/berlin/neighbour/me") < 0x80
        assert ledger.publish("bintally/v1/berlin/neighbour/ack") < 0x80
        assert ledger.publish("bintally/v1/berlin/discrepancy") < 0x80
        assert ledger.publish(topic_of(ours, "ack")) < 0x80
        assert curious.until(topic_of(ours, "ack")) == []


@pytest.mark.parametrize(("whose", "row", "arrives"), [("ours", "state", True), ("neighbour", "state", False), ("ours", "ack", False)])
def test_a_last_will_is_published_only_where_its_station_may_write(
    plant: Plant, ours: Station, whose: str, row: str, arrives: bool
) -> None:
    station = ours if whose == "ours" else Station(ours.site, f"other-{ours.station}")
    plant.station(station.site, station.station)
    with plant.connect(plant.role("dashboard")) as reader, plant.connect(plant.role("ledger")) as ledger:
        for topic in (topic_of(station, row), topic_of(ours, "expected/end")):
            reader.subscribe(topic)
        dying = plant.connect(files_of(plant, "station", ours), will=topic_of(station, row), client_id=f"dying-{ours.station}")
        # who takes over a session makes the broker publish the will of the one before, before it answers
        with plant.connect(files_of(plant, "station", ours), client_id=f"dying-{ours.station}"):
            assert dying.closed.wait(30)
            ledger.publish(topic_of(ours, "expected/end"))
            assert reader.until(topic_of(ours, "expected/end")) == ([(topic_of(station, row), b"will")] if arrives else [])


def test_answers_to_commands_carry_the_name_of_the_station_that_gives_them(plant: Plant, ours: Station) -> None:
    answer = f"bintally/answers/{ours.source}/alice"
    station, neighbour = (plant.connect(files_of(plant, party, ours)) for party in ("station", "neighbour"))
    with station, neighbour, plant.connect(plant.role("fleet")) as asker:
        asker.subscribe(answer)
        assert neighbour.publish(answer, b"forged") == NOT_AUTHORIZED
        assert station.publish("replies/alice") == NOT_AUTHORIZED
        assert station.publish(answer, b"done") == 0
        assert asker.inbox.get(timeout=30) == (answer, b"done")


def test_the_brokers_own_figures_are_for_the_dashboard_alone(plant: Plant, ours: Station) -> None:
    for party in ("dashboard", "fleet", "station"):
        with plant.connect(files_of(plant, party, ours)) as peer, plant.connect(plant.role("fleet")) as fleet:
            end = topic_of(ours, "config/desired")
            peer.subscribe("$SYS/broker/version")  # retained, so it comes with the subscription
            peer.subscribe(end)
            fleet.publish(end)
            assert [topic for topic, _ in peer.until(end)] == (["$SYS/broker/version"] if party == "dashboard" else [])


@pytest.mark.parametrize("name", ["#", "+", "%u", "%c", "a/b", "ü", "$SYS", "role:ledger", "../neighbour", "neighbour/#"])
def test_a_station_gains_nothing_by_its_name(plant: Plant, name: str) -> None:
    odd = Station("berlin", name)
    with plant.connect(plant.station("berlin", name)) as station, plant.connect(plant.role("ledger")) as ledger:
        assert station.publish(odd.topic("count")) < 0x80
        for topic in (
            "bintally/v1/berlin/neighbour/count",
            "bintally/v1/berlin/neighbour/ack",
            odd.topic("ack"),
            f"bintally/v1/berlin/{name.rstrip('#+')}x/count",
        ):
            assert station.publish(topic) == NOT_AUTHORIZED
        station.subscribe("bintally/v1/berlin/neighbour/ack")
        station.subscribe(odd.topic("ack"))
        ledger.publish("bintally/v1/berlin/neighbour/ack")
        ledger.publish(odd.topic("ack"))
        assert station.until(odd.topic("ack")) == []


@pytest.mark.parametrize(
    "name", ["#", "+", "+/+", "berlin/#", "berlin/+", "ledger", "fleet", "role:", "role:ledger ", "ROLE:LEDGER", "berlin"]
)
def test_a_name_of_wildcards_or_almost_a_role_from_another_tool_gains_nothing(plant: Plant, name: str) -> None:
    with plant.connect(plant.anybody(name)) as stranger:
        for row in DESIGN:
            assert stranger.publish(topic_of(Station("berlin", "neighbour"), row)) == NOT_AUTHORIZED
