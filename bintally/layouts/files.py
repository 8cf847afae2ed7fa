"""Read what is to be picked, and where: pick files of ours (TOML, JSON) and instances of the literature (text)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bintally.errors import InputError, UsageError
from bintally.layouts._build import build_site, ordered, picked
from bintally.layouts.literature import parse_instance
from bintally.layouts.model import FORMS, Layout, LayoutFile, PickFile
from bintally.layouts.picks import Request

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUFFIXES = (".toml", ".json", ".txt")
_MAX_SHOWN = 80
_Model = TypeVar("_Model", bound=BaseModel)


def request_files(path: Path) -> list[Path]:
    """The files that ask for picks: the path itself, or those of a folder, sorted by name.

    In a folder, files that are neither ``.toml`` nor ``.json`` nor ``.txt`` and files that hold a layout only are passed over.

    Raises:
        InputError: the folder cannot be read, or holds none.
    """
    if not path.is_dir():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the folder's rights") from error
    files = [file for file in files if not _is_layout(file)]
    if not files:
        raise InputError(f"{path}: holds no pick file ({', '.join(SUFFIXES)}); name another folder or a file")
    return files


def read_request(path: Path, *, blocks: int | None = None, entry_m: float | None = None) -> Request:
    """Read one file.

    Args:
        path: of a file.
        blocks: of the literature's files, see ``parse_instance``.
        entry_m: likewise.

    Raises:
        InputError: the file is not what it must be, or cannot be read.
        UsageError: ``blocks`` or ``entry_m`` is wrong, or given for a file of ours.
    """
    return _request(_read(path), path, blocks, entry_m)


def _request(data: bytes, path: Path, blocks: int | None, entry_m: float | None) -> Request:
    if path.suffix.lower() == ".txt":
        return parse_instance(data, str(path), blocks=blocks, entry_m=entry_m).request()
    if blocks is not None or entry_m is not None:
        raise UsageError(f"{path}: blocks and entry distances stand in this file itself; give them for the literature's files (.txt) only")
    return _own_request(_validated(PickFile, _tables(data, path), path), path)


def _own_request(file: PickFile, path: Path) -> Request:
    layout, layout_path = _layout(file, path)
    with _named(layout_path):
        site = build_site(layout)
    with _named(path):
        lines, shelves = picked(site, file.picks) if file.picks is not None else ordered(site, file.order or [], file.stock or [])
    with _named(f"{path}: cart"):
        cart = file.cart.cart() if file.cart else None
    return Request(str(path), site.ladder, lines, shelves, cart)


def _layout(file: PickFile, path: Path) -> tuple[Layout, Path]:
    """The layout, and the file in which it stands."""
    if isinstance(file.layout, Layout):
        return file.layout, path
    layout_path = path.parent / file.layout
    if layout_path.suffix.lower() not in (".toml", ".json"):
        raise InputError(f"{layout_path}: a layout file ends in .toml or .json; it is named in {path}")
    try:
        return _validated(LayoutFile, _tables(_read(layout_path), layout_path), layout_path).layout, layout_path
    except InputError as error:
        raise InputError(f"{error}; it is named in {path}") from error


@contextmanager
def _named(where: Path | str) -> Iterator[None]:
    """Put the file's name in front of errors that do not know it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _read(path: Path) -> bytes:
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: files are told apart by their ending, and this is none of {', '.join(SUFFIXES)}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path and its rights") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r}: no path can hold a NUL character") from error


def _tables(data: bytes, path: Path) -> dict[str, Any]:
    """What a TOML or JSON text says, not yet looked into."""
    is_toml = path.suffix.lower() == ".toml"
    try:
        text = data.decode("utf-8-sig")
        tables = tomllib.loads(text) if is_toml else json.loads(text, object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8") from error
    except RecursionError as error:
        raise InputError(f"{path}: lists or tables too deep in each other") from error
    except ValueError as error:
        raise InputError(f"{path}: not readable {'TOML' if is_toml else 'JSON'}: {_short(str(error), 3 * _MAX_SHOWN)}") from error
    if not isinstance(tables, dict):
        raise InputError(f"{path}: holds no object {{…}} at its top")
    return tables


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return table


def _is_layout(path: Path) -> bool:
    """Whether a file of ours holds a layout and nothing to pick; a broken one tells its fault when it is read."""
    try:
        return path.suffix.lower() != ".txt" and set(_tables(_read(path), path)) == {"layout"}
    except InputError:
        return False


def _validated(model: type[_Model], tables: Mapping[str, Any], path: Path) -> _Model:
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = _key_path(first["loc"])
        if first["type"] == "missing":
            raise InputError(f"{path}: {at} is missing") from error
        # of a whole table nobody wants to see all
        value = "" if isinstance(first["input"], dict) else f" = {_shown(first['input'])}"
        where = f"{at}{value}: " if at else ""
        raise InputError(f"{path}: {where}{first['msg'].removeprefix('Value error, ')}") from error


def _key_path(loc: tuple[int | str, ...]) -> str:
    """Such as ``picks[3].aisle``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc if part not in FORMS]
    return "".join(parts).removeprefix(".")


def _shown(value: object) -> str:
    try:
        return _short(repr(value), _MAX_SHOWN)
    except ValueError:  # Python writes no decimal numbers of more than 4,300 digits
        return "a number too long to show"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-length // 2 + 1 :]}"
