"""Makes a reranker with the shape of mMiniLMv2-L12-H384 and random weights, and a tokenizer with the layout of
XLM-RoBERTa's. See README.md.

    python make.py FOLDER
"""

import argparse
import hashlib
import json
import pathlib
import random
import zlib

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import texts

VOCAB = 250_002
CHARACTERS = 1_500_000
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
LAYERS, HIDDEN, INNER, HEADS, POSITIONS = 12, 384, 1536, 12, 514
STRINGS = 20


def train(folder):
    """A Unigram model by SentencePiece, with its own rules of normalization, as XLM-RoBERTa's."""
    corpus = [text for language in texts.texts(folder, CHARACTERS).values() for text in language]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_prefix=str(folder / "spm"), vocab_size=VOCAB - 2, model_type="unigram",
        normalization_rule_name="nmt_nfkc", character_coverage=0.9999, seed_sentencepiece_size=2_000_000, num_threads=2,
        max_sentence_length=20_000, minloglevel=1,
    )


def tokenizer(folder):
    """The tokenizer as transformers converts that of XLM-RoBERTa."""
    if not (folder / "spm.model").exists():
        train(folder)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((folder / "spm.model").read_bytes())
    pieces = [(token, 0.0) for token in SPECIAL]
    pieces += [(piece.piece, piece.score) for piece in proto.pieces[3:]]
    pieces.append(("<mask>", 0.0))
    assert len(pieces) == VOCAB, len(pieces)
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    charsmap = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    tokenizer.normalizer = normalizers.Sequence([charsmap, normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    return tokenizer


def weights():
    """The tensors of a prepared model, in the order of the file. The source of `model::prepared` names them."""

    def draw(name, shape, mean, deviation):
        generator = np.random.default_rng(zlib.crc32(name.encode()))
        return name, (mean + deviation * generator.standard_normal(shape, np.float32)).astype(np.float32)

    def linear(name, inputs, outputs):
        yield draw(f"{name}.weight", (inputs, outputs), 0, 1.2 / inputs**0.5)
        yield draw(f"{name}.bias", (outputs,), 0, 0.1)

    def norm(name):
        yield draw(f"{name}.gamma", (HIDDEN,), 0.9, 0.1)
        yield draw(f"{name}.beta", (HIDDEN,), 0, 0.1)
        yield f"{name}.eps", np.array([1e-5], np.float32)

    yield draw("embeddings.words.weight", (VOCAB, HIDDEN), 0, 0.5)
    yield draw("embeddings.positions.weight", (POSITIONS, HIDDEN), 0, 0.5)
    yield draw("embeddings.segments.weight", (1, HIDDEN), 0, 0.5)
    yield from norm("embeddings.norm")
    for i in range(LAYERS):
        for part in ["query", "key", "value", "attention_output"]:
            yield from linear(f"layers.{i}.{part}", HIDDEN, HIDDEN)
        yield from linear(f"layers.{i}.intermediate", HIDDEN, INNER)
        yield from linear(f"layers.{i}.output", INNER, HIDDEN)
        yield from norm(f"layers.{i}.attention_norm")
        yield from norm(f"layers.{i}.output_norm")
    yield from linear("head.0", HIDDEN, HIDDEN)
    yield from linear("head.1", HIDDEN, 1)


def text(name, content):
    return name, np.frombuffer(content, np.uint8)


def write(path, tensors):
    """A prepared model. The source of `model::safetensors` describes the container."""
    entries, end = {}, 0
    for name, values in tensors:
        dtype = {"float32": "F32", "uint8": "U8"}[values.dtype.name]
        entries[name] = {"dtype": dtype, "shape": values.shape, "data_offsets": [end, end + values.nbytes]}
        end += values.nbytes
    start = '{"__metadata__":{"crossrank":"2","sha256":"'
    after = '"},' + json.dumps(entries, separators=(",", ":"))[1:]
    after += " " * (-(8 + len(start) + 64 + len(after)) % 64)
    digest = hashlib.sha256(after.encode())
    for _, values in tensors:
        digest.update(values)
    with path.open("wb") as file:
        file.write((len(start) + 64 + len(after)).to_bytes(8, "little"))
        file.write((start + digest.hexdigest() + after).encode())
        for _, values in tensors:
            file.write(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    theirs = tokenizer(folder)
    theirs.save(str(folder / "tokenizer.json"))
    config = {
        "model_type": "xlm-roberta", "architectures": ["XLMRobertaForSequenceClassification"], "vocab_size": VOCAB,
        "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
        "hidden_act": "gelu", "max_position_embeddings": POSITIONS, "pad_token_id": 1, "bos_token_id": 0,
        "eos_token_id": 2, "id2label": {"0": "LABEL_0"},
    }
    tensors = list(weights())
    # The numbers of 4 bytes come first.
    tensors += [text(f"layers.{i}.intermediate.activation", b"gelu") for i in range(LAYERS)]
    tensors.append(text("head.0.activation", b"tanh"))
    tensors.append(text("config.json", json.dumps(config).encode()))
    tensors.append(text("tokenizer.json", (folder / "tokenizer.json").read_bytes()))
    tensors.append(text("tokenizer_config.json", json.dumps({"model_max_length": 512}).encode()))
    write(folder / "floats.crossrank", tensors)

    # Strings that the tokenizer was not trained on, as far as there are any, with the ids of Hugging Face.
    strings = {}
    for language, found in texts.texts(folder, 3 * CHARACTERS).items():
        strings[language] = random.Random(language).sample(found[len(found) // 2 :], STRINGS)
    expected = {language: [theirs.encode(string).ids for string in found] for language, found in strings.items()}
    (folder / "strings.json").write_text(json.dumps({"strings": strings, "ids": expected}, ensure_ascii=False))


if __name__ == "__main__":
    main()
