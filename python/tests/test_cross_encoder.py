"""CrossEncoder: scores to the bit, the shapes of sentence-transformers, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from conftest import ROOT, logits_of
from test_reranker import LONG

from crossrank import AccessError, CrossEncoder, Error, InputError, ModelError

QUERY = "what causes tides"
DOCUMENTS = ["A fox sleeps by day.", "Tides follow the moon.", "Foxes hunt at night."]


def identity(logits):
    return logits


def plain(**arguments):
    """A model whose scores are the golden logits, which have documents cut at 512 tokens."""
    return CrossEncoder(activation_fn=identity, max_length=512, **arguments)


@pytest.mark.parametrize(("num_threads", "batch_size"), [(1, 64), (2, 1), (3, 7)])
def test_logits_have_the_bits_of_the_library(golden, num_threads, batch_size):
    pairs, logits = golden
    model = plain(num_threads=num_threads)
    for given in (pairs, [list(pair) for pair in pairs], iter(pairs), np.array(pairs)):
        scores = model.predict(given, batch_size=batch_size)
        assert scores.dtype == np.float32 and scores.shape == logits.shape
        assert scores.tobytes() == logits.tobytes()
    assert model.predict(pairs[::-1], batch_size).tobytes() == logits[::-1].tobytes()
    assert [model.predict(pair) for pair in pairs[:3]] == logits[:3].tolist()


def test_lists_that_are_longer_than_a_part(monkeypatch, golden):
    pairs, logits = golden
    monkeypatch.setattr("crossrank._batches.PART", 7)
    assert plain().predict(pairs).tobytes() == logits.tobytes()


def test_the_sigmoid_is_that_of_the_library(golden, model, reranker):
    pairs, logits = golden
    assert model.predict(pairs).tolist() == [score.score for score in reranker.score(pairs)]
    scores = CrossEncoder(max_length=512).predict(pairs)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-logits.astype(np.float64))), rtol=1e-6)


def test_shapes(model):
    pairs = [(QUERY, document) for document in DOCUMENTS]
    one = model.predict(pairs[1])
    assert isinstance(one, np.float32)
    assert model.predict(pairs)[1] == one
    assert model.predict(inputs=pairs).tolist() == model.predict(pairs).tolist()
    assert model.predict([pairs[1]]).shape == (1,)
    assert model.predict([]).shape == (0,) and model.predict([]).dtype == np.float32
    assert model.predict(np.array(pairs[1])) == one
    as_list = model.predict(pairs, convert_to_numpy=False)
    assert isinstance(as_list, list) and as_list[1] == one
    assert model.predict([("", "")]).shape == (1,)


def test_rank(model):
    scores = model.predict([(QUERY, document) for document in DOCUMENTS]).tolist()
    ranked = model.rank(QUERY, DOCUMENTS)
    assert [result["corpus_id"] for result in ranked] == sorted(range(3), key=lambda i: -scores[i])
    assert all(
        result == {"corpus_id": i, "score": scores[i]} for result in ranked for i in [result["corpus_id"]]
    )
    assert type(ranked[0]["score"]) is float
    [best] = model.rank(QUERY, iter(DOCUMENTS), top_k=1, return_documents=True)
    assert best == {"corpus_id": 1, "score": scores[1], "text": DOCUMENTS[1]}
    assert model.rank(QUERY, []) == []
    # Equal scores keep the order given.
    same = model.rank(QUERY, [DOCUMENTS[0]] * 3)
    assert [result["corpus_id"] for result in same] == [0, 1, 2]


def test_activations(golden):
    pairs, logits = golden
    model = CrossEncoder(max_length=512)
    doubled = model.predict(pairs, activation_fn=lambda logits: logits * 2)
    assert doubled.tobytes() == (logits * 2).tobytes()
    assert model.predict(pairs, activation_fct=identity).tobytes() == logits.tobytes()
    assert (
        CrossEncoder(max_length=512, default_activation_function=identity).predict(pairs).tobytes()
        == logits.tobytes()
    )
    with pytest.raises(InputError, match=r"shape \(\).*\(64,\)"):
        model.predict(pairs, activation_fn=np.sum)
    with pytest.raises(ZeroDivisionError):
        model.predict(pairs, activation_fn=lambda _: 1 // 0)


def test_activations_of_torch_are_known_by_their_class(golden):
    pairs, logits = golden
    model = CrossEncoder(max_length=512)
    for name, expected in [("Identity", logits), ("Sigmoid", model.predict(pairs))]:
        module = type(name, (), {"__module__": f"torch.nn.modules.{name.lower()}"})()
        assert model.predict(pairs, activation_fn=module).tobytes() == expected.tobytes()
    tanh = type("Tanh", (), {"__module__": "torch.nn.modules.activation"})()
    with pytest.raises(InputError, match="torch tensors"):
        model.predict(pairs, activation_fn=tanh)


@pytest.mark.parametrize("place", ["config", "legacy", "settings"])
def test_the_activation_that_the_model_names(tmp_path, golden, place):
    folder = tmp_path / "model"
    shutil.copytree(ROOT / "benches/model/minilm-l6-en", folder)
    config = json.loads((folder / "config.json").read_text())

    def name(activation):
        values = {
            "config": {"sentence_transformers": {"activation_fn": activation, "version": "6.2.0"}},
            "legacy": {"sbert_ce_default_activation_function": activation},
            "settings": {},
        }
        (folder / "config.json").write_text(json.dumps(config | values[place]))
        if place == "settings":
            (folder / "config_sentence_transformers.json").write_text(
                json.dumps({"activation_fn": activation})
            )

    pairs, _ = golden
    logits = logits_of("int8-logit-bits.json")
    name("torch.nn.modules.linear.Identity")
    assert CrossEncoder(folder, max_length=512).predict(pairs).tobytes() == logits.tobytes()
    assert (
        CrossEncoder(str(folder), max_length=512, activation_fn=np.negative).predict(pairs).tobytes()
        == (-logits).tobytes()
    )
    name("torch.nn.modules.activation.Sigmoid")
    assert 0 < CrossEncoder(folder, max_length=512).predict(pairs).min() < 1
    name("torch.nn.modules.activation.Tanh")
    with pytest.raises(ModelError, match="Tanh.*pass activation_fn"):
        CrossEncoder(folder)
    if place == "settings":
        (folder / "config_sentence_transformers.json").write_text("{")
        with pytest.raises(ModelError, match="config_sentence_transformers.json is not JSON"):
            CrossEncoder(folder)
        name("torch.nn.modules.activation.Tanh")
    assert (
        CrossEncoder(folder, max_length=512, activation_fn=np.tanh).predict(pairs).tobytes()
        == np.tanh(logits).tobytes()
    )


def test_long_documents(reranker):
    pair = (QUERY, LONG)
    windows, cut = CrossEncoder().predict(pair), CrossEncoder(max_length=512).predict(pair)
    assert windows > cut
    assert windows == np.float32(reranker.rerank(QUERY, [LONG]).results[0].score)
    assert cut == np.float32(reranker.score([pair], max_length=512)[0].score)


REFUSED_WHEN_LOADING = {
    "device": "cuda",
    "num_labels": 2,
    "max_length": 0,
    "num_threads": -1,
    "backend": "tensorflow",
    "model_kwargs": {"torch_dtype": "float16"},
    "automodel_args": {"torch_dtype": "float16"},
    "tokenizer_args": {"padding_side": "left"},
    "tokenizer_kwargs": {"padding_side": "left"},
    "processor_kwargs": {"padding_side": "left"},
    "config_args": {"dropout": 0.1},
    "config_kwargs": {"dropout": 0.1},
    "modules": ["a module"],
    "prompts": {"query": "q: "},
    "default_prompt_name": "query",
}


@pytest.mark.parametrize("name", REFUSED_WHEN_LOADING)
def test_what_loading_refuses_by_name(name):
    refused = "torch_dtype" if name == "model_kwargs" else name
    with pytest.raises(InputError, match=refused):
        CrossEncoder(**{name: REFUSED_WHEN_LOADING[name]})


def test_what_loading_ignores(model, golden):
    pairs, _ = golden
    ignored = CrossEncoder(
        None,
        1,
        device=None,
        trust_remote_code=True,
        model_card_data=object(),
        backend="onnx",
        model_kwargs={},
        automodel_args=None,
        local_files_only=True,
        token=True,
    )
    assert ignored.predict(pairs).tobytes() == model.predict(pairs).tobytes()


REFUSED_WHEN_CALLED = {
    "batch_size": 0,
    "device": ["cuda:0", "cuda:1"],
    "pool": {"processes": []},
    "convert_to_tensor": True,
    "prompt": "q: ",
    "prompt_name": "query",
}


@pytest.mark.parametrize("name", REFUSED_WHEN_CALLED)
def test_what_predict_refuses_by_name(model, name):
    with pytest.raises(InputError, match=name):
        model.predict([(QUERY, DOCUMENTS[0])], **{name: REFUSED_WHEN_CALLED[name]})


def test_unknown_arguments_are_errors(model):
    with pytest.raises(TypeError, match="processing_kwargs"):
        model.predict([(QUERY, "x")], processing_kwargs={})
    with pytest.raises(TypeError, match="classifier_dropout"):
        CrossEncoder(classifier_dropout=0.1)
    with pytest.raises(TypeError, match="sentences"):
        model.predict()


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([(QUERY, "a"), (QUERY,)], InputError, r"pairs\[1\] must be two texts, and it has 1"),
        ([(QUERY, "a", "b")], InputError, r"pairs\[0\] must be two texts, and it has 3"),
        ((QUERY, "a", "b"), InputError, r"pairs\[0\] must be two texts"),
        ([(QUERY, "a"), "ab"], TypeError, r"pairs\[1\] must be a list of texts, not str"),
        ([(QUERY, 3)], TypeError, r"pairs\[0\]\[1\] must be a str, not int"),
        ([(QUERY, None)], TypeError, r"pairs\[0\]\[1\] must be a str, not NoneType"),
        ([(QUERY, "\ud800")], InputError, r"pairs\[0\]\[1\] is not valid Unicode"),
        ([(QUERY, "x" * (1 << 20) + "x")], InputError, "pair 0.*1"),
    ],
)
def test_pairs_that_are_none(model, pairs, error, message):
    with pytest.raises(error, match=message):
        model.predict(pairs)


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_text_has_a_largest_size(model, size):
    pairs = [("x" * size, "x" * size)]
    if size <= 1 << 20:
        assert len(model.predict(pairs)) == 1
        return
    with pytest.raises(InputError, match="1048577 bytes.*over the limit of 1048576"):
        model.predict(pairs)


def test_errors_have_codes(model, tmp_path):
    with pytest.raises(InputError) as caught:
        model.predict([(QUERY, "x" * (1 << 20) + "x")])
    assert caught.value.code == "input-too-large" and isinstance(caught.value, (Error, ValueError))
    with pytest.raises(AccessError) as caught:
        CrossEncoder(tmp_path)
    assert caught.value.code == "io" and isinstance(caught.value, OSError)
    (tmp_path / "model").write_bytes(b"no model")
    with pytest.raises(ModelError) as caught:
        CrossEncoder(tmp_path / "model")
    assert caught.value.code == "invalid-model"
    with pytest.raises(ModelError, match="embed"):
        CrossEncoder(ROOT / "benches/model/all-minilm-l6-v2")


def test_models_by_name(hub, hub_environment, tmp_path):
    with pytest.raises(AccessError, match="HF_HUB_OFFLINE"):
        CrossEncoder("owner/tiny", local_files_only=True)
    assert hub.requests == []
    with pytest.raises(AccessError, match="owner/missing"):
        CrossEncoder("owner/missing")
    CrossEncoder("owner/tiny", cache_folder=tmp_path / "other")
    assert (tmp_path / "other/models--owner--tiny").is_dir() and not (tmp_path / "hub").exists()
    hub.requests.clear()
    CrossEncoder("owner/tiny", cache_folder=str(tmp_path / "other"), local_files_only=True)
    assert hub.requests == []
    graph = {"file_name": "onnx/model_quantized.onnx"}
    for model in (
        CrossEncoder("owner/tiny", model_kwargs=graph),
        CrossEncoder("owner/tiny:onnx/model_quantized.onnx"),
    ):
        assert model.predict([("a", "b")]).shape == (1,)
    with pytest.raises(ModelError, match="onnx/model_O4.onnx"):
        CrossEncoder("owner/tiny", model_kwargs={"file_name": "onnx/model_O4.onnx"})
    with pytest.raises(AccessError):
        CrossEncoder("owner/tiny", revision="other")
    with pytest.raises(InputError, match="revision"):
        CrossEncoder("owner/tiny", revision="../x")


def test_a_model_for_general_operators_warns():
    with pytest.warns(RuntimeWarning, match="general"):
        CrossEncoder(ROOT / "tests/data/graphs/general-deberta")
