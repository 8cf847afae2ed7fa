"""What ``deploy/`` holds besides programs: units, scripts, compose file, dashboards. Each is checked by its own tool where there is one."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from agent.health.metrics import Metrics
from agent.settings import AgentSettings
from bintally.cli import main
from deploy.connected import connected
from deploy.fleet.cli import fleet
from tests.agent.health.test_health import SNAPSHOT
from tests.agent.health.test_metrics import READINGS, scrape
from tests.conftest import require_program

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
JETSON = DEPLOY / "jetson" / "bintally-agent.conf"
SCRIPTS = sorted(path for path in DEPLOY.rglob("*.sh"))
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
DOCKERFILES = sorted(DEPLOY.rglob("Dockerfile"))
PROMETHEUS = {"up"}
"""What Prometheus itself knows of every target."""
_PROGRAM = "/opt/bintally/bin/bintally"
_EXPOSURE = 30
"""In tenths: what systemd's own judgement of how much a unit could do may be; an unhardened one has 96."""


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that exists here."""
    for path in (DEPLOY / "systemd").glob("bintally-*"):
        (tmp_path / path.name).write_text(path.read_text().replace(_PROGRAM, "/bin/true"))
    return tmp_path


def test_systemd_finds_no_fault_in_the_units(units: Path) -> None:
    (units / "bintally-agent.service.d").mkdir()
    (units / "bintally-agent.service.d" / "jetson.conf").write_bytes(JETSON.read_bytes())
    done = run(require_program("systemd-analyze"), "verify", *sorted(path for path in units.iterdir() if path.is_file()))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", [path.name for path in UNITS])
def test_systemd_judges_the_units_as_hardened(units: Path, unit: str) -> None:
    program = require_program("systemd-analyze")
    done = run(program, "security", "--offline=true", f"--threshold={_EXPOSURE}", units / unit)
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_call_commands_that_there_are_with_options_that_these_take(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [command] = re.findall(r"^ExecStart=(.*)$", path.read_text(), re.MULTILINE)
    program, *words = shlex.split(command)
    assert program == _PROGRAM
    check_options(words, capsys)


def check_options(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """That the command knows all options of a call, by its own help."""
    names = [word for word in words if word.startswith("--")]
    first = next((at for at, word in enumerate(words) if word.startswith(("-", "/", "$"))), len(words))
    capsys.readouterr()
    program, arguments = (fleet, words[1:first]) if words[0] == "fleet" else (main, words[:first])
    with pytest.raises(SystemExit) as ended:
        sys.exit(program([*arguments, "--help"]))
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert [name for name in names if not re.search(rf"{name}\b", text)] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_shellcheck_finds_no_fault_in_the_scripts(script: Path) -> None:
    done = run(require_program("shellcheck"), script)
    assert done.returncode == 0, done.stdout
    assert os.access(script, os.X_OK)


def is_secret(path: Path) -> bool:
    return "secrets" in path.parts or (path.suffix in {".key", ".pem"} and path.name not in {"ca.pem", "crl.pem"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.sh makes, called twice: the second time after everything was moved away that it says is not needed."""
    folder = tmp_path_factory.mktemp("compose")
    shim = folder / "bin" / "bintally"
    shim.parent.mkdir()
    code = "import sys; from deploy.fleet.cli import fleet; sys.exit(fleet(sys.argv[2:]) if sys.argv[1] == 'fleet' else print('bintally 1.2.3'))"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    shim.chmod(0o755)
    env = {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}"}
    made = folder / "home"
    prepare(made, env)
    for path in (made / "ca" / "ca.key", *(path for path in (made / "keys").glob("*.pem") if not path.name.startswith("online-"))):
        path.unlink()
    (made / "desired.pem").write_text("another one, since the first was replaced")
    before = secrets_in(made)
    prepare(made, {**env, "BINTALLY_PAGE_PROXY": "10.9.0.0/16"})
    assert secrets_in(made) == before
    return made


