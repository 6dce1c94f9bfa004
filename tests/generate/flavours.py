"""Writes tests/data/flavours: the float graphs of tests/data/graphs in the forms in which people publish
them. See README.md.

    python flavours.py [--only NAME...] [--out FOLDER]

It needs onnx, onnxruntime and what the README names, and no torch.
"""

import argparse
import json
import pathlib
import shutil
import sys
import tempfile
import types

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

HERE = pathlib.Path(__file__).resolve().parent
GRAPHS = HERE.parent / "data" / "graphs"
INT8, UINT8, UINT16 = QuantType.QInt8, QuantType.QUInt8, QuantType.QUInt16


class Reader(CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


def static(**options):
    """onnxruntime's static quantization, calibrated on the pairs of the base graph."""

    def step(path, feeds):
        quantize_static(path, path, Reader(feeds), **options)

    return step


def optimized(level, half=None):
    """The optimizer of onnxruntime.transformers, as optimum's levels O1 to O4 call it: O1 without the operators
    of transformers, O3 with GELU's approximation, O4 in 16 bits. `half` "io" gives 16 bits to the outputs too."""

    def step(path, feeds):
        # The optimizer asks for the version of torch's CUDA, to name it in a warning.
        sys.modules.setdefault("torch", types.SimpleNamespace(version=types.SimpleNamespace(cuda=None, hip=None)))
        from onnxruntime.transformers.fusion_options import FusionOptions
        from onnxruntime.transformers.optimizer import optimize_model

        config = json.loads((path.parent / "config.json").read_text())
        heads, hidden = (config.get(a, config.get(b)) for a, b in (("num_attention_heads", "n_heads"), ("hidden_size", "dim")))
        options = FusionOptions("bert")
        options.enable_gelu_approximation = level >= 3
        options.use_multi_head_attention = half == "heads"
        model = optimize_model(str(path), "bert", heads, hidden, optimization_options=options, opt_level=min(level, 2),
                               use_gpu=level == 4, only_onnxruntime=level == 1)
        if level == 4:
            model.convert_float_to_float16(use_symbolic_shape_infer=True, keep_io_types=half != "io", force_fp16_initializers=True)
        model.save_model_to_file(str(path))

    return step


def saved(level):
    """What a session of onnxruntime writes with `optimized_model_filepath`."""

    def step(path, feeds):
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(path) + ".saved"
        options.log_severity_level = 3
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        shutil.move(options.optimized_model_filepath, path)

    return step


def half(keep):
    """16 bits, with 32 for the outputs or without."""

    def step(path, feeds):
        from onnxruntime.transformers.float16 import convert_float_to_float16

        onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=keep), path)

    return step


def few_bits(**options):
    """onnxruntime's MatMulNBits, and GatherBlockQuantized for tables."""

    def step(path, feeds):
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        quantizer = MatMulNBitsQuantizer(onnx.load(path), **options)
        quantizer.process()
        quantizer.model.save_model_to_file(str(path))

    return step


def bnb4(quant_type, block_size):
    """onnxruntime's MatMulBnb4."""

    def step(path, feeds):
        from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer

        quantizer = MatMulBnb4Quantizer(onnx.load(path), quant_type, block_size)
        quantizer.process()
        quantizer.model.save_model_to_file(str(path))

    return step


def dynamic(**options):
    """onnxruntime's dynamic quantization."""

    def step(path, feeds):
        quantize_dynamic(path, path, **options)

    return step


def on_model(change):
    """A step that edits the loaded graph."""

    def step(path, feeds):
        model = onnx.load(path)
        change(model)
        onnx.checker.check_model(model)
        onnx.save(model, path)

    return step


def opset(version):
    """A step that declares another opset. The operators of these graphs are the same in both."""

    def change(model):
        model.opset_import[0].version = version
        model.ir_version = max(model.ir_version, 10)

    return on_model(change)


def renamed_output(model):
    """Gives the graph's output another name, so that a node can be put after it. Returns both names."""
    output = model.graph.output[0].name
    inner = f"{output}_inner"
    for node in model.graph.node:
        node.output[:] = [inner if name == output else name for name in node.output]
    return inner, output


def sigmoid(model):
    inner, output = renamed_output(model)
    model.graph.node.append(helper.make_node("Sigmoid", [inner], [output]))


def rounded_sigmoid(model):
    """A sigmoid whose result is rounded to 8 bits, as static quantization leaves it."""
    inner, output = renamed_output(model)
    model.graph.initializer.extend([
        numpy_helper.from_array(np.float32(1 / 255), "probability_scale"),
        numpy_helper.from_array(np.uint8(0), "probability_zero_point"),
    ])
    of = ["probability_scale", "probability_zero_point"]
    model.graph.node.extend([
        helper.make_node("Sigmoid", [inner], ["probability"]),
        helper.make_node("QuantizeLinear", ["probability", *of], ["probability_quantized"]),
        helper.make_node("DequantizeLinear", ["probability_quantized", *of], [output]),
    ])


