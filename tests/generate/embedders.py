"""Writes tests/data/embedders: tiny bi-encoders in the layout of sentence-transformers. See README.md.

    python embedders.py [--only NAME] [--out FOLDER]
"""

import argparse
import json
import pathlib
import shutil
import warnings

import numpy as np
import onnx
import onnxruntime as ort
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic

import expected
import rewrite
import tiny

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["input_ids", "attention_mask", "token_type_ids"]
TEXTS = ["", "river", "the rank of a passage is its score", "bread and winter: 3.5 xyz", "apple winter " * 40]
# sentence-transformers' own names for its dynamic quantizations.
QUANTIZED = {
    "model_qint8_avx512_vnni": dict(weight_type=QuantType.QInt8, per_channel=True),
    "model_quint8_avx2": dict(weight_type=QuantType.QUInt8),
}
DIMENSIONS = 8


def bert():
    config = transformers.BertConfig(
        vocab_size=tiny.VOCAB, max_position_embeddings=tiny.MAX_TOKENS, attn_implementation="eager",
        architectures=["BertModel"], **tiny.SMALL,
    )
    return tiny.seeded(transformers.BertModel(config, add_pooling_layer=False))


def modernbert():
    headed = tiny.modernbert(attention="sdpa")
    model = headed.model
    model.config.architectures = ["ModernBertModel"]
    return model


# name: (model, tokenizer, inputs, quantizations)
MODELS = {
    "bert": (bert, tiny.wordpiece, NAMES, QUANTIZED),
    "modernbert": (modernbert, tiny.byte_pairs, NAMES[:2], {}),
}


def write(folder, make, make_tokenizer, names, quantized):
    model = make()
    tokenizer, tokenizer_config = make_tokenizer()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True)
    (folder / "1_Pooling").mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))

    def save(name, value):
        (folder / name).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")

    settings = model.config.to_diff_dict()
    settings.pop("attn_implementation", None)
    save("config.json", settings)
    save("tokenizer_config.json", tokenizer_config)
    save("1_Pooling/config.json", {"word_embedding_dimension": tiny.SMALL["hidden_size"], "pooling_mode_mean_tokens": True})
    save("config_sentence_transformers.json", {"prompts": {}, "truncate_dim": DIMENSIONS})
    save("modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{module}"}
        for i, (path, module) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])
    ])

    ids = torch.randint(5, tiny.VOCAB, (2, 16), generator=torch.Generator().manual_seed(1))
    inputs = dict(zip(names, (ids, torch.ones_like(ids), torch.zeros_like(ids))))
    path = folder / "onnx" / "model.onnx"
    torch.onnx.export(
        model, tuple(inputs.values()), path, dynamo=False, opset_version=14, do_constant_folding=True,
        input_names=names, output_names=["last_hidden_state"],
        dynamic_axes={name: {0: "batch_size", 1: "sequence_length"} for name in [*names, "last_hidden_state"]},
    )
    onnx.save(rewrite.strip_notes(onnx.load(path)), path)
    paths = {"model": path}
    for name, options in quantized.items():
        paths[name] = folder / "onnx" / f"{name}.onnx"
        quantize_dynamic(path, paths[name], extra_options={"MatMulConstBOnly": False}, **options)
        onnx.save(rewrite.strip_notes(onnx.load(paths[name])), paths[name])

    none = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    sessions = {name: expected.session(onnx.load(path), none) for name, path in paths.items()}
    for name in quantized:
        graph = rewrite.float_activations(rewrite.in_order(onnx.load(paths[name])))
        sessions[f"{name}, float activations"] = expected.session(graph, none)
    tokenizer.enable_truncation(tiny.MAX_TOKENS)
    cases = []
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        feed = {
            "input_ids": np.array([encoding.ids], np.int64),
            "attention_mask": np.array([encoding.attention_mask], np.int64),
            "token_type_ids": np.array([encoding.type_ids], np.int64),
        }
        feed = {name: feed[name] for name in names}
        with torch.no_grad():
            states = {"torch": model(**{k: torch.from_numpy(v) for k, v in feed.items()}).last_hidden_state.numpy()}
        states |= {name: run(feed) for name, run in sessions.items()}
        vectors = {name: [float(f"{x:.7g}") for x in rows[0].mean(0)] for name, rows in states.items()}
        cases.append({"text": text, "means": vectors})
    save("expected.json", {
        "about": "The mean state of each text, before it is truncated and normalized: of the f32 model in torch, and "
        "of each graph in onnxruntime without optimizations, also with its quantized weights and activations in f32.",
        "torch": torch.__version__.split("+")[0],
        "onnxruntime": ort.__version__,
        "transformers": transformers.__version__,
        "cases": cases,
    })


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", choices=MODELS)
    arguments.add_argument("--out", type=pathlib.Path, default=HERE.parent / "data" / "embedders")
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    options = arguments.parse_args()
    for name, model in MODELS.items():
        if options.only in [None, name]:
            write(options.out / name, *model)


if __name__ == "__main__":
    main()
