"""Put a graph and its manifest into one file: the bundle's form, which ``bintally.sealed`` reads."""

from __future__ import annotations

import hashlib
from typing import Any

import onnx

from bintally.manifest_base import BaseManifest
from bintally.sealed import DIGEST_KEY, MANIFEST_KEY


def pack(model: onnx.ModelProto, kind: type[BaseManifest], manifest: dict[str, Any]) -> bytes:
    """Put graph and manifest into one file.

    A protobuf message may be continued by appending to it, so the manifest is appended to the graph's bytes: the reader can
    check the graph's digest without parsing it.

    Args:
        model: the graph, without metadata.
        kind: the task's manifest.
        manifest: its fields, but for ``graph_bytes`` and ``graph_sha256``.
    """
    del model.metadata_props[:]
    graph: bytes = model.SerializeToString()
    complete = kind.model_validate({**manifest, "graph_bytes": len(graph), "graph_sha256": hashlib.sha256(graph).hexdigest()})
    text = complete.model_dump_json(by_alias=True)
    tail = onnx.ModelProto()
    for key, value in ((MANIFEST_KEY, text), (DIGEST_KEY, hashlib.sha256(text.encode()).hexdigest())):
        tail.metadata_props.add(key=key, value=value)
    return graph + bytes(tail.SerializeToString())
