import json

import numpy as np
import onnxruntime
import torch
from conftest import SHAPE

from crossrank_training import export, files, model
from crossrank_training.pairs import logits_of
from crossrank_training.sample import write_sample

PAIRS = [
    {"id": 0, "source": "toy", "query": "What is bread?", "passage": "Bread needs flour."},
    {"id": 1, "source": "toy", "query": "What is bread?", "passage": ""},
]


def build(toy, name: str, **options):
    (toy / "pairs.json").write_text(json.dumps({"pairs": PAIRS}))
    checkpoint = toy / "checkpoint.safetensors"
    export.build(checkpoint, checkpoint, toy, toy / "dev", toy / name, 512, toy / "pairs.json", **options)
    return {path.relative_to(toy / name): path.read_bytes() for path in (toy / name).rglob("*") if path.is_file()}


def test_the_same_checkpoint_gives_the_same_bytes(toy, monkeypatch):
    # A random model's logits need not rise with relevance.
    monkeypatch.setattr(export.calibrate, "fit", lambda *_: export.calibrate.Calibration(0.5, -1.0, 0.2, 0.1, 0.1))
    one = build(toy, "one")
    assert one == build(toy, "two")
    assert {str(path) for path in one} == {
        "model.onnx", "onnx/model_quantized.onnx", "config.json", "tokenizer.json", "golden.json", "calibration.json"
    }
    config = json.loads((toy / "one" / "config.json").read_text())
    before = json.loads((toy / "config.json").read_text())["crossrank"]["revision"]
    assert config["crossrank"] == {"trained_tokens": 512, "revision": str(int(before) + 1)}
    golden = json.loads((toy / "one" / "golden.json").read_text())["pairs"]
    encoder = export.calibrated(model.load(toy / "checkpoint.safetensors", None, SHAPE), 0.5, -1.0)
    for pair in golden:
        with torch.inference_mode():
            logit = logits_of(encoder, [(pair["input_ids"], pair["token_type_ids"])])
        np.testing.assert_allclose(pair["logit_fp32"], logit, atol=1e-4)
        assert abs(pair["logit_int8_onnxruntime"] - pair["logit_fp32"]) < 0.1


def test_a_score_can_be_left_as_trained(toy, monkeypatch):
    monkeypatch.setattr(export.calibrate, "fit", lambda *_: export.calibrate.Calibration(0.5, -1.0, 0.2, 0.1, 0.1))
    build(toy, "plain", as_trained=True)
    build(toy, "scaled")
    plain, scaled = (
        [pair["logit_fp32"] for pair in json.loads((toy / name / "golden.json").read_text())["pairs"]]
        for name in ("plain", "scaled")
    )
    np.testing.assert_allclose(scaled, 0.5 * np.array(plain) - 1, atol=1e-5)


def test_graphs_take_padded_batches(toy):
    encoder = model.load(toy / "checkpoint.safetensors", None, SHAPE)
    (toy / "onnx").mkdir()
    export.write_onnx(encoder, toy)
    session = onnxruntime.InferenceSession(toy / "model.onnx", providers=["CPUExecutionProvider"])
    ids = np.array([[101, 2000, 102, 2001, 102], [101, 2000, 102, 0, 0]], np.int64)
    mask = np.array([[1] * 5, [1, 1, 1, 0, 0]], np.int64)
    types = np.array([[0, 0, 0, 1, 1], [0] * 5], np.int64)
    both = session.run(None, dict(zip(export.INPUTS, (ids, mask, types))))[0]
    alone = session.run(None, dict(zip(export.INPUTS, (ids[1:, :3], mask[1:, :3], types[1:, :3]))))[0]
    np.testing.assert_allclose(both[1], alone[0], atol=1e-5)


def test_the_sample_has_pairs_of_all_lists(toy):
    write_sample(toy / "data", toy / "sample.jsonl", count=6)
    pairs = [json.loads(line) for line in (toy / "sample.jsonl").read_text().splitlines()]
    lists = list(files.read_lines(toy / "data" / "lists.jsonl.gz"))
    texts = [record["text"] for record in files.read_lines(toy / "data" / "passages.jsonl.gz")]
    assert [pair["query"] for pair in pairs] == [each["query"] for each in lists[::2]]
    places = [texts.index(pair["document"]) for pair in pairs]
    assert places == [each["passages"][number % 5] for number, each in enumerate(lists[::2])]
