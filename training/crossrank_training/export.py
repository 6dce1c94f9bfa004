"""From a checkpoint to the files of the model: ONNX in f32 and int8, config.json and golden pairs."""

import json
import math
import shutil
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from torch import Tensor, nn

from . import calibrate, evaluate, model
from .model import CrossEncoder
from .pairs import load_tokenizer

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OPSET = 14


class Graph(nn.Module):
    """The model in the operators that ONNX files of BERT commonly have."""

    def __init__(self, encoder: CrossEncoder):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("positions", torch.arange(encoder.shape.positions)[None])

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        bert = self.encoder.bert
        table = bert["embeddings"]
        x = table["word_embeddings"](input_ids) + table["token_type_embeddings"](token_type_ids)
        x = x + table["position_embeddings"](self.positions[:, : input_ids.shape[1]])
        x = table["LayerNorm"](x)
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -10000.0
        for block in bert["encoder"]["layer"]:
            attended = block.attention["output"]
            x = attended["LayerNorm"](x + attended["dense"](self._attend(block, x, mask)))
            wide = nn.functional.gelu(block.intermediate["dense"](x))
            x = block.output["LayerNorm"](x + block.output["dense"](wide))
        return self.encoder.classifier(torch.tanh(bert["pooler"]["dense"](x[:, 0])))

    def _attend(self, block: model.Block, x: Tensor, mask: Tensor) -> Tensor:
        hidden = self.encoder.shape.hidden
        width = hidden // block.heads

        def split(name: str) -> Tensor:
            y = block.attention["self"][name](x)
            return y.view(y.shape[0], y.shape[1], block.heads, width).transpose(1, 2)

        scores = torch.matmul(split("query"), split("key").transpose(-1, -2)) / math.sqrt(width)
        mixed = torch.matmul((scores + mask).softmax(-1), split("value")).transpose(1, 2)
        return mixed.reshape(mixed.shape[0], mixed.shape[1], hidden)


def calibrated(encoder: CrossEncoder, scale: float, bias: float) -> CrossEncoder:
    """Folds `scale * logit + bias` into the classifier."""
    with torch.no_grad():
        encoder.classifier.weight.mul_(scale)
        encoder.classifier.bias.mul_(scale).add_(bias)
    return encoder


def build(
    checkpoint: Path, words: Path, given: Path, dev: Path, into: Path, trained_tokens: int, golden: Path,
    as_trained: bool = False,
) -> None:
    """Writes the files of the model to `into`: those of the folder `given`, with new weights and a calibrated score.

    `as_trained` leaves the score as training gave it, and only reports the calibration.
    The f32 graph, the golden pairs and the calibration lie beside the folder `onnx`, which is what is shipped.
    """
    encoder = model.load(checkpoint, words, model.Shape.read(given / "config.json"))
    tokenizer = load_tokenizer(given / "tokenizer.json")
    development = evaluate.read_sets(dev, tokenizer)
    scores = evaluate.score(encoder, development)
    fitted = calibrate.fit(development, scores)
    if not as_trained:
        calibrated(encoder, fitted.scale, fitted.bias)
    (into / "onnx").mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (given / name).exists():
            shutil.copyfile(given / name, into / name)
    write_config(given / "config.json", into / "config.json", trained_tokens)
    write_onnx(encoder, into)
    pairs = json.loads(golden.read_text())["pairs"]
    write_golden(pairs, tokenizer, into, into / "golden.json")
    report = {**asdict(fitted), "dev": evaluate.summarize(development, scores)}
    (into / "calibration.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report), flush=True)


def write_onnx(encoder: CrossEncoder, folder: Path) -> None:
    """Writes model.onnx and onnx/model_quantized.onnx. The same weights give the same bytes."""
    ids = torch.tensor([[101, 103, 102, 104, 105, 102]] * 2) % encoder.shape.vocabulary
    types = torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    sequence = {0: "batch_size", 1: "sequence_length"}
    axes = {name: sequence for name in INPUTS} | {"logits": {0: "batch_size"}}
    plain, quantized = folder / "model.onnx", folder / "onnx" / "model_quantized.onnx"
    with warnings.catch_warnings():
        # The newer exporter writes graphs that older runtimes cannot read.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Graph(encoder).eval(), (ids, torch.ones_like(ids), types), str(plain), dynamo=False, opset_version=OPSET,
            input_names=list(INPUTS), output_names=["logits"], dynamic_axes=axes,
        )
    onnx.checker.check_model(onnx.load(plain))
    quantize_dynamic(plain, quantized, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)


def write_config(given: Path, path: Path, trained_tokens: int) -> None:
    """Copies config.json with the longest pair, in tokens, that the weights were trained on, and their revision."""
    config = json.loads(given.read_text())
    revision = int(config.get("crossrank", {}).get("revision", 0)) + 1
    config["crossrank"] = {"trained_tokens": trained_tokens, "revision": str(revision)}
    path.write_text(json.dumps(config, indent=2) + "\n")


def write_golden(pairs: list[dict], tokenizer: Tokenizer, folder: Path, path: Path) -> None:
    """Encodes pairs with Hugging Face tokenizers and scores each alone with ONNX Runtime, in f32 and int8."""
    tokenizer.enable_truncation(512, strategy="longest_first")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = {
        name: onnxruntime.InferenceSession(folder / file, options, providers=["CPUExecutionProvider"])
        for name, file in (("logit_fp32", "model.onnx"), ("logit_int8_onnxruntime", "onnx/model_quantized.onnx"))
    }
    golden = []
    for pair in pairs:
        encoding = tokenizer.encode(pair["query"], pair["passage"])
        inputs = (encoding.ids, encoding.attention_mask, encoding.type_ids)
        feed = {name: np.array([values], np.int64) for name, values in zip(INPUTS, inputs)}
        logits = {name: float(session.run(None, feed)[0][0, 0]) for name, session in sessions.items()}
        kept = {name: pair[name] for name in ("id", "source", "query", "passage")}
        golden.append({**kept, "input_ids": encoding.ids, "token_type_ids": encoding.type_ids, **logits})
    differences = [abs(pair["logit_fp32"] - pair["logit_int8_onnxruntime"]) for pair in golden]
    about = (
        f"{len(golden)} pairs encoded with Hugging Face tokenizers (longest_first, 512), one pair a run, "
        f"ONNX Runtime {onnxruntime.__version__} CPU; fp32 from model.onnx, int8 from onnx/model_quantized.onnx "
        "(dynamic, per channel, reduce_range)"
    )
    summary = {"mean": float(np.mean(differences)), "max": float(np.max(differences))}
    record = {"about": about, "int8_minus_fp32_abs": summary, "pairs": golden}
    path.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
