"""Writes tests/data/graphs: tiny cross-encoders as real exporters write them. See README.md.

    python graphs.py [--only NAME] [--out FOLDER]

Each variant names the major version of transformers that it needs. A run writes the variants of the
installed version.
"""

import argparse
import inspect
import json
import pathlib
import shutil
import tempfile
import warnings

import onnx
import onnxruntime as ort
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic

import expected
import rewrite
import tiny

HERE = pathlib.Path(__file__).resolve().parent
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


def torchscript(opset):
    """torch.onnx.export through TorchScript, as optimum calls it."""

    def export(model, inputs, path):
        torch.onnx.export(
            model, tuple(inputs.values()), path, dynamo=False, opset_version=opset,
            do_constant_folding=True, input_names=list(inputs), output_names=["logits"],
            dynamic_axes={name: {0: "batch_size", 1: "sequence_length"} for name in inputs}
            | {"logits": {0: "batch_size"}},
        )

    return export


def dynamo(opset):
    """torch.onnx.export through torch.export, the default of current torch."""

    def export(model, inputs, path):
        sizes = {0: torch.export.Dim("batch_size"), 1: torch.export.Dim("sequence_length", max=tiny.MAX_TOKENS)}
        torch.onnx.export(
            model, tuple(inputs.values()), path, dynamo=True, opset_version=opset, verbose=False,
            external_data=False, input_names=list(inputs), output_names=["logits"],
            dynamic_shapes=tuple(sizes for _ in inputs),
        )

    return export


def on_model(change):
    """A step that edits the loaded graph."""

    def step(path):
        onnx.save(change(onnx.load(path)), path)

    return step


def dynamic_int8(weight_type, per_channel=False, reduce_range=False, **options):
    """onnxruntime's dynamic quantization."""

    def step(path):
        quantize_dynamic(path, path, weight_type=weight_type, per_channel=per_channel,
                         reduce_range=reduce_range, **options)

    return step


def ort_optimized(level):
    """The graph as onnxruntime writes it after optimizing it."""

    def step(path):
        options = ort.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    return step


def fused_for_ort(path):
    """The graph after onnxruntime.transformers.optimizer, with operators of the com.microsoft domain."""
    from onnxruntime.transformers import optimizer

    optimizer.optimize_model(str(path), "bert", num_heads=2, hidden_size=16, opt_level=0).save_model_to_file(str(path))


def half(path):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)


def attention_too(weight_type, **options):
    """Dynamic quantization as optimum and sentence-transformers do it: attention's products of two activations too."""
    return dynamic_int8(weight_type, extra_options={"MatMulConstBOnly": False}, **options)


INT8, UINT8 = QuantType.QInt8, QuantType.QUInt8
BASIC = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
CHANNEL_REDUCED = dict(per_channel=True, reduce_range=True)


def small():
    return tiny.bert(tiny.SMALL)


def small_sdpa():
    return tiny.bert(tiny.SMALL, "sdpa")


def positions_from_one(model):
    """A model that gives the first token the second position."""
    positions = model.bert.embeddings.position_ids
    positions.copy_((positions + 1) % positions.shape[1])
    return model


# model_type: (tokenizer, whether its models distinguish segments)
ARCHITECTURES = {
    "bert": (tiny.wordpiece, True),
    "electra": (tiny.wordpiece, True),
    "ernie": (tiny.wordpiece, True),
    "mean-pooled": (tiny.wordpiece, True),
    "distilbert": (tiny.wordpiece, False),
    "xlm-roberta": (tiny.unigram, False),
    "roberta": (tiny.byte_pairs, False),
    "mpnet": (tiny.unigram, False),
    "deberta": (tiny.byte_pairs, False),
    "deberta-v2": (tiny.deberta_unigram, False),
    "modernbert": (tiny.byte_pairs, False),
    "new": (tiny.unigram, False),
}