def prepare(home: Path, env: dict[str, str]) -> None:
    done = run(DEPLOY / "compose" / "prepare.sh", "broker.example", home, env=env)
    assert done.returncode == 0, done.stderr


def secrets_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and is_secret(path)}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    return content


# Docker's own check needs its compose plugin, which Debian does not package and CI does not have; so the file is held against the keys of
# the Compose Specification, and against what can break here: files that are not there, secrets nobody made, images that move.
# Source: the Compose Specification, services and secrets.
SERVICE_KEYS = {
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "configs",
    "container_name",
    "depends_on",
    "deploy",
    "devices",
    "dns",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extra_hosts",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "labels",
    "logging",
    "networks",
    "pid",
    "platform",
    "ports",
    "privileged",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "secrets",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
}
CHECK_KEYS = {"test", "interval", "timeout", "start_period", "retries"}


def test_the_compose_file_has_only_the_specifications_keys(compose: dict[str, Any]) -> None:
    assert {key for key in compose if not key.startswith("x-")} <= {"name", "services", "networks", "volumes", "secrets", "configs"}
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service["healthcheck"]) <= CHECK_KEYS, name


def test_every_container_is_checked_unprivileged_and_of_a_fixed_version(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"], name
        assert (service["read_only"], service["cap_drop"], service["restart"]) == (True, ["ALL"], "unless-stopped"), name
        assert service["user"].startswith("${BINTALLY_USER:?"), name
        image, _, version = service["image"].partition(":")
        assert re.match(r"v?\d+\.\d+|\$\{BINTALLY_VERSION", version), f"{name}: {version}"
        assert "." not in image, f"{name}: an image's name tells no registry"


def test_containers_wait_for_services_that_there_are(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])


def test_prepare_makes_every_file_that_is_mounted(compose: dict[str, Any], home: Path) -> None:
    variables = dict(line.split("=", 1) for line in (home / "compose.env").read_text().splitlines())
    assert variables["BINTALLY_HOME"] == str(home)
    text = (DEPLOY / "compose" / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) - {"BINTALLY_HOME"} == set(variables) - {"BINTALLY_HOME"}

    def here(path: str) -> Path:
        text = path.replace("${BINTALLY_HOME:?}", variables["BINTALLY_HOME"])
        assert "$" not in text
        return DEPLOY / "compose" / text

    for name, secret in compose["secrets"].items():
        assert here(secret["file"]).stat().st_size > 0, name
    for name, service in compose["services"].items():
        assert set(service.get("secrets", ())) <= set(compose["secrets"]), name
        for volume in service.get("volumes", ()):
            assert here(volume.replace("${BINTALLY_HOME:?}", str(home)).split(":")[0]).is_dir(), f"{name}: {volume}"
        text = json.dumps(service.get("command", "")) + str(service["healthcheck"]["test"])
        assert set(re.findall(r"/run/secrets/(\w+)", text)) <= set(service.get("secrets", ())), name
    assert {one for service in compose["services"].values() for one in service.get("secrets", ())} == set(compose["secrets"])


def test_the_network_that_the_page_believes_is_set_once_and_stays(compose: dict[str, Any], home: Path) -> None:
    words = compose["services"]["page"]["command"]
    assert words[words.index("--proxy") + 1] == "${BINTALLY_PAGE_PROXY:-172.16.0.0/12}"
    assert "BINTALLY_PAGE_PROXY=10.9.0.0/16" in (home / "compose.env").read_text().splitlines()


def test_what_prepare_makes_is_for_its_owner_alone(home: Path) -> None:
    for path in home.rglob("*"):
        if is_secret(path):
            assert path.stat().st_mode & 0o077 == 0, path


def test_prepare_gives_the_renewing_container_no_key_but_the_online_one_and_that_is_enough(home: Path) -> None:
    assert sorted(path.name for path in (home / "online-keys").iterdir()) == ["keys.json", "online-1.pem"]
    timestamp = home / "repository" / "metadata" / "timestamp.json"
    before = timestamp.read_bytes()
    assert fleet(["renew", str(home / "repository"), "--keys", str(home / "online-keys")]) == 0
    assert timestamp.read_bytes() != before
    assert sorted(path.name for path in (home / "online-keys").iterdir()) == ["keys.json", "online-1.pem"]


