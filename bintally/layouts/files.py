"""Read what is to be picked, and where: pick files and order files of ours (TOML, JSON), and instances of the literature (text)."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from bintally.errors import InputError, UsageError
from bintally.layouts._book import build_book
from bintally.layouts._build import Site, all_places, build_site, ordered, picked
from bintally.layouts.cart import Cart
from bintally.layouts.hall import Hall
from bintally.layouts.ladder import Ladder
from bintally.layouts.literature import parse_instance
from bintally.layouts.model import FORMS, CartTable, Layout, LayoutFile, OrderFile, PickFile
from bintally.layouts.orders import OrderBook
from bintally.layouts.picks import PickList, Request

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SUFFIXES = (".toml", ".json", ".txt")
_MAX_SHOWN = 80
_Kind = Literal["layout", "picks", "orders"]
_CALLED = {"picks": ("pick file", "bintally pick route"), "orders": ("order file", "bintally pick batch")}
_Model = TypeVar("_Model", bound=BaseModel)


def request_files(path: Path) -> list[Path]:
    """The files that ask for one tour: the path itself, or those of a folder, sorted by name.

    In a folder, files that are neither ``.toml`` nor ``.json`` nor ``.txt``, files that hold a layout only, and files of orders that are
    to be batched are passed over.

    Raises:
        InputError: the folder cannot be read, or holds none.
    """
    return _files(path, "picks")


def book_files(path: Path) -> list[Path]:
    """The files of orders that are to be batched: the path itself, or those of a folder, sorted by name; others are passed over.

    Raises:
        InputError: the folder cannot be read, or holds none.
    """
    return _files(path, "orders")


def _files(path: Path, wanted: _Kind) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the folder's rights") from error
    kinds = [_kind(file) for file in files]
    if not set(kinds) & {wanted, None}:
        named, (other, command) = _CALLED[wanted][0], _CALLED["picks" if wanted == "orders" else "orders"]
        hint = f"its {other}s are for '{command}'" if set(kinds) - {"layout"} else "name another folder or a file"
        raise InputError(f"{path}: holds no {named} ({', '.join(SUFFIXES)}); {hint}")
    return [file for file, kind in zip(files, kinds, strict=True) if kind in (wanted, None)]


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


def read_places(path: Path) -> tuple[Ladder, PickList]:
    """Read the layout of one of our files, whether something is to be picked in it or not.

    Returns:
        The ladder, and every place in it, as a list that picks one item from each: cells, and every half metre of blocks given in metres.

    Raises:
        InputError: the file is not what it must be, cannot be read, or holds too large a layout.
        UsageError: it is an instance of the literature.
    """
    if path.suffix.lower() == ".txt":
        raise UsageError(f"{path}: the literature's files do not say where there are places; write a layout file (docs/layouts.md)")
    tables = _tables(_read(path), path)
    if set(tables) == {"layout"}:
        layout: Layout | str = _validated(LayoutFile, tables, path).layout
    elif "orders" in tables:
        layout = _validated(OrderFile, tables, path).layout
    else:
        layout = _validated(PickFile, tables, path).layout
    site = _site(layout, path)
    with _named(path):
        return site.ladder, PickList.of(site.ladder, [(shelf, 1) for shelf in all_places(site)])


def parse_layout(text: str, name: str) -> Hall:
    """Read a layout that is kept as the text of a layout file, TOML or JSON.

    Args:
        text: JSON if it begins with a brace, as no TOML does.
        name: whose it is, for messages.

    Raises:
        InputError: the text is not what it must be.
    """
    tables = _parsed(text.encode(errors="surrogatepass"), name, is_toml=not text.lstrip("\ufeff \t\r\n").startswith("{"))
    layout = _validated(LayoutFile, tables, name).layout
    with _named(name):
        return Hall(build_site(layout))


def read_book(path: Path, *, entry_m: float | None = None) -> OrderBook:
    """Read one file of orders that are to be batched.

    Args:
        path: of a file.
        entry_m: of the literature's files, see ``parse_instance``.

    Raises:
        InputError: the file is not what it must be, or cannot be read.
        UsageError: ``entry_m`` is wrong, or given for a file of ours.
    """
    return _book(_read(path), path, entry_m)


def _request(data: bytes, path: Path, blocks: int | None, entry_m: float | None) -> Request:
    if path.suffix.lower() == ".txt":
        return parse_instance(data, str(path), blocks=blocks, entry_m=entry_m).request()
    if blocks is not None or entry_m is not None:
        raise UsageError(f"{path}: blocks and entry distances stand in this file itself; give them for the literature's files (.txt) only")
    tables = _tables(data, path)
    if "orders" in tables:
        raise InputError(f"{path}: holds orders that are to be batched; 'bintally pick batch' makes pick lists of them")
    return _own_request(_validated(PickFile, tables, path), path)


def _book(data: bytes, path: Path, entry_m: float | None) -> OrderBook:
    if path.suffix.lower() == ".txt":
        return parse_instance(data, str(path), entry_m=entry_m).book()
    if entry_m is not None:
        raise UsageError(f"{path}: entry distances stand in this file itself; give them for the literature's files (.txt) only")
    tables = _tables(data, path)
    if "orders" not in tables:
        what = "asks for one tour: 'bintally pick route' finds it" if {"picks", "order"} & set(tables) else "holds no [[orders]]"
        raise InputError(f"{path}: {what}")
    return _own_book(_validated(OrderFile, tables, path), path)


def _own_request(file: PickFile, path: Path) -> Request:
    site = _site(file.layout, path)
    with _named(path):
        lines, shelves = picked(site, file.picks) if file.picks is not None else ordered(site, file.order or [], file.stock or [])
    return Request(str(path), site.ladder, lines, shelves, _cart(file.cart, path))


def _own_book(file: OrderFile, path: Path) -> OrderBook:
    site = _site(file.layout, path)
    with _named(path):
        book = build_book(site, file, str(path))
    return dataclasses.replace(book, cart=_cart(file.cart, path))


def _cart(table: CartTable | None, path: Path) -> Cart | None:
    with _named(f"{path}: cart"):
        return table.cart() if table else None


def _site(layout: Layout | str, path: Path) -> Site:
    """Of a file's layout, which may stand in another file."""
    layout, layout_path = _layout(layout, path)
    with _named(layout_path):
        return build_site(layout)


