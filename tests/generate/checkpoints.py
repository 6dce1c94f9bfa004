"""Writes tests/data/checkpoints: tiny models in safetensors, as transformers and sentence-transformers save them.
See README.md.

    python checkpoints.py [--only NAME...] [--out FOLDER]
"""

import argparse
import json
import pathlib
import shutil
import tempfile
import warnings

import numpy as np
import sentence_transformers
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, LayerNorm, Normalize, Pooling, Transformer

import expected
import tiny

HERE = pathlib.Path(__file__).resolve().parent
WIDTH = tiny.SMALL["hidden_size"]
CLASSIFIER = dict(num_labels=1)


def gte():
    """gte-multilingual as transformers has it since its version 5."""
    config = transformers.GteConfig(
        vocab_size=tiny.VOCAB, max_position_embeddings=tiny.MAX_TOKENS, pad_token_id=1, type_vocab_size=1,
        attn_implementation="eager", **CLASSIFIER, **tiny.SMALL,
    )
    return tiny.seeded(transformers.GteForSequenceClassification(config))


def two_labels(names):
    return lambda: tiny.bert(tiny.SMALL, id2label=dict(enumerate(names)), num_labels=len(names))


# What the published files of models that are not classes of transformers call their tensors.
JINA_BERT = [
    ("word_embeddings", "bert.embeddings.word_embeddings"),
    ("segment_embeddings", "bert.embeddings.token_type_embeddings"),
    ("norm", "bert.embeddings.LayerNorm"),
    ("pooler", "bert.pooler.dense"),
    ("layers", "bert.encoder.layer"),
    (".query", ".attention.self.query"), (".key", ".attention.self.key"), (".value", ".attention.self.value"),
    (".output.", ".attention.output.dense."), (".attention_norm", ".attention.output.LayerNorm"),
    (".gated", ".mlp.gated_layers"), (".down", ".mlp.wo"), (".output_norm", ".mlp.layernorm"),
]
NEW = [
    ("word_embeddings", "new.embeddings.word_embeddings"),
    ("norm", "new.embeddings.LayerNorm"),
    ("pooler", "new.pooler.dense"),
    ("layers", "new.encoder.layer"),
    (".projections", ".attention.qkv_proj"), (".output.", ".attention.o_proj."), (".attention_norm", ".attn_ln"),
    (".gated", ".mlp.up_gate_proj"), (".down", ".mlp.down_proj"), (".output_norm", ".mlp_ln"),
]


def published(name, names):
    """The name of a tensor with its parts replaced: the beginning, and those that begin with a dot."""
    for ours, theirs in names:
        if ours in name if ours[0] == "." else name.startswith(ours):
            name = name.replace(ours, theirs, 1)
    return name


def new_scaled():
    """The base of gte-multilingual-reranker-base is scaled (NTK) to more tokens than it was trained with."""
    model = tiny.new()
    dim = WIDTH // tiny.SMALL["num_attention_heads"]
    base, factor = model.config.rope_theta, 8.0
    frequencies = (base * factor) ** (-torch.arange(0, dim, 2).float() / dim) / factor ** (2 / dim)
    angles = torch.arange(tiny.MAX_TOKENS)[:, None] * frequencies
    angles = torch.cat((angles, angles), -1)
    model.cosines, model.sines = angles.cos(), angles.sin()
    return model


# name: (model, tokenizer, options of `save`)
MODELS = {
    "bert": (lambda: tiny.bert(tiny.SMALL), tiny.wordpiece, {}),
    "bert-f16": (lambda: tiny.bert(tiny.SMALL), tiny.wordpiece, dict(dtype=torch.float16)),
    "bert-bf16": (lambda: tiny.bert(tiny.SMALL), tiny.wordpiece, dict(dtype=torch.bfloat16)),
    "bert-sharded": (lambda: tiny.bert(tiny.SMALL), tiny.wordpiece, dict(shard="12KB")),
    "bert-silu": (lambda: tiny.bert(tiny.SMALL, hidden_act="silu"), tiny.wordpiece, {}),
    "bert-relevance": (two_labels(["not_relevant", "relevant"]), tiny.wordpiece, dict(label=1)),
    "bert-three-labels": (two_labels(["contradiction", "entailment", "neutral"]), tiny.wordpiece, dict(label=0)),
    "ernie": (tiny.ernie, tiny.wordpiece, {}),
    "electra": (tiny.electra, tiny.wordpiece, {}),
    "distilbert": (tiny.distilbert, tiny.wordpiece, {}),
    "roberta": (tiny.roberta, tiny.byte_pairs, {}),
    "xlm-roberta": (tiny.xlm_roberta, tiny.unigram, {}),
    "mpnet": (tiny.mpnet, tiny.unigram, {}),
    "deberta-v2": (tiny.deberta_v2, tiny.deberta_unigram, {}),
    "modernbert": (tiny.modernbert, tiny.byte_pairs, {}),
    "modernbert-cls": (lambda: tiny.modernbert(pooling="cls"), tiny.byte_pairs, dict(old_config=True)),
    "jina-bert": (tiny.jina_bert, tiny.wordpiece, dict(names=JINA_BERT)),
    "new": (tiny.new, tiny.unigram, dict(names=NEW)),
    "new-scaled": (new_scaled, tiny.unigram, dict(names=NEW, scaled=True)),
    "gte": (gte, tiny.unigram, {}),
}


