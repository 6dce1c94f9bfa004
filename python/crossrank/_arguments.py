"""Checks of arguments that several classes take."""

from __future__ import annotations

from typing import Any

from ._errors import exception


def refuse(reason: str, **arguments: Any) -> None:
    """Raises an error that names the first argument that is given."""
    for name, value in arguments.items():
        if value is not None and value is not False and value != {}:
            raise exception("invalid-argument", f"{name}={value!r} is not supported: {reason}")


def at_least_one(**arguments: int | None) -> None:
    """Raises an error that names the first number below 1."""
    for name, value in arguments.items():
        if value is not None and value < 1:
            raise exception("invalid-argument", f"{name} must be at least 1, not {value}")


def check_device(device: Any) -> None:
    """Accepts the CPU, which computes whatever is asked for."""
    if device is not None and str(device) != "cpu":
        reason = "crossrank computes on the CPU; leave the argument out"
        raise exception("invalid-argument", f"device={device!r} is not supported: {reason}")


def check_compatible(
    *,
    device: Any = None,
    backend: str = "torch",
    model_kwargs: dict[str, Any] | None = None,
    **weights: Any,
) -> str | None:
    """Checks what sentence-transformers takes to load a model. Returns the path of the graph in the
    repository, if ``model_kwargs`` names one."""
    check_device(device)
    if backend not in ("torch", "onnx", "openvino"):
        raise exception("invalid-argument", f"backend must be torch, onnx or openvino, not {backend!r}")
    rest = dict(model_kwargs or {})
    graph: str | None = rest.pop("file_name", None)
    refuse("crossrank runs the model's ONNX graph as it is; leave the argument out", **rest, **weights)
    return graph


def check_call(
    *,
    batch_size: int = 32,
    device: Any = None,
    pool: Any = None,
    convert_to_tensor: bool = False,
) -> None:
    """Checks what sentence-transformers takes in a call."""
    at_least_one(batch_size=batch_size)
    check_device(device)
    refuse("one process uses all cores; set num_threads when you load the model", pool=pool)
    refuse(
        "results are numpy arrays; make a tensor with torch.from_numpy(result)",
        convert_to_tensor=convert_to_tensor,
    )
