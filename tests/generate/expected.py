"""Writes expected.json: inputs of several lengths, and the logits that torch and onnxruntime give."""

import json

import numpy as np
import onnx
import onnxruntime as ort
import torch
import transformers
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

import rewrite
import tiny

PAIRS = [
    ("", ""),
    ("river", "apple"),
    ("search query", "the rank of a passage is its score"),
    ("token vector", "bread and winter: 3.5 xyz, it is a text model on orbit"),
    ("is it?", "the index of the search query and the document, as a vector with the score for bread"),
    ("apple", "winter " * 30),
    ("document score index", "apple river orbit bread the of and to in is it for on with as " * 4),
    ("search the word " * 9, "text model " * 20),
]


# Texts that contain the padding token, which has a position of its own in RoBERTa.
PADDED = ("search <pad> query", "the rank <pad><pad> of a passage")


class DequantizeLinear(OpRun):
    """onnx.reference has no such operator for opset 14. Only embeddings use it, with one scale for each tensor."""

    op_domain = ""

    def _run(self, x, scale, zero_point, **attributes):
        return ((x.astype(np.float32) - np.float32(zero_point)) * scale,)


class GatherElements(OpRun):
    """The operator of onnx.reference does not take an axis of more than 64 elements."""

    op_domain = ""

    def _run(self, x, indices, axis=0):
        return (np.take_along_axis(x, indices, axis),)


def write(folder, model, tokenizer, names, graph):
    tokenizer.enable_truncation(tiny.MAX_TOKENS, strategy="longest_first")
    sessions = {
        "ort_all": session(graph, ort.GraphOptimizationLevel.ORT_ENABLE_ALL),
        "ort_none": session(graph, ort.GraphOptimizationLevel.ORT_DISABLE_ALL),
    }
    if any(node.op_type == "MatMulInteger" for node in graph.graph.node):
        # onnxruntime's uint8 x int8 products saturate on some CPUs; these two never do.
        exact = ReferenceEvaluator(rewrite.in_order(graph), new_ops=[DequantizeLinear, GatherElements])
        sessions["reference"] = lambda feed: exact.run(None, feed)[0]
        sessions["float_activations"] = session(rewrite.float_activations(rewrite.in_order(graph)), ort.GraphOptimizationLevel.ORT_DISABLE_ALL)

    cases = []
    for query, document in PAIRS + [PADDED] * (tokenizer.token_to_id("<pad>") is not None):
        encoding = tokenizer.encode(query, document)
        case = {"query": query, "document": document, "input_ids": encoding.ids}
        if "token_type_ids" in names:
            case["token_type_ids"] = encoding.type_ids
        feed = {
            "input_ids": np.array([encoding.ids], np.int64),
            "attention_mask": np.array([encoding.attention_mask], np.int64),
            "token_type_ids": np.array([encoding.type_ids], np.int64),
        }
        if "position_ids" in names:
            feed["position_ids"] = model.rows(torch.from_numpy(feed["input_ids"])).numpy()
        feed = {name: feed[name] for name in names}
        with torch.no_grad():
            output = model(**{name: torch.from_numpy(value) for name, value in feed.items()})
        logits = {"torch": getattr(output, "logits", output).numpy()}
        logits |= {name: run(feed) for name, run in sessions.items()}
        case["logits"] = {name: plain(value) for name, value in logits.items()}
        cases.append(case)

    about = {
        "what": "One input in each run, no padding, one thread, CPU. torch: the f32 model. ort_all, ort_none: "
        "onnxruntime with all and with no graph optimizations. reference: onnx.reference, exact integers. "
        "float_activations: the same quantized weights, activations left in f32.",
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": ort.__version__,
        "producer": f"{graph.producer_name} {graph.producer_version}".split("+")[0],
        "opset": {o.domain or "ai.onnx": o.version for o in graph.opset_import},
    }
    text = json.dumps({"about": about, "cases": []}, indent=1)
    rows = ",\n  ".join(json.dumps(case) for case in cases)
    (folder / "expected.json").write_text(text.replace('"cases": []', f'"cases": [\n  {rows}\n ]') + "\n")


def session(graph, level):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    opened = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    narrow = {value.name for value in opened.get_inputs() if value.type == "tensor(int32)"}
    return lambda feed: opened.run(None, {k: v.astype(np.int32) if k in narrow else v for k, v in feed.items()})[0]


def plain(value):
    """The logit, or the list of logits where the model has several labels."""
    row = [float(f"{x:.7g}") for x in np.asarray(value).reshape(-1)]
    return row[0] if len(row) == 1 else row