# folder: (major version of transformers, model, exporter, steps after it, name of the graph file)
VARIANTS = {
    # f32 encoders
    "torchscript-14": (4, tiny.bert, torchscript(14), [], "model"),
    "torchscript-17": (4, small, torchscript(17), [], "model"),
    "torchscript-14-mask-10000": (4, small, torchscript(14), [on_model(lambda m: rewrite.mask_constant(m, -1e4))], "model"),
    "torchscript-14-sdpa": (4, small_sdpa, torchscript(14), [], "model"),
    "torchscript-18-tf5": (5, small, torchscript(18), [], "model"),
    "torchscript-18-tf5-sdpa": (5, small_sdpa, torchscript(18), [], "model"),
    "dynamo-18": (4, small, dynamo(18), [], "model"),
    "dynamo-20": (4, tiny.bert, dynamo(20), [], "model"),
    "dynamo-20-sdpa": (4, small_sdpa, dynamo(20), [], "model"),
    "dynamo-20-tf5-sdpa": (5, small_sdpa, dynamo(20), [], "model"),
    "ort-basic": (4, small, torchscript(14), [ort_optimized(BASIC)], "model"),
    # int8 encoders
    "int8-channel-reduced": (4, tiny.bert, torchscript(14), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "int8-tensor": (4, small, torchscript(14), [dynamic_int8(INT8)], "model_quantized"),
    "uint8-tensor": (4, small, torchscript(14), [dynamic_int8(UINT8)], "model_quantized"),
    "uint8-channel": (4, small, torchscript(14), [dynamic_int8(UINT8, per_channel=True)], "model_quantized"),
    "int8-tensor-asymmetric": (4, small, torchscript(14), [dynamic_int8(INT8, extra_options={"WeightSymmetric": False})], "model_quantized"),
    "int8-channel-matmul-only": (4, small, torchscript(17), [dynamic_int8(INT8, per_channel=True, op_types_to_quantize=["MatMul"])], "model_quantized"),
    "int8-dynamo-20": (4, tiny.bert, dynamo(20), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "int8-tf5-sdpa": (5, small_sdpa, dynamo(20), [dynamic_int8(UINT8)], "model_quantized"),
    "int8-odd-sizes": (4, lambda: tiny.bert(tiny.ODD), torchscript(14), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "int8-weights-only": (4, small, torchscript(14), [on_model(rewrite.weights_only_int8)], "model_int8"),
    "int8-xlm-roberta": (4, tiny.xlm_roberta, torchscript(14), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    # Attention's products of two activations in int8 too
    "int8-attention": (4, tiny.bert, torchscript(14), [attention_too(INT8, per_channel=True)], "model_qint8_avx512_vnni"),
    "int8-attention-tensor": (4, small, torchscript(14), [attention_too(INT8)], "model_qint8_arm64"),
    "uint8-attention": (4, small, torchscript(14), [attention_too(UINT8, per_channel=True)], "model_quint8_avx2"),
    "uint8-attention-tensor": (4, small, torchscript(17), [attention_too(UINT8, reduce_range=True)], "model_quint8_avx2"),
    "int8-attention-sdpa": (4, small_sdpa, dynamo(20), [attention_too(INT8, **CHANNEL_REDUCED)], "model_qint8_avx512"),
    "int8-attention-xlm-roberta": (4, tiny.xlm_roberta, torchscript(14), [attention_too(INT8, per_channel=True)], "model_qint8_avx512_vnni"),
    "int8-attention-distilbert": (4, tiny.distilbert, torchscript(14), [attention_too(UINT8)], "model_uint8"),
    # Weights in a file beside the graph
    "external-f32": (5, small, torchscript(18), [], "model"),
    "external-int8": (5, tiny.bert, torchscript(18), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "other-external": (5, tiny.mean_pooled, torchscript(18), [], "model"),
    # Architectures of BERT's family, which run fused
    "torchscript-14-relu": (4, lambda: tiny.bert(tiny.SMALL, hidden_act="relu"), torchscript(14), [], "model"),
    "torchscript-14-gelu-tanh": (4, lambda: tiny.bert(tiny.SMALL, hidden_act="gelu_new"), torchscript(14), [], "model"),
    "dynamo-20-gelu-tanh": (4, lambda: tiny.bert(tiny.SMALL, hidden_act="gelu_pytorch_tanh"), dynamo(20), [], "model"),
    "torchscript-14-no-segments": (4, tiny.without_segments, torchscript(14), [], "model"),
    "head-one-layer": (4, tiny.headed, torchscript(14), [], "model"),
    "head-relu": (4, lambda: tiny.headed(torch.relu), torchscript(14), [], "model"),
    "head-gelu": (4, lambda: tiny.headed(torch.nn.functional.gelu), dynamo(20), [], "model"),
    "roberta": (4, tiny.roberta, torchscript(14), [], "model"),
    "roberta-tf5-sdpa": (5, lambda: tiny.roberta(attention="sdpa"), torchscript(18), [], "model"),
    "int8-roberta": (4, tiny.roberta, torchscript(14), [dynamic_int8(INT8)], "model_quantized"),
    "xlm-roberta": (4, lambda: tiny.xlm_roberta(tiny.BERT), torchscript(14), [], "model"),
    "xlm-roberta-dynamo": (4, tiny.xlm_roberta, dynamo(18), [], "model"),
    "xlm-roberta-tf5-sdpa": (5, lambda: tiny.xlm_roberta(attention="sdpa"), dynamo(20), [], "model"),
    "int8-tensor-xlm-roberta": (4, tiny.xlm_roberta, torchscript(14), [dynamic_int8(UINT8)], "model_quantized"),
    "int8-xlm-roberta-tf5-sdpa": (5, lambda: tiny.xlm_roberta(attention="sdpa"), dynamo(20), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "distilbert": (4, tiny.distilbert, torchscript(14), [], "model"),
    "distilbert-tf5-sdpa": (5, lambda: tiny.distilbert(attention="sdpa"), dynamo(20), [], "model"),
    "int8-distilbert": (4, tiny.distilbert, torchscript(14), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "int8-tensor-distilbert": (4, tiny.distilbert, torchscript(14), [dynamic_int8(UINT8)], "model_quantized"),
    # BERT under other names, or with other inputs and operators
    "electra": (4, tiny.electra, torchscript(14), [], "model"),
    "ernie": (4, tiny.ernie, torchscript(14), [], "model"),
    "ernie-task-types": (4, lambda: tiny.ernie(task_types=True), torchscript(14), [], "model"),
    "unnamed-bert": (4, small, torchscript(14), [], "model"),
    "unnamed-roberta": (4, tiny.roberta, torchscript(14), [], "model"),
    "position-ids": (4, lambda: tiny.WithPositions(small(), tiny.positions_from_zero).eval(), torchscript(14), [], "model"),
    "position-ids-roberta": (4, lambda: tiny.WithPositions(tiny.roberta(), tiny.positions_after_padding).eval(), torchscript(14), [], "model"),
    "dynamo-23-sdpa": (4, small_sdpa, dynamo(23), [], "model"),
    "half-unsorted": (4, small, torchscript(17), [on_model(lambda m: rewrite.half_except(m, ["Softmax", "LayerNormalization"]))], "model_fp16"),
    # Architectures with other positions, norms and feed-forward blocks, which run fused too
    "deberta-v2": (4, tiny.deberta_v2, torchscript(17), [], "model"),
    "deberta-v2-half": (4, tiny.deberta_v2, torchscript(17), [half], "model_fp16"),
    "deberta-v2-int8": (4, tiny.deberta_v2, torchscript(17), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "deberta-v2-int8-tensor": (5, tiny.deberta_v2, torchscript(18), [dynamic_int8(INT8)], "model_quantized"),
    "deberta-v2-tf5": (5, tiny.deberta_v2, dynamo(20), [], "model"),
    "jina-bert": (4, tiny.jina_bert, torchscript(14), [], "model"),
    "jina-bert-dynamo": (4, tiny.jina_bert, dynamo(20), [], "model"),
    "jina-bert-half": (4, tiny.jina_bert, torchscript(14), [half], "model_fp16"),
    "jina-bert-int8": (4, tiny.jina_bert, torchscript(14), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "jina-bert-int8-tensor": (4, tiny.jina_bert, torchscript(14), [dynamic_int8(UINT8)], "model_quantized"),
    "modernbert": (4, tiny.modernbert, torchscript(17), [], "model"),
    "modernbert-half": (4, tiny.modernbert, torchscript(17), [half], "model_fp16"),
    "modernbert-int8": (4, tiny.modernbert, dynamo(18), [dynamic_int8(INT8, **CHANNEL_REDUCED)], "model_quantized"),
    "modernbert-int8-tensor": (5, lambda: tiny.modernbert(attention="sdpa"), dynamo(20), [dynamic_int8(INT8)], "model_quantized"),
    "modernbert-tf5-sdpa": (5, lambda: tiny.modernbert(attention="sdpa"), dynamo(20), [], "model"),
    "mpnet": (4, tiny.mpnet, torchscript(17), [], "model"),
    "mpnet-half": (4, tiny.mpnet, torchscript(17), [half], "model_fp16"),
    "mpnet-half-unsorted": (4, tiny.mpnet, torchscript(17), [on_model(lambda m: rewrite.half_except(m, ["Softmax", "LayerNormalization"]))], "model_fp16"),
    "deberta-v2-two-layers": (4, lambda: tiny.deberta_v2(tiny.BERT), torchscript(17), [], "model"),
    "jina-bert-two-layers": (4, lambda: tiny.jina_bert(tiny.BERT), torchscript(17), [], "model"),
    "mpnet-two-layers": (4, lambda: tiny.mpnet(tiny.BERT), torchscript(17), [], "model"),
    "new-two-layers": (4, lambda: tiny.new(tiny.BERT), torchscript(17), [], "model"),
    "modernbert-cls": (4, lambda: tiny.modernbert(pooling="cls"), torchscript(14), [], "model"),
    "modernbert-sdpa": (4, lambda: tiny.modernbert(attention="sdpa"), torchscript(17), [], "model"),
    "new": (4, tiny.new, torchscript(14), [], "model"),
    "new-int8": (4, tiny.new, torchscript(14), [dynamic_int8(UINT8)], "model_quantized"),
    # Other architectures, on the general path
    "general-deberta": (4, tiny.deberta, torchscript(17), [], "model"),
    "general-silu-dynamo-23": (4, lambda: tiny.bert(tiny.SMALL, "sdpa", hidden_act="silu"), dynamo(23), [], "model"),
    "general-silu-int32": (4, lambda: tiny.bert(tiny.SMALL, hidden_act="silu"), torchscript(14), [on_model(rewrite.as_int32)], "model"),
    "general-silu-position-ids": (4, lambda: tiny.WithPositions(tiny.bert(tiny.SMALL, hidden_act="silu"), tiny.positions_from_zero).eval(), torchscript(14), [], "model"),
    "general-silu-int8-attention": (4, lambda: tiny.bert(tiny.SMALL, hidden_act="silu"), torchscript(14), [attention_too(INT8, per_channel=True)], "model_qint8_avx512_vnni"),
    # Graphs that the engine almost recognizes: it must refuse them or run them on the general path.
    "other-silu": (4, lambda: tiny.bert(tiny.SMALL, hidden_act="silu"), torchscript(14), [], "model"),
    "other-head-silu": (4, lambda: tiny.headed(torch.nn.functional.silu), torchscript(14), [], "model"),
    "other-positions-from-one": (4, lambda: positions_from_one(small()), torchscript(14), [], "model"),
    "other-padding-counts": (4, tiny.padding_counts, torchscript(14), [], "model"),
    "other-two-labels": (4, lambda: tiny.bert(tiny.SMALL, num_labels=2), torchscript(14), [], "model"),
    "other-mean-pooled": (4, tiny.mean_pooled, torchscript(14), [], "model"),
    "other-fused-for-ort": (4, small, torchscript(14), [fused_for_ort], "model"),
    "other-half": (4, small, torchscript(14), [half], "model_fp16"),
}

# The names of the files with external weights: optimum's, torch's and an arbitrary one.
EXTERNAL = {"external-f32": "model.onnx_data", "external-int8": "model_quantized.onnx.data", "other-external": "weights"}


def write(name, folder):
    _, make, export, steps, file = VARIANTS[name]
    model = make()
    make_tokenizer, segments = ARCHITECTURES[model.config.model_type]
    tokenizer, tokenizer_config = make_tokenizer()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=1) + "\n")
    settings = model.config.to_diff_dict()
    settings.pop("attn_implementation", None)
    if name.startswith("unnamed-"):
        for key in ("model_type", "architectures"):
            settings.pop(key)
    (folder / "config.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")

    reads = inspect.signature(model.forward).parameters
    names = [name for name in INPUTS if name in reads and (segments or name != "token_type_ids")]
    if isinstance(model, tiny.WithPositions):
        names = [*INPUTS, "position_ids"]
    ids = torch.randint(5, tiny.VOCAB, (2, 16), generator=torch.Generator().manual_seed(1))
    rows = tiny.positions_after_padding(ids)
    inputs = dict(zip(names, (ids, torch.ones_like(ids), (torch.arange(16) > 7).long().expand(2, 16), rows)))
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "graph.onnx"
        export(model, inputs, path)
        for step in steps:
            step(path)
        graph = rewrite.strip_notes(onnx.load(path))
    external = dict(save_as_external_data=True, size_threshold=0, location=EXTERNAL[name]) if name in EXTERNAL else {}
    # Writing weights to a file removes them from the graph in memory, so a copy is written.
    onnx.save_model(onnx.ModelProto.FromString(graph.SerializeToString()), folder / "onnx" / f"{file}.onnx", **external)
    expected.write(folder, model, tokenizer, names, graph)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", choices=VARIANTS, nargs="+")
    arguments.add_argument("--out", type=pathlib.Path, default=HERE.parent / "data" / "graphs")
    options = arguments.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    major = int(transformers.__version__.split(".")[0])
    for name, (needs, *_) in VARIANTS.items():
        if needs == major and (options.only is None or name in options.only):
            write(name, options.out / name)
            print(name, flush=True)


if __name__ == "__main__":
    main()
