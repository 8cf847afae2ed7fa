"""Write what travels over MQTT, and the files of pick lists and orders, as JSON Schemas, an AsyncAPI 3 document and a page, from the models.

python -m bintally.schemas docs
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bintally.asyncapi import CHANNELS, document
from bintally.asyncapi_page import page
from bintally.files import make_folder, write_atomically
from bintally.layouts.model import LayoutFile, OrderFile, PickFile
from bintally.manifest import Manifest
from bintally.travel_time import TravelTimeManifest


def documents() -> dict[str, str]:
    """File name → content, for everything under ``docs/`` that is made from the models."""
    files: tuple[type[BaseModel], ...] = (Manifest, TravelTimeManifest, LayoutFile, PickFile, OrderFile)
    models = {model.__name__: model for model in [*(model for channel in CHANNELS.values() for model in channel.messages), *files]}
    schemas = {f"schemas/{name}.json": _schema(model) for name, model in models.items()}
    return {
        **{name: json.dumps(content, indent=1) + "\n" for name, content in {**schemas, "asyncapi.json": document()}.items()},
        "asyncapi.md": page(),
    }


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}


def main(folder: Path) -> None:
    """Write every document below ``folder``."""
    for name, content in documents().items():
        path = folder / name
        make_folder(path.parent)
        write_atomically(path, content)
        print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
