"""The root of the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest

from bintally import cli
from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from tests.fakes.programs import BINTALLY

COMMANDS = ("agent", "cloud", "count", "data", "demo", "evaluate", "export", "fleet", "pick", "scenes", "train", "tune", "wms")


def called(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*BINTALLY, *words], capture_output=True, text=True, timeout=120, check=False)


def _provide(monkeypatch: pytest.MonkeyPatch, command: Callable[[Sequence[str]], int]) -> None:
    """Make ``command`` the only one, under the name ``try``."""
    monkeypatch.setattr(sys.modules[__name__], "_command", command, raising=False)
    entry = EntryPoint("try", f"{__name__}:_command", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [entry] if group == cli.GROUP else [])


def test_an_unknown_command_suggests_the_nearest() -> None:
    done = called("agnet")
    assert done.returncode == 2
    assert done.stderr == "bintally: there is no command 'agnet'; did you mean 'bintally agent'?\n"
    assert done.stdout == ""


def test_a_command_like_no_other_points_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["zzzzz"]) == 2
    assert capsys.readouterr().err == "bintally: there is no command 'zzzzz'; 'bintally --help' lists the commands\n"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"bintally {version('bintally')}\n"


def test_the_help_lists_every_command_with_its_summary() -> None:
    done = called("--help")
    assert done.returncode == 0
    listed = {line.split()[0]: line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert tuple(sorted(listed)) == COMMANDS
    assert all(len(summary) > 10 for summary in listed.values())


def test_no_command_at_all_shows_the_help_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "usage: bintally COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("agent", "run"), ("count",), ("demo",), ("scenes",), ("wms", "listen")])
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    done = called(*words, "--help")
    assert done.returncode == 0, done.stderr
    assert f"example: bintally {' '.join(words)}" in " ".join(done.stdout.split())


def test_wrong_options_are_wrong_use() -> None:
    done = called("scenes", "--out", "x", "--number", "many")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", [UsageError, InputError, UnavailableError])
def test_an_error_of_ours_is_one_line_and_its_exit_code(
    kind: type[BintallyError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Sequence[str]) -> int:
        raise kind("the bin is gone; look behind the shelf")

    _provide(monkeypatch, fail)
    assert cli.main(["try"]) == (2 if kind is UsageError else 1)
    assert capsys.readouterr().err == "bintally try: the bin is gone; look behind the shelf\n"


def test_a_command_gets_its_arguments_and_gives_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def command(arguments: Sequence[str]) -> int:
        seen.extend(arguments)
        return 7

    _provide(monkeypatch, command)
    assert cli.main(["try", "a", "--b"]) == 7
    assert seen == ["a", "--b"]


def test_ctrl_c_ends_a_command_without_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: Sequence[str]) -> int:
        raise KeyboardInterrupt

    _provide(monkeypatch, interrupted)
    assert cli.main(["try"]) == 130
    assert capsys.readouterr().err == ""


def test_a_full_disk_behind_the_output_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def talk(_: Sequence[str]) -> int:
        print("something")
        return 0

    _provide(monkeypatch, talk)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert cli.main(["try"]) == 1
    assert capsys.readouterr().err == "bintally try: the output could not be written, the disk is full; make room and call it again\n"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(_: Sequence[str]) -> int:
        raise ZeroDivisionError

    _provide(monkeypatch, bug)
    with pytest.raises(ZeroDivisionError):
        cli.main(["try"])


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (("count", "x.jpg"), "onnxruntime", "agent"),
        (("agent", "run", "--source", "x"), "onnxruntime", "agent"),
        (("wms", "listen"), "sqlalchemy", "warehouse"),
        (("pick", "route", "x"), "numba", "pick"),
        (("scenes", "--out", "x"), "cv2", "demo"),
    ],
)
def test_a_missing_module_names_the_extra_that_brings_it(tmp_path: Path, words: tuple[str, ...], module: str, extra: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; from bintally.cli import main; sys.exit(main({list(words)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"bintally {words[0]}: needs {module}, which is not installed; run: pip install 'bintally[{extra}]'\n"


def test_a_missing_module_of_our_own_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("try", "warehouse.gone:command", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda group: [entry] if group == cli.GROUP else [])
    with pytest.raises(ModuleNotFoundError):
        cli.main(["try"])


def test_the_root_loads_no_library_and_none_of_our_other_code() -> None:
    code = "import sys, bintally.cli; print(*sorted(n for n in sys.modules if n.partition('.')[0] in sys.argv[1:]))"
    tops = ["bintally", "agent", "trainer", "export", "deploy", "warehouse", "numpy", "cv2", "onnxruntime", "paho", "pydantic", "torch"]
    done = subprocess.run([sys.executable, "-c", code, *tops], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["bintally", "bintally.cli", "bintally.errors"]