def test_the_ledgers_database_reads_its_password_where_compose_says(compose: dict[str, Any], home: Path) -> None:
    from sqlalchemy import make_url

    url = make_url(compose["services"]["ledger"]["command"][-1])
    host, _, database, user, password = (home / "secrets" / "pgpass").read_text().strip().split(":")
    assert (url.host, url.database, url.username, url.query["passfile"]) == (host, database, user, "/run/secrets/pgpass")
    assert password == (home / "secrets" / "database_password").read_text().strip()


def test_containers_call_commands_that_there_are_with_options_that_these_take(
    compose: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    ours = [service for service in compose["services"].values() if service["image"].startswith("bintally:")]
    called = [service["command"] for service in ours if "command" in service]
    assert len(called) == 4
    for words in called:
        check_options(words, capsys)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_images_are_built_of_what_is_there(path: Path) -> None:
    instructions = [
        line.split(maxsplit=1) for line in path.read_text().replace("\\\n", " ").splitlines() if line and not line.startswith("#")
    ]
    assert instructions[0][0] in {"FROM", "ARG"}
    for word, rest in instructions:
        if word == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert "$" in source or (DEPLOY.parent / source).exists(), f"{path}: {source}"
        if word == "FROM":
            assert not re.match(r"[^/ ]*\.[^/ ]*/", rest), f"{path}: an image's name tells no registry"


def exported() -> set[str]:
    """The names of all samples that an agent exports when it knows everything."""
    return {name for name, _ in scrape(Metrics(lambda: SNAPSHOT, lambda: READINGS, lambda: 77, lambda: 101.5))} | {
        "bintally_ack_lag_seconds"
    }


def queried(expression: str) -> set[str]:
    """The metrics that a PromQL expression reads: names that are neither functions, labels nor what stands in brackets or quotes."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\w*\s*\()", bare)
    return {word for word in words if word not in {"and", "or", "unless"} and not re.fullmatch(r"e\d+", word)}


def expressions(board: dict[str, Any]) -> list[str]:
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    variables = [re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"]) for variable in board["templating"]["list"]]
    return queries + [found[1] for found in variables if found]


def test_the_metrics_of_an_expression_are_found() -> None:
    text = 'topk(10, rate(one_total{a="x(y"}[1h]) / sum by (site, le) (two{b=~"$c"})) or vector(0) > 1e9'
    assert queried(text) == {"one_total", "two"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_show_only_what_an_agent_exports(path: Path) -> None:
    board = json.loads(path.read_text())
    names = {name for expression in expressions(board) for name in queried(expression)}
    assert len(names) > 5
    assert names - exported() - PROMETHEUS == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_fit_on_their_grid_and_use_variables_that_they_have(path: Path) -> None:
    board = json.loads(path.read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    known = {variable["name"] for variable in board["templating"]["list"]}
    assert {name for expression in expressions(board) for name in re.findall(r"\$(\w+)", expression)} <= known


def test_every_metric_of_the_agent_is_on_a_dashboard() -> None:
    shown = {name for path in DASHBOARDS for expression in expressions(json.loads(path.read_text())) for name in queried(expression)}
    assert {
        name.removesuffix("_sum").removesuffix("_count") + ("_bucket" if name.endswith(("_sum", "_count")) else "") for name in exported()
    } <= shown


def test_alerts_look_at_what_an_agent_exports() -> None:
    rules = [rule for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
    assert {name for rule in rules for name in queried(rule["expr"])} <= exported() | PROMETHEUS
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "annotations"}
        assert ";" in rule["annotations"]["summary"], "says what to do"


def test_dashboards_ask_the_source_that_is_provisioned(compose: dict[str, Any]) -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "bintally.yaml").read_text())["providers"]
    for path in DASHBOARDS:
        assert {panel["datasource"]["uid"] for panel in json.loads(path.read_text())["panels"]} == {source["uid"]}
    assert source["url"].removeprefix("http://").split(":")[0] in compose["services"]
    assert any(volume.split(":")[1] == provider["options"]["path"] for volume in compose["services"]["grafana"]["volumes"])


def test_prometheus_scrapes_the_stations_that_prepare_lists(compose: dict[str, Any], home: Path) -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    stations = next(job for job in config["scrape_configs"] if job["job_name"] == "stations")
    assert stations["file_sd_configs"] == [{"files": ["/etc/stations/*.json"]}]
    assert json.loads((home / "stations" / "stations.json").read_text()) == []
    assert any(volume.split(":")[-2] == "/etc/stations" for volume in compose["services"]["prometheus"]["volumes"])
    assert config["rule_files"] == ["/etc/prometheus/alerts.yml"]


def test_the_jetsons_template_sets_what_the_agent_knows() -> None:
    found = tomllib.loads((DEPLOY / "jetson" / "station.toml").read_text())
    assert AgentSettings(**found).providers == ("tensorrt", "cuda", "cpu")


@pytest.mark.parametrize(
    ("release", "wheel", "said"),
    [
        (None, "onnxruntime_gpu-1.23.0-cp310-cp310-linux_aarch64.whl", "this is no Jetson"),
        ("# R35 (release), REVISION: 4.1", "onnxruntime_gpu-1.23.0-cp310-cp310-linux_aarch64.whl", "R35 is neither JetPack 6"),
        ("# R36 (release), REVISION: 4.3", "onnxruntime_gpu-1.23.0-cp312-cp312-linux_aarch64.whl", "no onnxruntime wheel for python3.10"),
        ("# R36 (release), REVISION: 4.3", "onnxruntime_gpu-1.23.0-cp310-cp310-linux_x86_64.whl", "no onnxruntime wheel for python3.10"),
        ("# R38 (release), REVISION: 2.0", "onnxruntime_gpu-1.23.0-cp310-cp310-linux_aarch64.whl", "no onnxruntime wheel for python3.12"),
        ("# R36 (release), REVISION: 4.3", "onnxruntime_gpu-1.23.0-cp310-cp310-linux_aarch64.whl", "OpenCV is missing"),
        ("# R38 (release), REVISION: 2.0", "onnxruntime_gpu-1.23.0-cp312-cp312-linux_aarch64.whl", "OpenCV is missing"),
    ],
)
def test_the_jetsons_script_refuses_what_would_not_run(tmp_path: Path, release: str | None, wheel: str, said: str) -> None:
    """With programs that pretend: root, and Pythons without OpenCV."""
    for name, text in {
        "id": "echo 0",
        "python3.10": '[ "$2" = "import ensurepip" ]',
        "python3.12": '[ "$2" = "import ensurepip" ]',
    }.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    for name in (wheel, "station.tar.gz"):
        (tmp_path / name).write_bytes(b"")
    if release is not None:
        (tmp_path / "release").write_text(release + "\n")
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TEGRA_RELEASE": str(tmp_path / "release")}
    done = run(DEPLOY / "jetson" / "install.sh", tmp_path / "station.tar.gz", tmp_path / wheel, env=env)
    assert done.returncode in {1, 2}
    assert said in done.stderr


def test_a_connection_is_seen_in_the_kernels_table() -> None:
    """Lines of proc(5): an established connection to port 8883 (0x22B3), a listener on it, and one that ended."""
    head = "  sl  local_address rem_address   st tx_queue rx_queue\n"
    there = "   0: 0200A8C0:D431 0300A8C0:22B3 01 00000000:00000000\n"
    others = "   1: 00000000:22B3 00000000:0000 0A 00000000:00000000\n   2: 0200A8C0:D431 0300A8C0:22B3 06 00000000:00000000\n"
    assert connected([head + others, head + there], 8883)
    assert not connected([head + others, head], 8883)
    assert not connected([head + there], 1883)
