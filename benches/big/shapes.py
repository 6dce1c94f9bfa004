"""Times crossrank against ONNX Runtime on models with the shapes of published rerankers and random weights, in
int8, on one thread, on passages of TREC DL 2019. See README.md.

    python shapes.py [--rounds N] [--out FILE] [--worker FILE] [--folder FOLDER] [--only NAME...]
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/generate"))
BATCHES = [1, 4, 8]
MAX_TOKENS = 512

# name: (architecture, width, layers, heads, inner width, vocabulary). Those with the byte-level tokenizer have its
# vocabulary, whose size does not change the time.
SHAPES = {
    "MiniLM-L6": ("bert", 384, 6, 12, 1536, 30522),
    "ModernBERT 17M": ("modernbert", 256, 7, 4, 384, 50368),
    "ModernBERT 32M": ("modernbert", 384, 10, 6, 576, 50368),
    "ModernBERT 149M": ("modernbert", 768, 22, 12, 1152, 50368),
    "JinaBERT tiny": ("jina-bert", 384, 4, 12, 1536, 50368),
    "gte new base": ("new", 768, 12, 12, 3072, 50368),
    "MPNet base": ("mpnet", 768, 12, 12, 3072, 50368),
    "DeBERTa-v3 xsmall": ("deberta-v2", 384, 12, 6, 1536, 50368),
}


def corpus():
    folder = pathlib.Path(os.environ["CROSSRANK_EVAL_DIR"]) / "trec-dl-19"
    with open(folder / "corpus.jsonl") as lines:
        return [json.loads(line)["text"] for line in lines]


def byte_pairs(texts, size):
    """Byte-level BPE as ModernBERT has it, trained on the texts, whose words it knows as the published one does."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)],
    )
    return tokenizer


def model_of(architecture, width, layers, heads, inner, vocabulary):
    import tiny
    import torch
    import transformers

    tiny.VOCAB, tiny.BYTES_VOCAB, tiny.MAX_TOKENS = vocabulary, vocabulary, MAX_TOKENS
    size = dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner)
    if architecture == "modernbert":
        config = transformers.ModernBertConfig(
            vocab_size=vocabulary, max_position_embeddings=MAX_TOKENS, num_labels=1, pad_token_id=1, bos_token_id=0,
            cls_token_id=0, eos_token_id=2, sep_token_id=2, attn_implementation="sdpa", reference_compile=False, **size)
        return transformers.ModernBertForSequenceClassification(config)
    if architecture == "deberta-v2":
        config = transformers.DebertaV2Config(
            vocab_size=vocabulary, max_position_embeddings=MAX_TOKENS, type_vocab_size=0, num_labels=1, relative_attention=True,
            position_buckets=256, norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"],
            position_biased_input=False, pooler_dropout=0, layer_norm_eps=1e-7, attn_implementation="eager", **size)
        return transformers.DebertaV2ForSequenceClassification(config)
    if architecture == "mpnet":
        return tiny.mpnet(size)
    return {"bert": tiny.bert, "jina-bert": tiny.JinaBert, "new": tiny.New}[architecture](size)


def make(name, folder, tokenizer):
    import gc
    import inspect

    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    import tiny

    # Random weights of the usual size; their distribution does not change the time.
    model = model_of(*SHAPES[name]).eval()
    (folder / "onnx").mkdir(parents=True)
    settings = model.config.to_diff_dict()
    settings.pop("attn_implementation", None)
    # The corpus is too small for as many tokens as the models have.
    settings.pop("vocab_size", None)
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": MAX_TOKENS}))
    shutil.copy(tokenizer, folder / "tokenizer.json")
    model.config.return_dict = False
    inputs = [i for i in ["input_ids", "attention_mask", "token_type_ids"] if i in inspect.signature(model.forward).parameters]
    inputs = inputs if SHAPES[name][0] in ["bert", "jina-bert"] else inputs[:2]
    example = tuple(torch.full((2, 9), i % 2, dtype=torch.int64) for i, _ in enumerate(inputs))
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = pathlib.Path(temporary) / "model.onnx"
        torch.onnx.export(
            model, example, str(graph), dynamo=False, opset_version=17, input_names=inputs, output_names=["logits"],
            dynamic_axes={i: {0: "batch", 1: "length"} for i in inputs} | {"logits": {0: "batch"}})
        del model
        gc.collect()
        quantize_dynamic(graph, folder / "onnx/model_quantized.onnx", weight_type=QuantType.QInt8, per_channel=True,
                         reduce_range=True)