def softmax(model):
    """The probability of the second of two labels, the first of which has the logit 0."""
    inner, output = renamed_output(model)
    model.graph.initializer.extend([
        numpy_helper.from_array(np.float32(0), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "second"),
    ])
    model.graph.node.extend([
        helper.make_node("Mul", [inner, "zero"], ["first_logit"]),
        helper.make_node("Concat", ["first_logit", inner], ["both_logits"], axis=-1),
        helper.make_node("Softmax", ["both_logits"], ["probabilities"], axis=-1),
        helper.make_node("Gather", ["probabilities", "second"], [output], axis=-1),
    ])


def constants_behind_dequantize(data_type, axis=None, block=None):
    """A change that stores every float constant of some numbers behind DequantizeLinear: matrices with
    scales along `axis`, or with one for each `block` of it, and everything else with one scale."""
    low, high = {TensorProto.INT8: (-128, 127), TensorProto.UINT8: (0, 255), TensorProto.INT4: (-8, 7)}[data_type]
    dtype = helper.tensor_dtype_to_np_dtype(data_type)

    def store(array):
        matrix = axis is not None and array.ndim == 2 and array.shape[axis] > 1
        along = axis if matrix and array.shape[axis] % (block or 1) == 0 else None
        parts = array
        if along is None:
            shape, over = (), tuple(range(array.ndim))
        elif block is None:
            shape, over = (array.shape[along],), (1 - along,)
        else:
            parts = np.stack(np.split(array, array.shape[along] // block, along))
            over = (1 + along,)
        least = np.minimum(parts.min(over), 0)
        scale = (np.maximum(parts.max(over), 0) - least) / (high - low)
        zero = np.rint(low - least / scale)
        if along is None:
            values = np.rint(array / scale) + zero
        elif block is None:
            shape_of_axis = [-1 if i == along else 1 for i in range(2)]
            values = np.rint(array / scale.reshape(shape_of_axis)) + zero.reshape(shape_of_axis)
        else:
            # One row of scales for each block of rows, or one column for each block of columns.
            if along == 1:
                scale, zero = scale.T, zero.T
            values = np.rint(array / scale.repeat(block, along)) + zero.repeat(block, along)
        return np.clip(values, low, high).astype(dtype), scale.astype(np.float32), zero.astype(dtype), along

    def change(model):
        nodes, kept = [], []
        for tensor in model.graph.initializer:
            array = numpy_helper.to_array(tensor)
            if array.dtype != np.float32 or array.size < 8 or not array.any():
                kept.append(tensor)
                continue
            values, scale, zero, along = store(array)
            names = [tensor.name + suffix for suffix in ("_stored", "_scale", "_zero_point")]
            for name, part in zip(names, (values, scale, zero)):
                kept.append(numpy_helper.from_array(np.asarray(part), name))
            settings = {} if along is None else {"axis": along}
            if along is not None and block:
                settings["block_size"] = block
            nodes.append(helper.make_node("DequantizeLinear", names, [tensor.name], **settings))
        assert nodes
        nodes += model.graph.node
        del model.graph.node[:], model.graph.initializer[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(kept)

    return on_model(change)


DEFAULTS = static()
CHANNEL = static(activation_type=UINT8, weight_type=INT8, per_channel=True)
SYMMETRIC = static(activation_type=INT8, weight_type=INT8, reduce_range=True,
                   extra_options={"ActivationSymmetric": True, "WeightSymmetric": True})
ASYMMETRIC = static(activation_type=UINT8, weight_type=UINT8, extra_options={"WeightSymmetric": False})
FLOAT_WEIGHTS = static(per_channel=True, extra_options={"AddQDQPairToWeight": True})
SIXTEEN = static(activation_type=UINT16, weight_type=INT8)
SIXTEEN_MICROSOFT = static(activation_type=UINT16, weight_type=INT8, extra_options={"UseQDQContribOps": True})


def only(*op_types, **options):
    return static(op_types_to_quantize=list(op_types), **options)


# folder: (graph of tests/data/graphs, steps)
VARIANTS = {
    # Static quantization by the architecture and the exporter
    "bert-qdq": ("torchscript-17", [DEFAULTS]),
    "bert-dynamo-qdq": ("dynamo-18", [DEFAULTS]),
    "bert-tf5-sdpa-qdq": ("torchscript-18-tf5-sdpa", [CHANNEL]),
    "roberta-qdq": ("roberta", [DEFAULTS]),
    "xlm-roberta-dynamo-qdq": ("xlm-roberta-dynamo", [CHANNEL]),
    "distilbert-qdq": ("distilbert", [DEFAULTS]),
    "deberta-v2-qdq": ("deberta-v2", [DEFAULTS]),
    "modernbert-qdq": ("modernbert-tf5-sdpa", [DEFAULTS]),
    "jina-bert-qdq": ("jina-bert", [CHANNEL]),
    # and by its options
    "bert-qdq-channel": ("torchscript-17", [CHANNEL]),
    "bert-qdq-float-weights": ("torchscript-17", [FLOAT_WEIGHTS]),
    "bert-qdq-symmetric": ("torchscript-17", [SYMMETRIC]),
    "bert-qdq-asymmetric": ("torchscript-17", [ASYMMETRIC]),
    "bert-qdq-softmax": ("torchscript-14", [only("Softmax")]),
    "bert-qdq-matmul": ("torchscript-17", [only("MatMul")]),
    "bert-qdq-matmul-add": ("torchscript-14", [only("MatMul", "Add", activation_type=UINT8)]),
    "bert-qdq-16-bits": ("torchscript-17", [SIXTEEN]),
    "bert-qdq-16-bits-microsoft": ("torchscript-17", [SIXTEEN_MICROSOFT]),
    "bert-operator-matmul": ("torchscript-17", [only("MatMul", quant_format=QuantFormat.QOperator)]),
    "bert-operator": ("torchscript-17", [static(quant_format=QuantFormat.QOperator)]),
    # Constants alone
    "bert-constants-int8": ("torchscript-17", [constants_behind_dequantize(TensorProto.INT8)]),
    "bert-constants-uint8-columns": ("torchscript-17", [constants_behind_dequantize(TensorProto.UINT8, 1)]),
    "roberta-constants-int8-rows": ("roberta", [constants_behind_dequantize(TensorProto.INT8, 0)]),
    "deberta-v2-constants-int8": ("deberta-v2", [constants_behind_dequantize(TensorProto.INT8, 1)]),
    "bert-blocks-int8": ("torchscript-17", [opset(21), constants_behind_dequantize(TensorProto.INT8, 0, 16)]),
    "bert-blocks-int4": ("torchscript-17", [opset(21), constants_behind_dequantize(TensorProto.INT4, 0, 8)]),
    "bert-blocks-int4-columns": ("torchscript-17", [opset(21), constants_behind_dequantize(TensorProto.INT4, 1, 8)]),
    "deberta-v2-blocks-int4": ("deberta-v2", [opset(21), constants_behind_dequantize(TensorProto.INT4, 0, 8)]),
}

Q4 = few_bits(block_size=32, is_symmetric=True)
Q8 = few_bits(block_size=16, is_symmetric=False, bits=8)
ASYMMETRIC_Q4 = few_bits(block_size=16, is_symmetric=False, op_types_to_quantize=("MatMul", "Gather"))
SYMMETRIC_TABLES = few_bits(block_size=16, is_symmetric=True, op_types_to_quantize=("MatMul", "Gather"))
TYPED = {"DefaultTensorType": TensorProto.FLOAT}
UINT8_DYNAMIC = dynamic(weight_type=UINT8, extra_options=TYPED)
INT8_DYNAMIC = dynamic(weight_type=INT8, per_channel=True, reduce_range=True, extra_options=TYPED)
EXTENDED, ALL = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, ort.GraphOptimizationLevel.ORT_ENABLE_ALL

# Optimized and quantized by ONNX Runtime's tools, whose operators are ONNX Runtime's own
VARIANTS |= {
    f"{name}-O{level}": (base, [optimized(level)])
    for level, bases in {
        1: {"bert": "torchscript-17"},
        2: {"bert": "torchscript-14", "bert-sdpa": "torchscript-14-sdpa", "bert-tf5": "torchscript-18-tf5-sdpa",
            "bert-dynamo": "dynamo-18", "distilbert": "distilbert", "roberta": "roberta", "xlm-roberta-dynamo": "xlm-roberta-dynamo",
            "deberta-v2": "deberta-v2", "jina-bert": "jina-bert", "new": "new", "mpnet": "mpnet", "electra": "electra"},
        3: {"bert": "torchscript-17", "xlm-roberta": "xlm-roberta"},
        4: {"bert": "torchscript-17", "xlm-roberta": "xlm-roberta", "deberta-v2": "deberta-v2"},
    }.items()
    for name, base in bases.items()
}
VARIANTS |= {
    "bert-O2-heads": ("torchscript-17", [optimized(2, "heads")]),
    "bert-O4-half-output": ("torchscript-17", [optimized(4, "io")]),
    "bert-O2-quantized": ("torchscript-17", [optimized(2), INT8_DYNAMIC]),
    "bert-O2-uint8": ("torchscript-17", [optimized(2), UINT8_DYNAMIC]),
    "bert-extended": ("torchscript-17", [saved(EXTENDED)]),
    "bert-all": ("torchscript-17", [saved(ALL)]),
    "bert-int8-extended": ("torchscript-17", [INT8_DYNAMIC, saved(EXTENDED)]),
    "modernbert-extended": ("modernbert", [saved(EXTENDED)]),
    "deberta-v2-extended": ("deberta-v2", [saved(EXTENDED)]),
    "jina-bert-extended": ("jina-bert", [saved(EXTENDED)]),
    "new-extended": ("new", [saved(EXTENDED)]),
    "bert-fp16": ("torchscript-17", [half(True)]),
    "bert-fp16-output": ("torchscript-17", [half(False)]),
    "bert-q4": ("torchscript-17", [Q4]),
    "bert-q4f16": ("torchscript-17", [half(True), Q4]),
    "bert-q8": ("torchscript-17", [Q8]),
    "bert-q4-asymmetric": ("torchscript-17", [ASYMMETRIC_Q4]),
    "bert-q4-tables": ("torchscript-17", [SYMMETRIC_TABLES]),
    "modernbert-q4": ("modernbert", [Q4]),
    "modernbert-q4f16": ("modernbert", [half(True), Q4]),
    "deberta-v2-q4": ("deberta-v2", [Q4]),
    "new-q4": ("new", [Q4]),
    "bert-bnb4": ("torchscript-17", [bnb4(1, 64)]),
    "bert-fp4": ("torchscript-17", [bnb4(0, 16)]),
    "jina-bert-bnb4": ("jina-bert", [bnb4(1, 64)]),
    "modernbert-uint8": ("modernbert", [UINT8_DYNAMIC]),
    "deberta-v2-uint8": ("deberta-v2", [UINT8_DYNAMIC]),
}

# The same, for graphs that give a probability
PROBABILITIES = {
    "bert-sigmoid": ("torchscript-17", [on_model(sigmoid)]),
    "bert-sigmoid-qdq": ("torchscript-17", [on_model(sigmoid), DEFAULTS]),
    "bert-rounded-sigmoid": ("torchscript-17", [on_model(rounded_sigmoid)]),
    "bert-softmax": ("torchscript-17", [on_model(softmax)]),
    "deberta-v2-sigmoid": ("deberta-v2", [on_model(sigmoid)]),
    "deberta-v2-softmax": ("deberta-v2", [on_model(softmax)]),
}


def write(name, folder):
    base, steps = (VARIANTS | PROBABILITIES)[name]
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True)
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(GRAPHS / base / file, folder)
    cases = json.loads((GRAPHS / base / "expected.json").read_text())["cases"]
    graph = onnx.load(GRAPHS / base / "onnx" / "model.onnx")
    feeds = [feed(case, {value.name for value in graph.graph.input}) for case in cases]
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "model.onnx"
        onnx.save(graph, path)
        shutil.copy(folder / "config.json", temporary)
        for step in steps:
            step(path, feeds)
        model = onnx.load(path)
    del model.graph.value_info[:], model.metadata_props[:]
    onnx.save(model, folder / "onnx" / "model.onnx")
    expected = {
        "about": {
            "what": "The output of the graph in onnxruntime without graph optimizations, one pair in each run.",
            "base": base, "onnx": onnx.__version__, "onnxruntime": ort.__version__,
        },
        "is_probability": name in PROBABILITIES,
    }
    run = session(model)
    rows = []
    for case, inputs in zip(cases, feeds):
        output = np.asarray(run(inputs)).reshape(-1)
        row = {"query": case["query"], "document": case["document"], "output": [float(f"{x:.7g}") for x in output]}
        rows.append(json.dumps(row, ensure_ascii=False))
    text = json.dumps(expected, indent=1)[:-2]
    (folder / "expected.json").write_text(text + ',\n "cases": [\n  ' + ",\n  ".join(rows) + "\n ]\n}\n")


def feed(case, names):
    ids = np.array([case["input_ids"]], np.int64)
    types = np.array([case.get("token_type_ids", [0] * ids.shape[1])], np.int64)
    values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
    return {name: value for name, value in values.items() if name in names}


def session(model):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    opened = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda inputs: opened.run(None, inputs)[0]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", nargs="+", choices=VARIANTS | PROBABILITIES, default=VARIANTS | PROBABILITIES)
    arguments.add_argument("--out", type=pathlib.Path, default=HERE.parent / "data" / "flavours")
    options = arguments.parse_args()
    for name in VARIANTS | PROBABILITIES:
        if name in options.only:
            write(name, options.out / name)
            print(name, flush=True)


if __name__ == "__main__":
    main()
