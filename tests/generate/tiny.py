"""Tiny cross-encoders with random weights, and tokenizers that fit them."""

import zlib

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

VOCAB = 120
BYTES_VOCAB = 320
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


def distilbert(size=SMALL, attention="eager"):
    config = transformers.DistilBertConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, dim=size["hidden_size"],
        n_layers=size["num_hidden_layers"], n_heads=size["num_attention_heads"],
        hidden_dim=size["intermediate_size"], num_labels=1, attn_implementation=attention,
        architectures=["DistilBertForSequenceClassification"],
    )
    return seeded(transformers.DistilBertForSequenceClassification(config))


def xlm_roberta(size=SMALL, attention="eager", **options):
    config = transformers.XLMRobertaConfig(
        vocab_size=VOCAB, attn_implementation=attention,
        architectures=["XLMRobertaForSequenceClassification"], **roberta_options(), **size, **options,
    )
    return seeded(transformers.XLMRobertaForSequenceClassification(config))


def roberta(size=SMALL, attention="eager"):
    config = transformers.RobertaConfig(
        vocab_size=BYTES_VOCAB, attn_implementation=attention,
        architectures=["RobertaForSequenceClassification"], **roberta_options(), **size,
    )
    return seeded(transformers.RobertaForSequenceClassification(config))


def roberta_options():
    return dict(
        max_position_embeddings=MAX_TOKENS + 2, type_vocab_size=1, num_labels=1, layer_norm_eps=1e-5,
        pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )


def electra():
    """BERT under another name, with a head of its own."""
    config = transformers.ElectraConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, embedding_size=SMALL["hidden_size"], num_labels=1,
        attn_implementation="eager", architectures=["ElectraForSequenceClassification"], **SMALL,
    )
    return seeded(transformers.ElectraForSequenceClassification(config))


def ernie(task_types=False):
    """BERT under another name; the models for several tasks add an embedding of the task to each token."""
    config = transformers.ErnieConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, num_labels=1, use_task_id=task_types,
        attn_implementation="eager", architectures=["ErnieForSequenceClassification"], **SMALL,
    )
    return seeded(transformers.ErnieForSequenceClassification(config))


def mpnet(size=SMALL):
    """Relative positions in buckets, beside positions that are numbered as in RoBERTa."""
    config = transformers.MPNetConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS + 2, num_labels=1, relative_attention_num_buckets=32,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, attn_implementation="eager",
        architectures=["MPNetForSequenceClassification"], **size,
    )
    return seeded(transformers.MPNetForSequenceClassification(config))


def deberta(size=SMALL):
    """The first DeBERTa: relative positions without buckets, and one projection for queries, keys and values."""
    config = transformers.DebertaConfig(
        vocab_size=BYTES_VOCAB, max_position_embeddings=MAX_TOKENS, type_vocab_size=0, num_labels=1,
        relative_attention=True, pos_att_type=["c2p", "p2c"], position_biased_input=False, pooler_dropout=0,
        pad_token_id=1, attn_implementation="eager", architectures=["DebertaForSequenceClassification"], **size,
    )
    return seeded(transformers.DebertaForSequenceClassification(config))


def deberta_v2(size=SMALL, attention="eager"):
    """Like mxbai-rerank and the DeBERTa-v3 cross-encoders: relative positions in logarithmic buckets."""
    config = transformers.DebertaV2Config(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, type_vocab_size=0, num_labels=1,
        relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True,
        pos_att_type=["p2c", "c2p"], position_biased_input=False, pooler_dropout=0, layer_norm_eps=1e-7,
        pad_token_id=0, attn_implementation=attention,
        architectures=["DebertaV2ForSequenceClassification"], **size,
    )
    return seeded(transformers.DebertaV2ForSequenceClassification(config))


