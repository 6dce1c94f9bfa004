import json

import pytest
import torch
from conftest import SHAPE

from crossrank_training import model, shrink
from crossrank_training.pairs import logits_of

PAIR = ([101, 2000, 102, 2001, 2002, 102], [0, 0, 0, 1, 1, 1])


def test_a_smaller_model_computes_with_the_layers_that_were_kept(toy):
    words = toy / "checkpoint.safetensors"
    encoder = model.load(words, None, SHAPE)
    shrink.build(encoder, toy, [1], toy / "small")
    shape = model.Shape.read(toy / "small" / "config.json")
    assert (shape.layers, SHAPE.layers) == (1, 2)
    small = model.load(toy / "small" / "start.safetensors", words, shape)
    encoder.bert["encoder"]["layer"] = encoder.bert["encoder"]["layer"][1:]
    with torch.inference_mode():
        torch.testing.assert_close(logits_of(small, [PAIR]), logits_of(encoder, [PAIR]), atol=2e-3, rtol=0)
    assert json.loads((toy / "small" / "config.json").read_text())["crossrank"]["revision"] == "0"
    with pytest.raises(SystemExit, match="no layer 2"):
        shrink.shrink(encoder, [2])
