"""The import table of the design, enforced: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "bintally": set[str](),
    "agent": {"bintally"},
    "trainer": {"bintally"},
    "export": {"bintally", "trainer"},
    "deploy": {"bintally"},
    "warehouse": {"bintally"},
}
FORBIDDEN = {
    "bintally": {"torch", "torchvision", "onnx", "onnxscript", "paho"},
    "agent": {"torch", "torchvision", "onnx", "onnxscript"},
    "trainer": set[str](),
    "export": set[str](),
    "deploy": {"torch", "torchvision"},
    "warehouse": {"torch", "torchvision"},
}
FILES = sorted(path.relative_to(ROOT) for folder in ALLOWED for path in (ROOT / folder).rglob("*.py"))


def imported(source: str, package: str) -> set[str]:
    """The dotted names of all modules that a file imports, wherever in the file.

    Args:
        source: the file's text.
        package: of the file, for relative imports.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                found.add(str(node.args[0].value))
    return found


def breaches(path: Path, source: str) -> list[str]:
    """The imports of a file that the table does not allow."""
    folder = path.parts[0]
    strangers = set(ALLOWED) - ALLOWED[folder] - {folder} | {"tests"}
    not_here = strangers | FORBIDDEN[folder]
    if folder == "bintally" and path != Path("bintally/frames.py") and "scenes" not in path.parts:
        not_here = not_here | {"cv2"}
    names = imported(source, ".".join(path.parent.parts))
    found = {name.partition(".")[0] for name in names} & not_here
    if path == Path("bintally/cli.py"):
        found |= {name for name in names if name.startswith("bintally.") and not name.startswith("bintally.errors")}
    return sorted(found)


def test_all_folders_are_looked_at() -> None:
    assert {path.parts[0] for path in FILES} == set(ALLOWED)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests"} == set(ALLOWED), "a new folder needs its row in the table"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_only_what_the_design_allows(path: Path) -> None:
    assert breaches(path, (ROOT / path).read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source", "breach"),
    [
        ("bintally/x.py", "import torch.nn", "torch"),
        ("bintally/x.py", "def f():\n    from onnx import helper", "onnx"),
        ("bintally/x.py", "if True:\n    import paho.mqtt.client as mqtt", "paho"),
        ("bintally/x.py", "import cv2", "cv2"),
        ("bintally/x.py", "import importlib\nimportlib.import_module('agent.run')", "agent"),
        ("bintally/scenes/x.py", "from warehouse import ledger", "warehouse"),
        ("bintally/cli.py", "from bintally import settings", "bintally.settings"),
        ("agent/x.py", "from export.graph import OPSET", "export"),
        ("agent/x.py", "try:\n    import torch\nexcept ImportError:\n    pass", "torch"),
        ("agent/x.py", "from warehouse.ledger import Ledger", "warehouse"),
        ("trainer/x.py", "import deploy.broker", "deploy"),
        ("export/x.py", "import agent", "agent"),
        ("deploy/x.py", "import torchvision", "torchvision"),
        ("warehouse/x.py", "from agent import outbox", "agent"),
        ("warehouse/x.py", "from tests.fakes import bundle", "tests"),
    ],
)
def test_a_forbidden_import_is_noticed(path: str, source: str, breach: str) -> None:
    assert breaches(Path(path), source) == [breach]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("bintally/frames.py", "import cv2"),
        ("bintally/scenes/x.py", "import cv2\nfrom ._types import Scene\nfrom ..frames import Frame"),
        ("bintally/x.py", "import onnxruntime"),
        ("bintally/cli.py", "from bintally.errors import BintallyError"),
        ("export/x.py", "import torch, onnx\nfrom trainer.network import model"),
    ],
)
def test_an_allowed_import_is_let_through(path: str, source: str) -> None:
    assert breaches(Path(path), source) == []


@pytest.mark.parametrize(
    "module", ["agent.cli, agent.run", "warehouse.wms.cli, warehouse.subscriber", "bintally.demo, bintally.scenes", "deploy.broker"]
)
def test_no_program_of_the_edge_or_the_warehouse_loads_torch_on_the_way(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'onnx', 'trainer', 'export'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT)
    assert done.stdout.split() == []