def modernbert(size=SMALL, attention="eager", pooling="mean"):
    """Rotary positions, GeGLU, and local attention in all layers except every third one."""
    config = transformers.ModernBertConfig(
        vocab_size=BYTES_VOCAB, max_position_embeddings=MAX_TOKENS, num_labels=1,
        global_attn_every_n_layers=3, local_attention=16, classifier_pooling=pooling, pad_token_id=1,
        bos_token_id=0, cls_token_id=0, eos_token_id=2, sep_token_id=2, attn_implementation=attention,
        reference_compile=False, architectures=["ModernBertForSequenceClassification"],
        **(size | dict(num_hidden_layers=4)),
    )
    return seeded(transformers.ModernBertForSequenceClassification(config))


class Headed(torch.nn.Module):
    """Passes an encoder's first state through linear layers with an activation between them."""

    def __init__(self, encoder, activation=None):
        super().__init__()
        self.encoder, self.activation, self.config = encoder, activation, encoder.config
        width = self.config.hidden_size
        self.dense = torch.nn.Linear(width, width) if activation else None
        self.score = torch.nn.Linear(width, 1)

    def forward(self, input_ids, attention_mask, token_type_ids):
        states = self.encoder(input_ids, attention_mask, token_type_ids).last_hidden_state[:, 0]
        return self.score(self.activation(self.dense(states)) if self.activation else states)


def headed(activation=None):
    config = transformers.BertConfig(
        vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, attn_implementation="eager", num_labels=1,
        architectures=["BertForSequenceClassification"], **SMALL,
    )
    return seeded(Headed(transformers.BertModel(config, add_pooling_layer=False), activation))


class With(torch.nn.Module):
    """A model that is called with additional arguments."""

    def __init__(self, model, more):
        super().__init__()
        self.model, self.more, self.config = model, more, model.config

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids, attention_mask, **self.more(input_ids))


def without_segments():
    """A BERT without segment ids as an input: all tokens belong to the first segment."""
    return With(bert(SMALL), lambda ids: {}).eval()


class WithPositions(torch.nn.Module):
    """A model whose positions are an input."""

    def __init__(self, model, rows):
        super().__init__()
        self.model, self.rows, self.config = model, rows, model.config

    def forward(self, input_ids, attention_mask, token_type_ids, position_ids):
        if self.config.type_vocab_size < 2:
            token_type_ids = torch.zeros_like(token_type_ids)
        return self.model(input_ids, attention_mask, token_type_ids, position_ids)


def positions_from_zero(ids):
    return torch.arange(ids.shape[1]).expand(ids.shape)


def positions_after_padding(ids):
    """As transformers numbers them for RoBERTa."""
    kept = (ids != 1).long()
    return kept.cumsum(1) * kept + 1


def padding_counts():
    """An XLM-RoBERTa in which padding has positions like other tokens."""
    positions = lambda ids: torch.arange(ids.shape[1])[None, :] + 2
    return With(xlm_roberta(), lambda ids: {"position_ids": positions(ids)}).eval()


class MeanPooled(torch.nn.Module):
    """A cross-encoder that is not a transformer: a masked mean of embeddings, then an MLP."""

    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(VOCAB, 16)
        self.segments = torch.nn.Embedding(2, 16)
        self.hidden = torch.nn.Linear(16, 32)
        self.score = torch.nn.Linear(32, 1)
        self.config = named("mean-pooled")(
            architectures=["MeanPooled"], vocab_size=VOCAB,
            max_position_embeddings=MAX_TOKENS, num_labels=1,
        )

    def forward(self, input_ids, attention_mask, token_type_ids):
        kept = attention_mask.unsqueeze(-1).float()
        states = (self.words(input_ids) + self.segments(token_type_ids)) * kept
        return self.score(torch.relu(self.hidden(states.sum(1) / kept.sum(1))))


def mean_pooled():
    return seeded(MeanPooled())


def named(model_type):
    """The configuration class of a `model_type`, which transformers writes to config.json."""
    return type("Config", (transformers.PretrainedConfig,), {"model_type": model_type})


