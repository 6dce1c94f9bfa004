"""A BERT cross-encoder with one output, under the tensor names of `BertForSequenceClassification`."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

WORD_TABLE = "bert.embeddings.word_embeddings.weight"


@dataclass(frozen=True)
class Shape:
    """The sizes of a model. The defaults are those of MiniLM-L6."""

    vocabulary: int = 30522
    hidden: int = 384
    layers: int = 6
    heads: int = 12
    feed_forward: int = 1536
    positions: int = 512
    epsilon: float = 1e-12

    @staticmethod
    def read(config: Path) -> "Shape":
        """The sizes that a config.json gives."""
        values = json.loads(config.read_text())
        return Shape(
            values["vocab_size"], values["hidden_size"], values["num_hidden_layers"], values["num_attention_heads"],
            values["intermediate_size"], values["max_position_embeddings"], values["layer_norm_eps"],
        )


class Block(nn.Module):
    """One encoder layer: self-attention and feed-forward, each followed by a residual sum and a norm."""

    def __init__(self, shape: Shape):
        super().__init__()
        hidden = shape.hidden
        self.heads = shape.heads
        self.attention = nn.ModuleDict({
            "self": nn.ModuleDict({name: nn.Linear(hidden, hidden) for name in ("query", "key", "value")}),
            "output": nn.ModuleDict({
                "dense": nn.Linear(hidden, hidden),
                "LayerNorm": nn.LayerNorm(hidden, eps=shape.epsilon),
            }),
        })
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(hidden, shape.feed_forward)})
        self.output = nn.ModuleDict({
            "dense": nn.Linear(shape.feed_forward, hidden),
            "LayerNorm": nn.LayerNorm(hidden, eps=shape.epsilon),
        })

    def attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, hidden = x.shape
        width = hidden // self.heads

        def split(name: str) -> Tensor:
            y = self.attention["self"][name](x).view(batch, length, self.heads, width)
            return y.transpose(1, 2).reshape(batch * self.heads, length, width)

        # Explicit products: below 512 tokens they run faster on CPUs, forwards and backwards, than the fused kernel.
        scores = torch.bmm(split("query") * (1 / math.sqrt(width)), split("key").transpose(1, 2))
        if mask is not None:
            scores = (scores.view(batch, self.heads, length, length) + mask.to(scores.dtype)).view_as(scores)
        mixed = torch.bmm(scores.softmax(-1).to(scores.dtype), split("value"))
        return mixed.view(batch, self.heads, length, width).transpose(1, 2).reshape(batch, length, hidden)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        attended = self.attention["output"]
        x = attended["LayerNorm"](x + attended["dense"](self.attend(x, mask)))
        return self.output["LayerNorm"](x + self.output["dense"](F.gelu(self.intermediate["dense"](x))))


class CrossEncoder(nn.Module):
    """Token ids of `[CLS] query [SEP] passage [SEP]` to one logit for each pair. The word table is not trained."""

    def __init__(self, shape: Shape = Shape()):
        super().__init__()
        self.shape = shape
        self.bert = nn.ModuleDict({
            "embeddings": nn.ModuleDict({
                "word_embeddings": nn.Embedding(shape.vocabulary, shape.hidden),
                "position_embeddings": nn.Embedding(shape.positions, shape.hidden),
                "token_type_embeddings": nn.Embedding(2, shape.hidden),
                "LayerNorm": nn.LayerNorm(shape.hidden, eps=shape.epsilon),
            }),
            "encoder": nn.ModuleDict({"layer": nn.ModuleList(Block(shape) for _ in range(shape.layers))}),
            "pooler": nn.ModuleDict({"dense": nn.Linear(shape.hidden, shape.hidden)}),
        })
        self.classifier = nn.Linear(shape.hidden, 1)
        self.bert["embeddings"]["word_embeddings"].weight.requires_grad_(False)

    def forward(self, ids: Tensor, types: Tensor, present: Tensor) -> Tensor:
        """Logits of shape [batch]. `present` is true where a token stands and false where a row is padded."""
        table = self.bert["embeddings"]
        positions = table["position_embeddings"].weight[: ids.shape[1]]
        x = table["word_embeddings"](ids) + positions + table["token_type_embeddings"](types)
        x = table["LayerNorm"](x)
        mask = None
        if not bool(present.all()):
            mask = torch.zeros(present.shape).masked_fill(~present, -1e4)[:, None, None, :]
        for block in self.bert["encoder"]["layer"]:
            x = block(x, mask)
        return self.classifier(torch.tanh(self.bert["pooler"]["dense"](x[:, 0])))[:, 0]


def load(path: Path, words: Path | None = None, shape: Shape = Shape()) -> CrossEncoder:
    """Reads a checkpoint. Where it leaves the frozen word table out, `words` names a file that holds it."""
    model = CrossEncoder(shape)
    tensors = read_tensors(path)
    if WORD_TABLE not in tensors and words is not None:
        tensors[WORD_TABLE] = read_tensors(words, WORD_TABLE)[WORD_TABLE]
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items() if "position_ids" not in name})
    return model


def read_tensors(path: Path, *names: str) -> dict[str, Tensor]:
    """The tensors of a file that are named, or all."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in names or file.keys()}


def save(model: CrossEncoder, path: Path) -> None:
    """Writes the trained tensors in f16. The frozen word table stays out."""
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items() if name != WORD_TABLE}
    save_file(tensors, path)
