"""Makes a reranker with the shape of mMiniLMv2-L12-H384 and random weights, and a tokenizer with the layout of
XLM-RoBERTa's. See README.md.

    python make.py FOLDER
"""

import argparse
import collections
import hashlib
import itertools
import json
import math
import pathlib
import random
import string
import unicodedata
import zlib

import numpy as np
from tokenizers import Tokenizer

import texts

VOCAB = 250_002
CHARACTERS = 1_500_000
ROOT = pathlib.Path(__file__).resolve().parents[2]
SPACE = "▁"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
LAYERS, HIDDEN, INNER, HEADS, POSITIONS = 12, 384, 1536, 12, 514
STRINGS = 20
LONGEST = 12


def strings_of(texts):
    """How often each string within a word occurs, and the longer ones, those that save the most characters first."""
    words = collections.Counter()
    for text in texts:
        for word in unicodedata.normalize("NFKC", text).split():
            # Languages without spaces have long words.
            words.update((SPACE + word)[i : i + LONGEST] for i in range(0, len(word) + 1, LONGEST))
    found = collections.Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, len(word) + 1):
                found[word[start:end]] += count
    longer = [one for one, count in found.items() if len(one) > 1 and (count > 1 or one in words)]
    return found, sorted(longer, key=lambda one: (-found[one] * (len(one) - 1), one))


def pieces(corpus):
    """The pieces and their scores: all characters, and as many strings of each language. A score is the logarithm of
    a relative frequency, with which SentencePiece begins its training."""
    found, lists = collections.Counter(), []
    for texts_of_language in corpus:
        counts, longer = strings_of(texts_of_language)
        found.update(counts)
        # Names and commands in texts of other scripts are those of the languages with the Latin one.
        latin = sum(counts[letter] for letter in string.ascii_letters)
        if latin < sum(counts[letter] for letter in counts if letter.isalpha()) / 2:
            longer = [one for one in longer if not one.replace(SPACE, "").isascii()]
        lists.append(longer)
    kept = dict.fromkeys(one for one in found if len(one) == 1)
    for one in itertools.chain.from_iterable(itertools.zip_longest(*lists)):
        if len(kept) == VOCAB - len(SPECIAL) - 1:
            break
        if one:
            kept[one] = None
    total = sum(found[one] for one in kept)
    # SentencePiece has scores of 32 bits.
    score = lambda one: float(np.float32(math.log(found[one] / total)))
    return [(one, score(one)) for one in sorted(kept, key=lambda one: (-found[one], one))]


def tokenizer(folder):
    """The tokenizer. All but the vocabulary is that of a small one, which `tests/generate` converted as transformers
    converts XLM-RoBERTa's."""
    corpus = texts.texts(folder, CHARACTERS).values()
    tokenizer = json.loads((ROOT / "tests/data/tokenizers/xlm-roberta.json").read_text())
    vocabulary = [(token, 0.0) for token in SPECIAL] + pieces(corpus) + [("<mask>", 0.0)]
    assert len(vocabulary) == VOCAB, len(vocabulary)
    tokenizer["model"]["vocab"] = vocabulary
    tokenizer["added_tokens"][-1]["id"] = VOCAB - 1
    return Tokenizer.from_str(json.dumps(tokenizer))


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
    path = folder / "tokenizer.json"
    if not path.exists():
        tokenizer(folder).save(str(path))
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
    tensors.append(text("tokenizer.json", path.read_bytes()))
    tensors.append(text("tokenizer_config.json", json.dumps({"model_max_length": 512}).encode()))
    write(folder / "floats.crossrank", tensors)

    theirs = Tokenizer.from_file(str(path))
    # Strings that the tokenizer was not trained on, as far as there are any, with the ids of Hugging Face.
    strings = {}
    for language, found in texts.texts(folder, 3 * CHARACTERS).items():
        strings[language] = random.Random(language).sample(found[len(found) // 2 :], STRINGS)
    expected = {language: [theirs.encode(text).ids for text in found] for language, found in strings.items()}
    (folder / "strings.json").write_text(json.dumps({"strings": strings, "ids": expected}, ensure_ascii=False))


if __name__ == "__main__":
    main()
