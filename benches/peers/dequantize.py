"""Writes a copy of an int8 model with the same weights as f32 and with f32 activations.

Usage: dequantize.py IN.onnx OUT.onnx. It needs the packages of requirements.txt.
"""

import pathlib
import sys

import onnx

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests/generate"))
import rewrite  # noqa: E402


def main(source, target):
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(rewrite.float_activations(onnx.load(source)), target)


main(*sys.argv[1:])
