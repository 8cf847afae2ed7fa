"""The AsyncAPI document as a page to read: a table for each channel, and one for each message's fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from bintally.asyncapi import CHANNELS, Channel, document

_DEEPEST = 4


def page() -> str:
    """Markdown, without scripts."""
    about = document()
    parts = ["# Messages over MQTT", "", *_intro(about), *_overview()]
    for name, channel in CHANNELS.items():
        parts += ["", f"## {name}", "", channel.text, "", *_table_of(channel)]
    parts += ["", "# What they hold"]
    models = {model.__name__: model for channel in CHANNELS.values() for model in channel.messages}
    for model in models.values():
        parts += ["", f"## Message {model.__name__}", "", _first_line(model), "", *_fields(model)]
    return "\n".join(parts) + "\n"


def _intro(about: dict[str, Any]) -> list[str]:
    binding = about["servers"]["broker"]["bindings"]["mqtt"]
    return [
        "Made from the models by `make docs`, like [`asyncapi.json`](asyncapi.json), the same as an AsyncAPI 3 document, and [`schemas/`](schemas).",
        "",
        about["info"]["description"],
        "",
        f"A consumer's session: clean start off, session expiry {binding['sessionExpiryInterval']} s or more, keep-alive {binding['keepAlive']} s.",
        "",
    ]


def _overview() -> list[str]:
    rows = [
        f"| [{name}](#{name.replace('/', '')}) | {_topic(channel)} | {channel.by} | {channel.qos} | {'yes' if channel.retain else 'no'} |"
        for name, channel in CHANNELS.items()
    ]
    return ["| channel | topic | written by | QoS | retained |", "|---|---|---|---|---|", *rows]


def _table_of(channel: Channel) -> list[str]:
    payloads = ", ".join(f"[{model.__name__}](#message-{model.__name__.lower()})" for model in channel.messages)
    rows = [
        ("topic", _topic(channel)),
        ("subscribe to", " or ".join(f"`{one}`" for one in (channel.filter, channel.shared_filter) if one) or "–"),
        ("written by", channel.by),
        ("QoS", str(channel.qos)),
        ("retained", "yes" if channel.retain else "no"),
        ("content type", f"`{channel.content_type}`"),
        ("payload", payloads),
    ]
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def _topic(channel: Channel) -> str:
    return f"`{channel.topic}`" if channel.topic else "the response topic of the command"


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").partition("\n")[0]


def _fields(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema(by_alias=True)
    rows = list(_rows(schema, schema.get("$defs", {}), "", _DEEPEST))
    return ["| field | type | required | |", "|---|---|---|---|", *rows] if rows else ["No fields: an empty payload, or `{}`."]


def _rows(schema: dict[str, Any], known: dict[str, Any], above: str, deeper: int) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        inner, suffix = _inner(field, known)
        required = "yes" if name in schema.get("required", ()) or "const" in field else "no"
        yield f"| `{above}{name}` | {_type(field, known)} | {required} | {_plain(field.get('description', ''))} |"
        if inner is not None and deeper:
            yield from _rows(inner, known, f"{above}{name}{suffix}.", deeper - 1)


def _inner(field: dict[str, Any], known: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The object that a field holds, and what stands between their names."""
    for one in _choices(field):
        if "$ref" in one:
            return known[one["$ref"].rpartition("/")[2]], ""
        if "$ref" in one.get("items", {}):
            return known[one["items"]["$ref"].rpartition("/")[2]], "[]"
    return None, ""


def _choices(field: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = field.get("anyOf") or field.get("oneOf") or [field]
    return found


def _type(field: dict[str, Any], known: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_type_of(one, known) for one in _choices(field)))


def _type_of(field: dict[str, Any], known: dict[str, Any]) -> str:
    if "const" in field:
        return f'"{field["const"]}"'
    if "enum" in field:
        return ", ".join(f'"{one}"' for one in field["enum"])
    if "$ref" in field:
        return _type_of(known[field["$ref"].rpartition("/")[2]], known)
    if field.get("type") == "array":
        return f"array of {_type(field['items'], known)}"
    return str(field.get("format", field.get("type", "any"))) + _limits(field)


def _limits(field: dict[str, Any]) -> str:
    words = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "exclusiveMaximum": "< "}
    found = [f"{sign}{field[name]:,}" for name, sign in words.items() if name in field]
    return f" {', '.join(found)}" if found else ""


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
