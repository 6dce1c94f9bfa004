"""A smaller model to begin with: some of a trained one's layers, and all else of it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from .model import CrossEncoder, save

LAYER = "bert.encoder.layer."
COPIED = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def shrink(encoder: CrossEncoder, layers: list[int]) -> CrossEncoder:
    """A model of those layers, in that order."""
    small = CrossEncoder(replace(encoder.shape, layers=len(layers)))
    tensors = encoder.state_dict()
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(LAYER)}
    for place, layer in enumerate(layers):
        of_layer = f"{LAYER}{layer}."
        moved = {f"{LAYER}{place}.{name.removeprefix(of_layer)}": tensor for name, tensor in tensors.items()
                 if name.startswith(of_layer)}
        if not moved:
            raise SystemExit(f"there is no layer {layer}; the model has {encoder.shape.layers}, counted from 0")
        kept.update(moved)
    small.load_state_dict(kept)
    return small


def build(encoder: CrossEncoder, given: Path, layers: list[int], into: Path) -> None:
    """Writes config.json and the tokenizer of the smaller model, and its weights as start.safetensors."""
    into.mkdir(parents=True, exist_ok=True)
    config = json.loads((given / "config.json").read_text()) | {"num_hidden_layers": len(layers)}
    config["crossrank"] = config.get("crossrank", {}) | {"revision": "0"}
    (into / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in COPIED:
        if (given / name).exists():
            shutil.copyfile(given / name, into / name)
    save(shrink(encoder, layers), into / "start.safetensors")
