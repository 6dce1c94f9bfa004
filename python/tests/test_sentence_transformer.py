"""SentenceTransformer and Embedder: vectors to the bit, shapes, prompts, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from conftest import ROOT

from crossrank import Embedder, InputError, ModelError, SentenceTransformer

TEXTS = ["A fox sleeps by day.", "Tides follow the moon.", ""]


@pytest.fixture(scope="module")
def model():
    return SentenceTransformer()


def hashes(vectors):
    """FNV-1a of the bits of each vector, as in tests/scoring/embedder.rs."""
    found = []
    for vector in vectors:
        value = 0x811C9DC5
        for bits in vector.view(np.uint32).tolist():
            value = (value ^ bits) * 0x01000193 & 0xFFFFFFFF
        found.append(value)
    return found


@pytest.mark.parametrize("num_threads", [1, 2])
def test_vectors_have_the_bits_of_the_library(num_threads):
    golden = json.loads((ROOT / "tests/data/embedding-golden.json").read_text())["texts"]
    expected = json.loads((ROOT / "tests/data/embedding-bits.json").read_text())
    texts = [text["text"] for text in golden]
    model, embedder = SentenceTransformer(num_threads=num_threads), Embedder(num_threads=num_threads)
    for vectors in (model.encode(texts, batch_size=1), model.encode(texts), embedder.embed(texts)):
        assert vectors.dtype == np.float32 and vectors.shape == (len(texts), 384)
        assert hashes(vectors) == expected["hashes"]
    assert embedder.fingerprint == expected["fingerprint"]


def test_shapes(model):
    vectors = model.encode(TEXTS)
    assert vectors.shape == (3, 384)
    one = model.encode(TEXTS[1])
    assert one.shape == (384,) and one.tobytes() == vectors[1].tobytes()
    assert model.encode(inputs=TEXTS).tobytes() == vectors.tobytes()
    assert model.encode(iter(TEXTS)).tobytes() == vectors.tobytes()
    assert model.encode([]).shape == (0, 384)
    as_list = model.encode(TEXTS, convert_to_numpy=False)
    assert isinstance(as_list, list) and as_list[0].tobytes() == vectors[0].tobytes()
    assert model.get_sentence_embedding_dimension() == model.get_embedding_dimension() == 384
    assert model.max_seq_length == 256
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_dimensions(model):
    short = model.encode(TEXTS, truncate_dim=100)
    assert short.tobytes() == model.encode(TEXTS)[:, :100].tobytes()
    normalized = SentenceTransformer(truncate_dim=100).encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(normalized, short / np.linalg.norm(short, axis=1, keepdims=True), atol=1e-6)
    assert SentenceTransformer(truncate_dim=100).get_embedding_dimension() == 100
    assert SentenceTransformer(truncate_dim=1000).get_embedding_dimension() == 384


def test_similarity(model):
    vectors = model.encode(TEXTS)
    similarities = model.similarity(vectors, vectors)
    assert similarities.shape == (3, 3)
    np.testing.assert_allclose(similarities, vectors @ vectors.T, atol=1e-6)
    np.testing.assert_allclose(model.similarity(3 * vectors[0], vectors), similarities[:1], atol=1e-6)
    dot = SentenceTransformer(similarity_fn_name="dot")
    np.testing.assert_allclose(dot.similarity(3 * vectors[0], vectors), 3 * similarities[:1], atol=1e-5)


def test_prompts():
    model = SentenceTransformer(prompts={"query": "query: ", "passage": "passage: "})
    plain = SentenceTransformer()
    expected = {kind: plain.encode(f"{kind}: tides").tobytes() for kind in ("query", "passage")}
    assert model.encode("tides", prompt_name="query").tobytes() == expected["query"]
    assert model.encode("tides", prompt="query: ").tobytes() == expected["query"]
    assert model.encode_query("tides").tobytes() == expected["query"]
    assert model.encode_document(["tides"])[0].tobytes() == expected["passage"]
    assert model.encode("tides").tobytes() == plain.encode("tides").tobytes()
    assert plain.encode_query("tides").tobytes() == plain.encode("tides").tobytes()
    default = SentenceTransformer(prompts={"query": "query: "}, default_prompt_name="query")
    assert default.encode("tides").tobytes() == expected["query"]
    assert default.encode("tides", prompt="passage: ").tobytes() == expected["passage"]
    with pytest.raises(InputError, match="'document'.*query, passage"):
        model.encode("tides", prompt_name="document")
    with pytest.raises(InputError, match="'query'.*none"):
        SentenceTransformer(default_prompt_name="query")


@pytest.mark.parametrize("own", [False, True], ids=["sentence-transformers", "pooling.json"])
def test_the_prompts_of_the_model(tmp_path, own):
    folder, names = tmp_path / "model", ("query", "document" if own else "passage")
    shutil.copytree(ROOT / "tests/data/embedders/bert", folder)
    prompts = {name: f"{name}: " for name in names}
    if own:
        (folder / "pooling.json").write_text(json.dumps({"pooling": "mean", "prompts": prompts}))
    else:
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    model, embedder = SentenceTransformer(folder), Embedder(folder)
    assert model.prompts == prompts
    assert model.encode_query("tides").tobytes() == embedder.embed_query("tides").tobytes()
    assert model.encode_document("tides").tobytes() == embedder.embed(["tides"])[0].tobytes()
    assert (
        len(
            {
                model.encode_query("a").tobytes(),
                model.encode_document("a").tobytes(),
                model.encode("a").tobytes(),
            }
        )
        == 3
    )


def test_the_dimensions_of_the_model():
    model = SentenceTransformer(ROOT / "tests/data/embedders/bert")
    assert model.encode("tides").shape == (8,) and model.get_embedding_dimension() == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("output_value", "token_embeddings"),
        ("precision", "int8"),
        ("convert_to_tensor", True),
        ("device", "cuda"),
        ("pool", {"processes": []}),
        ("batch_size", -1),
        ("truncate_dim", 0),
    ],
)
def test_what_encode_refuses_by_name(model, name, value):
    with pytest.raises(InputError, match=name):
        model.encode(TEXTS, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "cuda"),
        ("similarity_fn_name", "euclidean"),
        ("modules", ["a module"]),
        ("tokenizer_kwargs", {"padding_side": "left"}),
        ("num_threads", 0),
    ],
)
def test_what_loading_refuses_by_name(name, value):
    with pytest.raises(InputError, match=name):
        SentenceTransformer(**{name: value})


def test_texts_that_are_none(model):
    with pytest.raises(TypeError, match=r"texts\[1\] must be a str, not int"):
        model.encode(["a", 1])
    with pytest.raises(TypeError, match="sentences"):
        model.encode()
    with pytest.raises(TypeError, match="texts must be a list of texts, not str"):
        Embedder().embed("a")


def test_names(hub, hub_environment):
    model = SentenceTransformer("all-MiniLM-L6-v2")
    assert any("/api/models/sentence-transformers/all-MiniLM-L6-v2/" in path for path in hub.requests)
    folder = SentenceTransformer(ROOT / "benches/model/all-minilm-l6-v2")
    assert model.encode(TEXTS).tobytes() == folder.encode(TEXTS).tobytes()
    with pytest.raises(ModelError, match="no file says how the model makes a vector"):
        SentenceTransformer(ROOT / "benches/model/minilm-l6-en")


def test_embedder():
    embedder = Embedder(max_length=16)
    seen = []
    vectors = embedder.embed(TEXTS, normalize=False, progress=seen.append)
    assert sorted(seen)[-1] == len(TEXTS)
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1)
    vectors[0] = 0  # The array is the caller's own.
    assert (embedder.dimensions, embedder.max_length, embedder.normalizes) == (384, 16, True)
    assert len(embedder.fingerprint) == 64 and embedder.warning is None
    with pytest.raises(InputError, match="text 0"):
        embedder.embed(["word " * 100], truncation="never")
    with pytest.raises(InputError, match='kind must be document or query, not "x"'):
        embedder.embed(TEXTS, kind="x")