class JinaBert(torch.nn.Module):
    """BERT with ALiBi in place of positions (Press et al. 2021, arXiv:2108.12409, with the distance
    in both directions) and a gated feed-forward block (Shazeer 2020, arXiv:2002.05202), after the
    description of jina-embeddings-v2 (Guenther et al. 2023, arXiv:2310.19923)."""

    def __init__(self, size):
        super().__init__()
        self.config = named("bert")(
            architectures=["JinaBertForSequenceClassification"], num_labels=1,
            position_embedding_type="alibi", feed_forward_type="geglu", vocab_size=VOCAB,
            max_position_embeddings=MAX_TOKENS, **size,
        )
        width = size["hidden_size"]
        self.word_embeddings = torch.nn.Embedding(VOCAB, width)
        self.segment_embeddings = torch.nn.Embedding(2, width)
        self.norm = torch.nn.LayerNorm(width, eps=1e-12)
        self.layers = torch.nn.ModuleList(JinaLayer(size) for _ in range(size["num_hidden_layers"]))
        self.pooler, self.classifier = torch.nn.Linear(width, width), torch.nn.Linear(width, 1)

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.norm(self.word_embeddings(input_ids) + self.segment_embeddings(token_type_ids))
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        distance = (positions[None, :] - positions[:, None]).abs().float()
        heads = self.config.num_attention_heads
        slopes = torch.tensor([2.0 ** (-8 * (head + 1) / heads) for head in range(heads)])
        bias = -slopes[None, :, None, None] * distance
        bias = bias + (1 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        for layer in self.layers:
            x = layer(x, bias)
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


class JinaLayer(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        width, inner = size["hidden_size"], size["intermediate_size"]
        self.heads = size["num_attention_heads"]
        self.query, self.key, self.value, self.output = (torch.nn.Linear(width, width) for _ in range(4))
        self.gated = torch.nn.Linear(width, 2 * inner, bias=False)
        self.down = torch.nn.Linear(inner, width)
        self.attention_norm, self.output_norm = (torch.nn.LayerNorm(width, eps=1e-12) for _ in range(2))

    def forward(self, x, bias):
        split = lambda y: y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)
        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + bias
        context = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        x = self.attention_norm(x + self.output(context))
        gate, up = self.gated(x).chunk(2, -1)
        return self.output_norm(x + self.down(torch.nn.functional.gelu(gate) * up))


def jina_bert(size=SMALL):
    return seeded(JinaBert(size))


class New(torch.nn.Module):
    """The architecture `new` of gte-multilingual (Zhang et al. 2024, arXiv:2407.19669): BERT with rotary
    positions, whose angles are a table, and gated feed-forward blocks."""

    def __init__(self, size):
        super().__init__()
        self.config = named("new")(
            architectures=["NewForSequenceClassification"], num_labels=1, rope_theta=20000, type_vocab_size=1,
            position_embedding_type="rope", vocab_size=VOCAB, max_position_embeddings=MAX_TOKENS, layer_norm_type="layer_norm", **size,
        )
        width = size["hidden_size"]
        self.word_embeddings = torch.nn.Embedding(VOCAB, width)
        self.norm = torch.nn.LayerNorm(width, eps=1e-12)
        self.layers = torch.nn.ModuleList(NewLayer(size) for _ in range(size["num_hidden_layers"]))
        self.pooler, self.classifier = torch.nn.Linear(width, width), torch.nn.Linear(width, 1)
        dim = width // size["num_attention_heads"]
        frequencies = 1.0 / self.config.rope_theta ** (torch.arange(0, dim, 2).float() / dim)
        angles = torch.arange(MAX_TOKENS)[:, None] * frequencies
        angles = torch.cat((angles, angles), -1)
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def forward(self, input_ids, attention_mask):
        x = self.norm(self.word_embeddings(input_ids))
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)[None, :]
        angles = [table[positions].unsqueeze(2) for table in (self.cosines, self.sines)]
        bias = (1 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        for layer in self.layers:
            x = layer(x, angles, bias)
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


class NewLayer(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        width, inner = size["hidden_size"], size["intermediate_size"]
        self.heads = size["num_attention_heads"]
        self.projections, self.output = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.gated = torch.nn.Linear(width, 2 * inner, bias=False)
        self.down = torch.nn.Linear(inner, width)
        self.attention_norm, self.output_norm = (torch.nn.LayerNorm(width, eps=1e-12) for _ in range(2))

    def forward(self, x, angles, bias):
        width = x.shape[-1]
        query, key, value = (
            part.view(*part.shape[:2], self.heads, -1) for part in self.projections(x).split(width, dim=-1)
        )
        query, key = rotated(query, *angles), rotated(key, *angles)
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5 + bias
        context = (scores.softmax(-1) @ value).permute(0, 2, 1, 3).flatten(2)
        x = self.attention_norm(x + self.output(context))
        up, gate = self.gated(x).split(self.down.in_features, dim=-1)
        return self.output_norm(x + self.down(torch.nn.functional.gelu(gate) * up))


def rotated(x, cosines, sines):
    """Rotary positions (Su et al. 2021, arXiv:2104.09864), where the halves of each head are a pair."""
    first, second = x.chunk(2, -1)
    return x * cosines + torch.cat((-second, first), -1) * sines


def new(size=SMALL):
    return seeded(New(size))


def seeded(model):
    """Fills every parameter from a generator that is seeded by its name and shape, so that models of
    one size have the same weights in every environment.

    The distributions are like those of trained encoders: matrices that keep the variance of their
    input, a few channels far larger than the rest, norms near one, and small biases.
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


def unigram(special=("<s>", "<pad>", "</s>", "<unk>"), pair="<s> $A </s> </s> $B </s>"):
    """A Unigram tokenizer as SentencePiece makes it, with the special tokens of XLM-RoBERTa."""
    first, last = special[0 if special[0] == "<s>" else 1], special[2]
    tokens = [*special, "▁", *LETTERS] + ["▁" + word for word in WORDS]
    tokens += list("0123456789.,?!-'") + ["▁" + letter for letter in LETTERS]
    mask = "<mask>" if first == "<s>" else "[MASK]"
    tokens = tokens[: VOCAB - 1] + [mask]
    scores = [(token, 0.0 if token in special else -1.0 - 0.1 * i) for i, token in enumerate(tokens)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=3))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([*special, mask])
    return closed(tokenizer, "XLMRobertaTokenizer", first, last, pair)


def deberta_unigram():
    return unigram(("[PAD]", "[CLS]", "[SEP]", "[UNK]"), "[CLS] $A [SEP] $B:1 [SEP]:1")


def byte_pairs():
    """Byte-level BPE with the special tokens of RoBERTa and with merges that make a few words."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokens, merges = special + sorted(pre_tokenizers.ByteLevel.alphabet()), []
    for word in WORDS:
        made = "Ġ"
        for letter in word:
            if made + letter not in tokens and len(tokens) < BYTES_VOCAB - 1:
                tokens.append(made + letter)
                merges.append((made, letter))
            made += letter
    tokens.append("<mask>")
    assert len(tokens) == BYTES_VOCAB, len(tokens)
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*special, "<mask>"])
    return closed(tokenizer, "RobertaTokenizer", "<s>", "</s>", "<s> $A </s> </s> $B </s>")


def closed(tokenizer, name, first, last, pair):
    """Adds the special tokens of a text and of a pair."""
    special = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=pair, special_tokens=special,
    )
    settings = {"tokenizer_class": name, "model_max_length": MAX_TOKENS, "cls_token": first, "sep_token": last}
    for kind in ("pad", "unk", "mask"):
        settings[f"{kind}_token"] = first[0] + (kind if first[0] == "<" else kind.upper()) + first[-1]
    return tokenizer, settings
