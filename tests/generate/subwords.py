"""Writes tests/data/tokenizers: small tokenizers in the forms that models have, and the output of
Hugging Face's tokenizers for the texts of texts.py. See README.md.

    python subwords.py [--out FOLDER]
"""

import argparse
import json
import pathlib
import tempfile
from types import SimpleNamespace

import sentencepiece
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.convert_slow_tokenizer import DebertaV2Converter, XLMRobertaConverter

import texts

HERE = pathlib.Path(__file__).resolve().parent
VOCAB = 1000
MODULUS = 2**31


def sentencepiece_model(folder, **special):
    """A Unigram model with SentencePiece's own normalization rules (nmt_nfkc), as in released models."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts.corpus()), model_prefix=str(folder / "spm"), vocab_size=VOCAB, model_type="unigram",
        normalization_rule_name="nmt_nfkc", character_coverage=0.9995, hard_vocab_limit=False, minloglevel=2, num_threads=1,
        **special,
    )
    return str(folder / "spm.model")


def stand_in(path, ids, **options):
    """An object with the attributes that a converter reads from a slow tokenizer."""
    return SimpleNamespace(vocab_file=path, convert_tokens_to_ids=ids.__getitem__, add_prefix_space=True, legacy=True, **options)


def xlm_roberta(folder):
    path = sentencepiece_model(folder)
    ids = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    tokenizer = XLMRobertaConverter(stand_in(path, ids)).converted()
    tokenizer.add_special_tokens(list(ids))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    return tokenizer


def xlm_roberta_of_2020(folder):
    """The form of the first releases, and of models trained from them."""
    tokenizer = xlm_roberta(folder)
    tokenizer.normalizer = tokenizer.normalizer[0]
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    return tokenizer


def deberta_v2(folder):
    path = sentencepiece_model(
        folder, pad_id=0, unk_id=3, bos_id=1, eos_id=2, pad_piece="[PAD]", unk_piece="[UNK]", bos_piece="[CLS]", eos_piece="[SEP]",
    )
    ids = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2}
    slow = stand_in(path, ids, split_by_punct=False, do_lower_case=False)
    tokenizer = DebertaV2Converter(slow).converted()
    # transformers 4 converted the slow tokenizer in this way.
    charsmap = normalizers.Precompiled(DebertaV2Converter(slow).proto.normalizer_spec.precompiled_charsmap)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Strip(), charsmap, normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.add_special_tokens(list(ids))
    tokenizer.add_special_tokens([AddedToken("[UNK]", normalized=True), "[MASK]"])
    return tokenizer


def wordpiece(lowercase, chinese):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=chinese)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=VOCAB, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts.corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def byte_level(roberta):
    """Byte-level BPE, as RoBERTa and ModernBERT have it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = None if roberta else normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"] if roberta else ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]
    mask = AddedToken("<mask>" if roberta else "[MASK]", lstrip=True, normalized=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB - 1, special_tokens=special, initial_alphabet=sorted(alphabet), show_progress=False,
    )
    tokenizer.train_from_iterator(texts.corpus(), trainer)
    tokenizer.add_special_tokens([mask])
    if roberta:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    else:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)],
        )
    return tokenizer


# name: (the function that makes it, whether the small binaries include it)
TOKENIZERS = {
    "bert-uncased": (lambda _: wordpiece(lowercase=True, chinese=True), True),
    "bert-cased": (lambda _: wordpiece(lowercase=False, chinese=False), True),
    "xlm-roberta": (xlm_roberta, True),
    "xlm-roberta-2020": (xlm_roberta_of_2020, True),
    "deberta-v2": (deberta_v2, True),
    "roberta": (lambda _: byte_level(roberta=True), True),
    "modernbert": (lambda _: byte_level(roberta=False), True),
}


def single(encoding):
    """The ids and offsets of a text's tokens; for long texts only the number of tokens and a sum."""
    if len(encoding.ids) > 500:
        total = sum((i + 1) * (id + 1) for i, id in enumerate(encoding.ids)) % MODULUS
        return {"length": len(encoding.ids), "sum": total}
    return {"ids": encoding.ids, "places": [index for offsets in encoding.offsets for index in offsets]}


def expected(tokenizer):
    inputs = [text * times for text, times in texts.texts()]
    short = [i for i, text in enumerate(inputs) if len(text) < 300]
    pairs = list(zip(short[::3], short[40::2]))
    return {
        "texts": [single(tokenizer.encode(text, add_special_tokens=False)) for text in inputs],
        "pairs": [[a, b, tokenizer.encode(inputs[a], inputs[b]).ids] for a, b in pairs],
    }


def lines(value):
    """JSON with each element of the outer lists on its own line."""
    write = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    fields = [f"{write(name)}:[\n" + ",\n".join(map(write, field)) + "\n]" for name, field in value.items() if isinstance(field, list)]
    plain = [f"{write(name)}:{write(field)}" for name, field in value.items() if not isinstance(field, list)]
    return "{" + ",\n".join(plain + fields) + "}\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--out", type=pathlib.Path, default=HERE.parent / "data" / "tokenizers")
    out = arguments.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    about = f"tests/generate/subwords.py: tokenizers {tokenizers.__version__}, transformers {transformers.__version__}, " \
        f"sentencepiece {sentencepiece.__version__}"
    (out / "texts.json").write_text(lines({"about": about, "texts": [list(text) for text in texts.texts()]}))
    for name, (make, small) in TOKENIZERS.items():
        with tempfile.TemporaryDirectory() as temporary:
            tokenizer = make(pathlib.Path(temporary))
        tokenizer.save(str(out / f"{name}.json"), pretty=False)
        assert tokenizer.get_vocab_size() <= VOCAB + 10, tokenizer.get_vocab_size()
        (out / f"{name}.expected.json").write_text(lines({"about": about, "small": small, **expected(tokenizer)}))
        print(name, tokenizer.get_vocab_size(), flush=True)


if __name__ == "__main__":
    main()