def modernbert_encoder():
    model = tiny.modernbert().model
    model.config.architectures = ["ModernBertModel"]
    return model


def nomic_bert_encoder():
    config = transformers.NomicBertConfig(
        vocab_size=tiny.VOCAB, max_position_embeddings=tiny.MAX_TOKENS, attn_implementation="eager",
        architectures=["NomicBertModel"], **tiny.SMALL,
    )
    return tiny.seeded(transformers.NomicBertModel(config))


def bert_encoder():
    config = transformers.BertConfig(
        vocab_size=tiny.VOCAB, max_position_embeddings=tiny.MAX_TOKENS, attn_implementation="eager",
        architectures=["BertModel"], **tiny.SMALL,
    )
    return tiny.seeded(transformers.BertModel(config, add_pooling_layer=False))


def ettin():
    """The head of cross-encoder/ettin-reranker-17m-v1 and its sisters."""
    return [
        Pooling(WIDTH, "cls"),
        Dense(WIDTH, WIDTH, bias=False, activation_function=torch.nn.GELU()),
        LayerNorm(WIDTH),
        Dense(WIDTH, 1, activation_function=torch.nn.Identity(), module_output_name="scores"),
    ]


def mean_tanh():
    """Another head: a mean, a narrower layer with tanh and a bias, and a score between 0 and 1."""
    return [
        Pooling(WIDTH, "mean"),
        Dense(WIDTH, WIDTH // 2),
        Dense(WIDTH // 2, 1, bias=False, activation_function=torch.nn.Sigmoid(), module_output_name="scores"),
    ]


# name: (encoder, tokenizer, modules after it, what sentence-transformers makes of the logit)
MODULAR = {
    "ettin": (modernbert_encoder, tiny.byte_pairs, ettin, torch.nn.Identity()),
    "modules-mean": (bert_encoder, tiny.wordpiece, mean_tanh, torch.nn.Identity()),
}
EMBEDDERS = {
    "embedder-bert": (bert_encoder, tiny.wordpiece),
    "embedder-modernbert": (modernbert_encoder, tiny.byte_pairs),
    "embedder-nomic-bert": (nomic_bert_encoder, tiny.wordpiece),
}
TEXTS = ["", "river", "the rank of a passage is its score", "bread and winter: 3.5 xyz", "apple winter " * 40]


def save_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def save_tokenizer(folder, make_tokenizer):
    tokenizer, settings = make_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_json(folder / "tokenizer_config.json", settings)
    return tokenizer


def save(folder, make, make_tokenizer, dtype=torch.float32, shard=None, names=None, old_config=False, scaled=False, label=None):
    model = make().to(dtype)
    tokenizer = save_tokenizer(folder, make_tokenizer)
    if names is None:
        model.save_pretrained(folder, max_shard_size=shard or "1GB")
    else:
        tensors = {published(name, names): tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        model.config.save_pretrained(folder)
    settings = json.loads((folder / "config.json").read_text())
    if old_config:
        # The names of transformers 4.
        for kind, name in [("full_attention", "global_rope_theta"), ("sliding_attention", "local_rope_theta")]:
            settings[name] = settings["rope_parameters"][kind]["rope_theta"]
        del settings["rope_parameters"], settings["layer_types"]
        settings["global_attn_every_n_layers"] = 3
    if names is NEW:
        # Its own code reads the settings as transformers 4 wrote them.
        settings.pop("rope_parameters", None)
        settings["rope_scaling"] = {"type": "ntk", "factor": 8.0} if scaled else None
    save_json(folder / "config.json", settings)

    # The logits are those of the stored weights, in f32.
    model = model.float()
    tokenizer.enable_truncation(tiny.MAX_TOKENS, strategy="longest_first")
    cases = []
    for query, document in expected.PAIRS + [expected.PADDED] * (tokenizer.token_to_id("<pad>") is not None):
        encoding = tokenizer.encode(query, document)
        feed = {"input_ids": [encoding.ids], "attention_mask": [encoding.attention_mask]}
        if make_tokenizer is tiny.wordpiece and "distilbert" not in str(folder):
            feed["token_type_ids"] = [encoding.type_ids]
        with torch.no_grad():
            output = model(**{name: torch.tensor(value) for name, value in feed.items()})
        logits = getattr(output, "logits", output)[0]
        cases.append({"query": query, "document": document, "logit": plain(logits[label or 0])})
    write_expected(folder, cases)


def save_modular(folder, make, make_tokenizer, modules, activation):
    with tempfile.TemporaryDirectory() as encoder:
        path = pathlib.Path(encoder)
        make().save_pretrained(path)
        tokenizer = save_tokenizer(path, make_tokenizer)
        head = modules()
        for module in head:
            tiny.seeded(module)
        model = CrossEncoder(modules=[Transformer(encoder), *head], activation_fn=activation, device="cpu")
        model.save_pretrained(str(folder), create_model_card=False)
    save_tokenizer(folder, make_tokenizer)
    tokenizer.enable_truncation(tiny.MAX_TOKENS, strategy="longest_first")
    cases = []
    for query, document in expected.PAIRS:
        encoding = tokenizer.encode(query, document)
        features = {"input_ids": torch.tensor([encoding.ids]), "attention_mask": torch.tensor([encoding.attention_mask])}
        if make_tokenizer is tiny.wordpiece:
            features["token_type_ids"] = torch.tensor([encoding.type_ids])
        with torch.no_grad():
            score = model(features)["scores"][0, 0]
        last = head[-1].activation_function
        logit = torch.logit(score) if isinstance(last, torch.nn.Sigmoid) else score
        cases.append({"query": query, "document": document, "logit": plain(logit)})
    write_expected(folder, cases)


def save_embedder(folder, make, make_tokenizer):
    with tempfile.TemporaryDirectory() as encoder:
        path = pathlib.Path(encoder)
        make().save_pretrained(path)
        save_tokenizer(path, make_tokenizer)
        modules = [Transformer(encoder), Pooling(WIDTH, "mean"), Normalize()]
        model = SentenceTransformer(modules=modules, device="cpu")
        model.save_pretrained(str(folder), create_model_card=False)
    tokenizer = save_tokenizer(folder, make_tokenizer)
    tokenizer.enable_truncation(tiny.MAX_TOKENS)
    cases = []
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        features = {"input_ids": torch.tensor([encoding.ids]), "attention_mask": torch.tensor([encoding.attention_mask])}
        with torch.no_grad():
            vector = model(features)["sentence_embedding"][0]
        cases.append({"text": text, "vector": [plain(x) for x in vector]})
    write_expected(folder, cases)


def plain(value):
    return float(f"{float(value):.7g}")


def write_expected(folder, cases):
    about = {
        "what": "Logits or vectors in f32, with the weights as they are stored. One input in each run, no padding.",
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "sentence-transformers": sentence_transformers.__version__,
    }
    rows = ",\n  ".join(json.dumps(case) for case in cases)
    text = json.dumps({"about": about, "cases": []}, indent=1)
    (folder / "expected.json").write_text(text.replace('"cases": []', f'"cases": [\n  {rows}\n ]') + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", nargs="+")
    arguments.add_argument("--out", type=pathlib.Path, default=HERE.parent / "data" / "checkpoints")
    options = arguments.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    kinds = [(MODELS, lambda folder, model, tokenizer, more: save(folder, model, tokenizer, **more))]
    kinds += [(MODULAR, save_modular), (EMBEDDERS, save_embedder)]
    for models, write in kinds:
        for name, given in models.items():
            if options.only is None or name in options.only:
                folder = options.out / name
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                write(folder, *given)
                for unused in folder.rglob("*"):
                    if unused.is_file():
                        unused.chmod(0o644)
                print(name, flush=True)


if __name__ == "__main__":
    main()
