"""Settings: options over environment over TOML, and nothing unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from bintally.errors import UsageError
from bintally.settings import ProgramSettings, read_settings


class Kettle(ProgramSettings):
    """A program's settings."""

    site: str
    water_ml: int = Field(1000, ge=1, le=10_000)
    state_dir: Path = Path("here")


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "kettle.toml"
    path.write_text('site = "from toml"\nwater_ml = 2\nstate_dir = "toml-dir"\n')
    return path


def test_options_win_over_the_environment_and_that_over_toml(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINTALLY_SITE", "from environment")
    monkeypatch.setenv("BINTALLY_WATER_ML", "3")
    settings = read_settings(Kettle, {"site": "from option", "water_ml": None, "config": str(toml)})
    assert (settings.site, settings.water_ml, settings.state_dir) == ("from option", 3, Path("toml-dir"))


def test_what_is_not_set_keeps_its_default() -> None:
    assert read_settings(Kettle, {"site": "x"}).water_ml == 1000


def test_the_environment_may_name_the_toml(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINTALLY_CONFIG", str(toml))
    assert read_settings(Kettle, {}).site == "from toml"
    other = toml.with_name("other.toml")
    other.write_text('site = "other"')
    assert read_settings(Kettle, {"config": str(other)}).site == "other"


def test_an_unknown_environment_setting_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINTALLY_WATER_LM", "3")
    with pytest.raises(UsageError, match="environment: unknown setting BINTALLY_WATER_LM; did you mean BINTALLY_WATER_ML"):
        read_settings(Kettle, {"site": "x"})


def test_an_unknown_toml_setting_is_refused_with_the_nearest(toml: Path) -> None:
    toml.write_text('site = "x"\nwater_m = 3\n')
    with pytest.raises(UsageError, match=r"kettle\.toml: unknown setting water_m; did you mean water_ml\?"):
        read_settings(Kettle, {"config": str(toml)})


def test_a_setting_like_no_other_is_refused_with_all_known(toml: Path) -> None:
    toml.write_text("[zzz]\nq = 1\n")
    with pytest.raises(UsageError, match="unknown setting zzz; known are site, state_dir, water_ml"):
        read_settings(Kettle, {"config": str(toml)})


@pytest.mark.parametrize(
    "content",
    [b"site = ", b"site = 'a'\nsite = 'b'", b"\xff\xfe", b"a = " + b"[" * 50_000, b"a = " + b"{a = " * 5000, b"a = " + b"9" * 5000],
)
def test_broken_toml_is_refused_by_name(toml: Path, content: bytes) -> None:
    toml.write_bytes(content)
    with pytest.raises(UsageError, match=r"kettle\.toml: not readable TOML"):
        read_settings(Kettle, {"config": str(toml)})


def test_a_missing_toml_is_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.toml", tmp_path):
        with pytest.raises(UsageError, match="no such settings file; check --config or BINTALLY_CONFIG"):
            read_settings(Kettle, {"site": "x", "config": str(path)})


@pytest.mark.parametrize("value", ["0", "much", "1.5"])
def test_a_wrong_value_is_named_wherever_it_came_from(value: str, toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = f"water_ml = .*{value}.*--water-ml, BINTALLY_WATER_ML or the TOML file"
    with pytest.raises(UsageError, match=told):
        read_settings(Kettle, {"site": "x", "water_ml": value})
    toml.write_text(f'site = "x"\nwater_ml = "{value}"')
    with pytest.raises(UsageError, match=told):
        read_settings(Kettle, {"config": str(toml)})
    monkeypatch.setenv("BINTALLY_WATER_ML", value)
    with pytest.raises(UsageError, match=told):
        read_settings(Kettle, {"site": "x"})


def test_a_missing_required_setting_says_how_to_give_it() -> None:
    with pytest.raises(UsageError, match=r"site is not set; give --site, BINTALLY_SITE or site in a TOML file \(--config\)"):
        read_settings(Kettle, {})


@pytest.mark.parametrize("value", [b"0x" + b"f" * 6000, b'"' + b"9" * 6000 + b'"', b"[" * 50 + b"]" * 50])
def test_a_wrong_value_of_any_size_is_told_in_one_short_line(toml: Path, value: bytes) -> None:
    toml.write_bytes(b'site = "x"\nwater_ml = ' + value)
    with pytest.raises(UsageError, match=r"water_ml = .*the TOML file") as told:
        read_settings(Kettle, {"config": str(toml)})
    assert len(str(told.value)) < 300
    toml.write_bytes(b"x" * 6000 + b" = 1")
    with pytest.raises(UsageError, match="unknown setting xxx") as told:
        read_settings(Kettle, {"config": str(toml)})
    assert len(str(told.value)) < 300


def test_a_long_name_that_stands_twice_is_told_with_its_place(toml: Path) -> None:
    toml.write_text(f"[{'x' * 6000}]\n" * 2)
    with pytest.raises(UsageError, match=r"not readable TOML \(Cannot declare .*…x+',\) twice \(at line 2, column \d+\)\)$") as told:
        read_settings(Kettle, {"config": str(toml)})
    assert len(str(told.value)) < 300 + len(str(toml))


def test_a_path_with_a_nul_is_refused_before_the_system_sees_it(toml: Path) -> None:
    toml.write_text('site = "x"\nstate_dir = "a\\u0000b"')
    with pytest.raises(UsageError, match="state_dir: holds a NUL character"):
        read_settings(Kettle, {"config": str(toml)})


class Cup(BaseModel, extra="forbid"):
    """A part of a setting."""

    ml: int = 0


class Kettles(ProgramSettings):
    """Settings that are lists."""

    litres: tuple[int, ...] = ()
    cups: tuple[Cup, ...] = ()


def test_a_wrong_part_of_a_setting_is_named_with_how_to_give_the_setting(toml: Path) -> None:
    toml.write_text(f"cups = [{{ml = 1}}, {{m{'l' * 5000} = 2}}]")
    with pytest.raises(UsageError, match=r"^cups\.1\.ml{79} = 2: Extra inputs.*\(set by --cups, BINTALLY_CUPS or the TOML file\)$"):
        read_settings(Kettles, {"config": str(toml)})


def test_a_list_in_the_environment_that_is_no_json_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINTALLY_LITRES", "[1, ")
    with pytest.raises(UsageError, match=r'environment: .*"litres".*; lists are written as JSON there'):
        read_settings(Kettles, {})
