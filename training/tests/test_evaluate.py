import numpy as np
import pytest
import torch
from conftest import SHAPE

from crossrank_training import calibrate, evaluate, loss, mix, model
from crossrank_training.files import read_lines
from crossrank_training.pairs import load_tokenizer, logits_of


def test_ndcg_is_linear_in_the_grades():
    assert evaluate.ndcg([3, 0, 1], [3, 1, 0]) == pytest.approx((3 + 0.5) / (3 + 1 / np.log2(3)))
    assert evaluate.ndcg([0, 0], [0, 0]) == 0


def test_sets_have_long_and_odd_lists(toy):
    lists = evaluate.read_sets(toy / "dev", load_tokenizer(toy / "tokenizer.json"))
    assert [each.name for each in lists].count("squad-long") == 5
    perfect = [np.array(each.grades, float) for each in lists]
    figures = evaluate.summarize(lists, perfect)
    assert figures == {"squad": 1, "squad-long": 1, "odd-above-relevant": 0, "odd-over-0.2": 1, "mean": 1}


def test_logits_do_not_depend_on_the_batch(toy):
    encoder = model.load(toy / "checkpoint.safetensors", None, SHAPE)
    pairs = [(list(range(1000, 1000 + n)), [0] * n) for n in (9, 4, 30, 5)]
    with torch.inference_mode():
        alone = torch.cat([logits_of(encoder, [pair]) for pair in pairs])
        torch.testing.assert_close(logits_of(encoder, pairs), alone, rtol=1e-4, atol=1e-5)


def test_checkpoints_leave_the_word_table_out(toy):
    encoder = model.load(toy / "checkpoint.safetensors", None, SHAPE)
    model.save(encoder, toy / "small.safetensors")
    assert model.WORD_TABLE not in model.read_tensors(toy / "small.safetensors")
    again = model.load(toy / "small.safetensors", toy / "checkpoint.safetensors", SHAPE)
    for name, tensor in encoder.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=1e-3, atol=1e-3)


def test_losses_are_least_at_the_targets():
    target, label = np.array([0, -1, -2], np.float32), np.array([0.9, 0.5, 0.1], np.float32)
    right = loss.list_losses(torch.tensor([2.0, 0.0, -2.0]), target, label)
    wrong = loss.list_losses(torch.tensor([-2.0, 0.0, 2.0]), target, label)
    assert max(right["distance"], right["order"]) < 1e-6
    assert loss.total(right) < loss.total(wrong)


def test_calibration_finds_scale_and_bias():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, 20000)
    relevant = rng.random(20000) < calibrate.sigmoid(0.5 * logits - 1)
    lists = [evaluate.DevelopmentList("x", [([], [])] * 20000, relevant.astype(int).tolist(), [])]
    fitted = calibrate.fit(lists, [logits])
    # Relevant and irrelevant passages weigh the same, whatever their shares are.
    share = relevant.mean()
    bias = -1 - np.log(share / (1 - share))
    assert fitted.scale == pytest.approx(0.5, abs=0.03) and fitted.bias == pytest.approx(bias, abs=0.05)
    assert fitted.error < 0.02 < 0.1 < fitted.error_before
    assert share < 0.4 and fitted.error_in_lists > 0.05


def test_the_student_has_its_share_of_the_targets(toy):
    encoder = model.load(toy / "checkpoint.safetensors", None, SHAPE)
    tokenizer = load_tokenizer(toy / "tokenizer.json")
    for name in ("one", "two"):
        mix.build(encoder, tokenizer, toy / "data", toy / name, 0.5)
    assert (toy / "one" / "lists.jsonl.gz").read_bytes() == (toy / "two" / "lists.jsonl.gz").read_bytes()
    for before, after in zip(read_lines(toy / "data" / "lists.jsonl.gz"), read_lines(toy / "one" / "lists.jsonl.gz")):
        assert before["passages"] == after["passages"] and max(after["target"]) == 0
        assert -5 < min(after["target"]) < -4