def workloads(texts):
    long = [" ".join(texts[i : i + 12]) for i in range(1000, 1060, 12)]
    return {"32 passages": texts[:32], "5 long documents": long}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "target/big/shapes")
    parser.add_argument("--worker", default=str(ROOT / "target/release/examples/bench_worker"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benches/record" / f"{time.strftime('%Y-%m-%d')}-shapes.md")
    parser.add_argument("--only", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--make", action="store_true", help="make the models, and measure nothing")
    args = parser.parse_args()

    import onnxruntime
    from tokenizers import Tokenizer

    texts, trained = corpus(), args.folder / "byte-pairs.json"
    args.folder.mkdir(parents=True, exist_ok=True)
    if not trained.exists():
        byte_pairs(texts, 50280).save(str(trained))
    for name in args.only:
        folder = args.folder / name.replace(" ", "-")
        if not (folder / "onnx/model_quantized.onnx").exists():
            shutil.rmtree(folder, ignore_errors=True)
            of_bert = ROOT / "benches/model/minilm-l6-en/tokenizer.json"
            make(name, folder, of_bert if name.startswith("MiniLM") else trained)
            print(f"made {name}", flush=True)
    if args.make:
        return

    lines = []

    def say(line=""):
        print(line, flush=True)
        lines.append(line)

    from run import Worker

    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    say(f"# Shapes of rerankers, {time.strftime('%Y-%m-%d')}, {commit}")
    say()
    say(f"`benches/big/shapes.py`: random weights in int8 by onnxruntime {onnxruntime.__version__}'s `quantize_dynamic`, one thread, "
        f"{platform.machine()} ({cpu[0] if cpu else 'unknown'}), load average {os.getloadavg()[0]:.1f} at the start. The two take turns, "
        "and each on MiniLM-L6's shape with its own tokenizer too. onnxruntime has length-sorted batches of its best size and is given "
        "token ids; crossrank's time includes tokenizing.")
    say()
    say("| shape | texts | tokens | crossrank, ms | onnxruntime, ms | batch | paired ratio | / MiniLM-L6, crossrank | runs on |")
    say("|---|---|---|---|---|---|---|---|---|")
    base = {}
    query = "what is the average cost of a new roof"
    for name in args.only:
        folder = args.folder / name.replace(" ", "-")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.enable_truncation(MAX_TOKENS, strategy="longest_first")
        ours, theirs = Worker([args.worker]), Worker([sys.executable, str(HERE / "peer.py")])
        loaded = ours.send(op="load", model=str(folder), threads=1)
        theirs.send(op="load", model=str(folder), threads=1)
        for workload, documents in workloads(texts).items():
            encodings = [tokenizer.encode(query, document) for document in documents]
            given = dict(op="prepare", ids=[e.ids for e in encodings])
            best = {}
            for batch in BATCHES:
                theirs.send(batch=batch, **given)
                theirs.send(op="run")
                best[batch] = theirs.send(op="run")["ms_total"]
            batch = min(best, key=best.get)
            theirs.send(batch=batch, **given)
            ours.send(op="prepare", pairs=[[query, document] for document in documents])
            ours.send(op="run")
            times = [[], []]
            for turn in range(args.rounds):
                for which in [(0, 1), (1, 0)][turn % 2]:
                    times[which].append((ours, theirs)[which].send(op="run")["ms_total"])
            medians = [statistics.median(t) for t in times]
            paired = statistics.median(a / b for a, b in zip(*times))
            base.setdefault(workload, medians[0])
            say(f"| {name} | {workload} | {sum(len(e.ids) for e in encodings)} | {medians[0]:.1f} | {medians[1]:.1f} | {batch} | {paired:.2f} | "
                f"{medians[0] / base[workload]:.2f} | {loaded.get('kernel') or 'tract'} |")
        ours.close()
        theirs.close()
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
