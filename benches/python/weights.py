"""Writes the bundled model for torch: the weights of the int8 graph as f32, in the layout of transformers.

Usage: weights.py MODEL_FOLDER F32_GRAPH TARGET_FOLDER. F32_GRAPH is what benches/peers/dequantize.py makes.
"""

import shutil
import sys
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file


def parameters(graph):
    """The parameters of BertForSequenceClassification by their names. Products have lost their names, and are
    named by the bias that is added to them."""
    arrays = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    users = {name: node for node in graph.node for name in node.input}
    found = {name: array for name, array in arrays.items() if name.endswith((".bias", "LayerNorm.weight"))}
    for node in graph.node:
        constant = next((name for name in node.input if name in arrays and arrays[name].ndim == 2), None)
        if node.op_type == "MatMul" and constant:
            bias = next(name for name in users[node.output[0]].input if name.endswith(".bias"))
            found[bias.removesuffix("bias") + "weight"] = arrays[constant].T
        if node.op_type == "Gather" and constant:
            name = constant.removesuffix("_quantized")
            zero = arrays[f"{name}_zero_point"].astype("float32")
            found[name] = (arrays[constant].astype("float32") - zero) * arrays[f"{name}_scale"]
    return {name: torch.from_numpy(array.astype("float32").copy()) for name, array in found.items()}


def main(model, graph, target):
    target = Path(target)
    target.mkdir(parents=True, exist_ok=True)
    for file in Path(model).glob("*.json"):
        shutil.copy(file, target)
    save_file(parameters(onnx.load(graph).graph), target / "model.safetensors", {"format": "pt"})


main(*sys.argv[1:])
