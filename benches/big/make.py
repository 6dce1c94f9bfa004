"""Makes a model with the shape of bge-reranker-large and random weights: in f32 with external data,
and in int8 by ONNX Runtime. See README.md.

    python make.py FOLDER [--layers 24] [--architecture xlm-roberta]
"""

import argparse
import gc
import json
import pathlib
import shutil
import sys
import warnings

import onnx
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/generate"))
from tiny import seeded  # noqa: E402

VOCAB = 250_002
MAX_TOKENS = 512
SHAPE = dict(vocab_size=VOCAB, hidden_size=1024, num_attention_heads=16, intermediate_size=4096, num_labels=1,
             attn_implementation="eager")


def bert(layers):
    """The same shape in an architecture that has a simpler tokenizer."""
    config = transformers.BertConfig(max_position_embeddings=MAX_TOKENS, num_hidden_layers=layers, **SHAPE)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(VOCAB - 5)]
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(tokens[:5])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return transformers.BertForSequenceClassification(config), tokenizer, ["input_ids", "attention_mask", "token_type_ids"]


def xlm_roberta(layers):
    config = transformers.XLMRobertaConfig(
        max_position_embeddings=MAX_TOKENS + 2, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, num_hidden_layers=layers, **SHAPE)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokens = special + ["▁"] + [f"▁w{i}" for i in range(VOCAB - 6)] + ["<mask>"]
    scores = [(token, 0.0 if token in special else -1.0 - 5e-5 * i) for i, token in enumerate(tokens)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3))
    tokenizer.normalizer = normalizers.Replace("  ", " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special + ["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return transformers.XLMRobertaForSequenceClassification(config), tokenizer, ["input_ids", "attention_mask"]


def export(model, inputs, path):
    """Exports as optimum does: through TorchScript, with the weights in one file beside the graph."""
    parts = path.parent / "parts"
    parts.mkdir(parents=True)
    example = {name: torch.ones(2, 9, dtype=torch.int64) for name in inputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, tuple(example.values()), str(parts / "model.onnx"), dynamo=False, opset_version=14, input_names=inputs,
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in inputs} | {"logits": {0: "batch"}},
        )
    del model
    gc.collect()
    onnx.save_model(onnx.load(parts / "model.onnx"), path, save_as_external_data=True, location="model.onnx_data")
    shutil.rmtree(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--architecture", choices=["xlm-roberta", "bert"], default="xlm-roberta")
    args = parser.parse_args()
    model, tokenizer, inputs = {"bert": bert, "xlm-roberta": xlm_roberta}[args.architecture](args.layers)
    for kind in ["f32", "int8"]:
        folder = args.folder / kind
        (folder / "onnx").mkdir(parents=True)
        model.config.save_pretrained(folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": MAX_TOKENS}))
    graph = args.folder / "f32/onnx/model.onnx"
    model.config.return_dict = False
    # `inputs` has the order of the arguments of transformers' models.
    export(seeded(model), inputs, graph)
    del model
    gc.collect()
    # The published int8 files are made in this way.
    quantize_dynamic(graph, args.folder / "int8/onnx/model_quantized.onnx", weight_type=QuantType.QInt8,
                     per_channel=True, reduce_range=True)


if __name__ == "__main__":
    main()
