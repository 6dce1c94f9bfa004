"""Finds a model by its path or its name."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any, Literal, TypeAlias

from . import _native
from ._errors import exception

StrPath: TypeAlias = "str | os.PathLike[str]"
Model: TypeAlias = "str | os.PathLike[str]"
"""A folder in the Hugging Face layout, a graph (``.onnx``) in one, a prepared model, or a name."""


def read(
    model: Model | None,
    task: Literal["rerank", "embed"],
    *,
    graph: str | None = None,
    revision: str | None = None,
    cache_folder: StrPath | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
) -> _native.ModelFiles:
    """Reads a model's files, from the hub where they are not here. ``None`` means the bundled model.
    ``graph`` is the path of the graph in the model's folder or repository."""
    return _native.read_model(
        model if graph is None or model is None else f"{os.fspath(model)}:{graph}",
        task,
        revision=revision,
        cache=cache_folder,
        token=token if isinstance(token, str) else None,
        offline=local_files_only,
    )


def settings(files: _native.ModelFiles, name: str) -> dict[str, Any]:
    """The content of a file that says how a model is used, or nothing if there is none."""
    try:
        content = json.loads(files.embedding.get(name, b"{}"))
    except ValueError as error:
        raise exception("invalid-model", f"{name} is not JSON ({error})") from error
    return content if isinstance(content, dict) else {}


def warn(warning: str | None) -> None:
    """Tells why a model runs slower than it could."""
    if warning is not None:
        warnings.warn(warning, RuntimeWarning, stacklevel=3)
