"""What is published: it resolves for the devices, and the wheel alone counts with nothing but the agent's extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
from packaging.requirements import Requirement

from bintally.scenes import render_scene

ROOT = Path(__file__).parent.parent
PACKAGES = {"bintally", "agent", "trainer", "export", "deploy", "warehouse"}
BUNDLE = "bintally/models/bin-counter.onnx"
UV = Path(sysconfig.get_path("scripts")) / "uv"


def run(words: list[str | Path], cwd: Path = ROOT, timeout_s: float = 280) -> str:
    """Run a program without our PYTHONPATH; its standard output."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def resolve(extra: str, *more: str | Path) -> dict[str, str]:
    """Name and version of all that an extra brings to CPython 3.10 on aarch64 (JetPack 6, glibc 2.35), from wheels alone."""
    target = ["--python-version", "3.10", "--python-platform", "aarch64-manylinux_2_35", "--only-binary", ":all:"]
    plain = ["--no-header", "--no-annotate", "--no-emit-index-url", "--quiet"]
    lines = run([UV, "pip", "compile", "pyproject.toml", "--extra", extra, *target, *plain, *more]).splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def test_the_agent_resolves_for_python_310_on_aarch64_without_torch() -> None:
    found = resolve("agent", "--constraint", "constraints.txt")
    assert found["onnxruntime"].startswith("1.23.")
    assert {"numpy", "opencv-python-headless", "paho-mqtt", "pydantic", "structlog"} <= set(found)
    assert not {"torch", "torchvision", "onnx", "rich", "sqlalchemy"} & set(found)


def test_on_a_jetson_runtime_and_opencv_come_with_the_system() -> None:
    # Without constraints.txt: it pins numpy 2 for Python 3.10, and JetPack's ONNX Runtime and OpenCV are built for numpy 1.
    found = resolve("agent-jetson")
    assert found["numpy"].startswith("1.")
    assert "paho-mqtt" in found
    assert not [name for name in found if name.startswith(("onnx", "opencv", "torch"))]


def test_constraints_name_no_address_and_pin_everything() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines
    for line in lines:
        assert "://" not in line
        assert [operator.operator for operator in Requirement(line).specifier] == ["=="], line


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # hatchling is in this environment already, so no other one is made for it
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder])
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_the_packages_the_bundle_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert folders == PACKAGES
    assert BUNDLE in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "test" in name or name.endswith((".pyc", ".pt", ".pth"))]


@dataclass(frozen=True)
class Installed:
    """A clean environment with the wheel and its agent extra, and an empty folder outside the checkout."""

    scripts: Path
    folder: Path

    def run(self, *words: str | Path) -> str:
        return run([self.scripts / words[0], *words[1:]], cwd=self.folder)


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    run([UV, "venv", "--quiet", "--python", sys.executable, folder / "venv"])
    python = folder / "venv" / "bin" / "python"
    run([UV, "pip", "install", "--quiet", "--python", python, "--constraint", ROOT / "constraints.txt", f"{wheel}[agent]"])
    (folder / "work").mkdir()
    return Installed(python.parent, folder / "work")


def test_the_installed_wheel_counts_a_frame_with_the_shipped_bundle(installed: Installed) -> None:
    cv2.imwrite(str(installed.folder / "bin.jpg"), render_scene(3, 2).frame)
    answer = json.loads(installed.run("bintally", "count", "--json", "bin.jpg"))
    assert answer["file"] == "bin.jpg"
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-3)
    table = installed.run("bintally", "count", "bin.jpg").splitlines()
    assert table[0].split() == ["image", "count", "confidence", "ms"]
    assert table[1].startswith("bin.jpg  ")


def test_the_installed_wheel_is_not_the_checkout(installed: Installed) -> None:
    where = installed.run("python", "-c", "import bintally, agent; print(bintally.__file__, agent.__file__)").split()
    assert all("site-packages" in path and not path.startswith(str(ROOT)) for path in where)


def test_the_agent_brings_nothing_of_the_cloud_or_the_warehouse(installed: Installed) -> None:
    search = "from importlib.util import find_spec as f; print([n for n in ('torch','torchvision','onnx','rich','sqlalchemy','iotcore') if f(n)])"
    assert installed.run("python", "-c", search).strip() == "[]"


def test_a_command_that_needs_more_says_which_extra(installed: Installed) -> None:
    assert "bintally[trainer]" in _failing(installed, "train", "--data", ".", "--out", "run")
    assert "bintally[warehouse]" in _failing(installed, "wms", "listen", "--broker", "mqtt://127.0.0.1:9")


def _failing(installed: Installed, *words: str) -> str:
    program = [str(installed.scripts / "bintally"), *words]
    done = subprocess.run(program, cwd=installed.folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr
