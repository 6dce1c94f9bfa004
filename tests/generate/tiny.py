"""Tiny cross-encoders with random weights, and tokenizers that fit them."""

import zlib

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

VOCAB = 120
MAX_TOKENS = 64
WORDS = (
    "the of and to in is it for on with as search query passage document rank score "
    "index token vector model text word river apple orbit winter bread"
).split()
LETTERS = "abcdefghijklmnopqrstuvwxyz"

BERT = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
# No width is a multiple of 8, so every kernel meets its remainder loops.
ODD = dict(hidden_size=36, num_hidden_layers=2, num_attention_heads=3, intermediate_size=76)
SMALL = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)


def bert(size=BERT, attention="eager", **options):
    config = transformers.BertConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, attn_implementation=attention,
        architectures=["BertForSequenceClassification"], **size, **{"num_labels": 1, **options},
    )
    return seeded(transformers.BertForSequenceClassification(config))


def distilbert():
    config = transformers.DistilBertConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, dim=16, n_layers=1, n_heads=2,
        hidden_dim=32, num_labels=1, attn_implementation="eager",
        architectures=["DistilBertForSequenceClassification"],
    )
    return seeded(transformers.DistilBertForSequenceClassification(config))


def xlm_roberta():
    config = transformers.XLMRobertaConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS + 2, type_vocab_size=1, num_labels=1,
        layer_norm_eps=1e-5, attn_implementation="eager", pad_token_id=1, bos_token_id=0,
        eos_token_id=2, architectures=["XLMRobertaForSequenceClassification"], **SMALL,
    )
    return seeded(transformers.XLMRobertaForSequenceClassification(config))


class MeanPooled(torch.nn.Module):
    """A cross-encoder that is no transformer: masked mean of embeddings, then an MLP."""

    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(VOCAB, 16)
        self.segments = torch.nn.Embedding(2, 16)
        self.hidden = torch.nn.Linear(16, 32)
        self.score = torch.nn.Linear(32, 1)
        self.config = transformers.PretrainedConfig(
            model_type="mean-pooled", architectures=["MeanPooled"], vocab_size=VOCAB,
            max_position_embeddings=MAX_TOKENS, num_labels=1,
        )

    def forward(self, input_ids, attention_mask, token_type_ids):
        kept = attention_mask.unsqueeze(-1).float()
        states = (self.words(input_ids) + self.segments(token_type_ids)) * kept
        return self.score(torch.relu(self.hidden(states.sum(1) / kept.sum(1))))


def mean_pooled():
    return seeded(MeanPooled())


def seeded(model):
    """Fills every parameter from a generator named after it and its shape, so that models of one
    size have the same weights, whatever exports them.

    Spreads are those of trained encoders: matrices that keep the variance of their input, a few
    channels far larger than the rest, norms near one, small biases.
    """
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        random = np.random.RandomState(zlib.crc32(f"{name}{shape}".encode()))
        if "norm" in name.lower():
            values = random.normal(0, 0.1, shape) + ("weight" in name) * 0.9
        elif name.endswith("bias"):
            values = random.normal(0, 0.1, shape)
        elif "embedding" in name or name.startswith(("words", "segments")):
            values = random.normal(0, 0.5, shape)
        else:
            values = random.normal(0, 1.2 / np.sqrt(shape[-1]), shape)
            values[:: max(1, shape[0] // 3)] *= 2.5
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    return model.eval()


def wordpiece():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = special + list(LETTERS) + ["##" + letter for letter in LETTERS] + list("0123456789.,?!-'") + WORDS
    tokens += [f"[unused{i}]" for i in range(VOCAB - len(tokens))]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    assert len(vocabulary) == VOCAB, len(vocabulary)
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer, {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAX_TOKENS,
        "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }


def unigram():
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokens = special + ["▁"] + list(LETTERS) + ["▁" + word for word in WORDS]
    tokens += list("0123456789.,?!-'") + ["▁" + letter for letter in LETTERS]
    tokens = tokens[: VOCAB - 1] + ["<mask>"]
    scores = [(token, 0.0 if token in special else -1.0 - 0.1 * i) for i, token in enumerate(tokens)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special + ["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer, {
        "tokenizer_class": "XLMRobertaTokenizer", "model_max_length": MAX_TOKENS, "pad_token": "<pad>",
        "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>",
    }
