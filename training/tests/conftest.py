"""A tiny model and a few lists, of which every test takes what it needs."""

import json
import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "training"))

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from crossrank_training import files, model  # noqa: E402

MODEL = ROOT / "benches" / "model" / "minilm-l6-en"
SHAPE = model.Shape(hidden=16, layers=2, heads=2, feed_forward=32)
TOPICS = ("rivers carry water", "bread needs flour", "stars emit light", "bees make honey", "iron rusts slowly")


def passage(number: int) -> str:
    rng = random.Random(number)
    topic = TOPICS[number % len(TOPICS)]
    rest = (rng.choice(topic.split()) for _ in range(rng.randrange(60)))
    return f"{topic} and sentence {number} says so {' '.join(rest)}"


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Path:
    """A folder as CROSSRANK_TRAINING_DATA has it. CROSSRANK_TRAIN_DIR is its folder `work`."""
    torch.manual_seed(1)
    encoder = model.CrossEncoder(SHAPE)
    save_file(dict(encoder.state_dict()), tmp_path / "checkpoint.safetensors")
    for name in ("data", "dev"):
        (tmp_path / name).mkdir()
    sources = ["web"] * 30 + ["dev-web"] * 5 + ["sentence"] * 5
    files.write_lines(
        tmp_path / "data" / "passages.jsonl.gz",
        ({"id": id, "source": source, "text": passage(id)} for id, source in enumerate(sources)),
    )
    rng = random.Random(2)
    files.write_lines(tmp_path / "data" / "lists.jsonl.gz", (
        {
            "source": "web", "query": f"What is it that {TOPICS[number % 5]}?", "passages": rng.sample(range(30), 5),
            "target": [0.0, -1.0, -2.0, -3.0, -9.0], "label": [0.9, 0.5, 0.3, 0.1, 0.0],
        }
        for number in range(12)
    ))
    records = [
        {"query": topic, "passages": [passage(30 + at), passage(31 + at)], "grades": [1, 0], "judged": [1, 0]}
        for at, topic in enumerate(TOPICS)
    ]
    files.write_lines(tmp_path / "dev" / "squad.jsonl.gz", records)
    config = {**json.loads((MODEL / "config.json").read_text()), "hidden_size": SHAPE.hidden,
              "num_hidden_layers": SHAPE.layers, "num_attention_heads": SHAPE.heads,
              "intermediate_size": SHAPE.feed_forward}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer.json").symlink_to(MODEL / "tokenizer.json")
    monkeypatch.setenv("CROSSRANK_TRAINING_DATA", str(tmp_path))
    monkeypatch.setenv("CROSSRANK_TRAIN_DIR", str(tmp_path / "work"))
    return tmp_path