def _layout(layout: Layout | str, path: Path) -> tuple[Layout, Path]:
    """The layout, and the file in which it stands."""
    if isinstance(layout, Layout):
        return layout, path
    layout_path = path.parent / layout
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
    """What a file says, not yet looked into."""
    return _parsed(data, str(path), is_toml=path.suffix.lower() == ".toml")


def _parsed(data: bytes, name: str, *, is_toml: bool) -> dict[str, Any]:
    try:
        text = data.decode("utf-8-sig")
        tables = tomllib.loads(text) if is_toml else json.loads(text, object_pairs_hook=_no_key_twice)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}, line {line}: byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8") from error
    except RecursionError as error:
        raise InputError(f"{name}: lists or tables too deep in each other") from error
    except ValueError as error:
        raise InputError(f"{name}: not readable {'TOML' if is_toml else 'JSON'}: {_short(str(error), 3 * _MAX_SHOWN)}") from error
    if not isinstance(tables, dict):
        raise InputError(f"{name}: holds no object {{…}} at its top")
    return tables


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return table


def _kind(path: Path) -> _Kind | None:
    """What a file is for; None for a broken one, which tells its fault when it is read."""
    try:
        data = _read(path)
        if path.suffix.lower() == ".txt":
            return "orders" if b"NUM_ORDERS" in data else "picks"
        keys = set(_tables(data, path))
    except InputError:
        return None
    return "layout" if keys == {"layout"} else "orders" if "orders" in keys else "picks"


def _validated(model: type[_Model], tables: Mapping[str, Any], path: Path | str) -> _Model:
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
