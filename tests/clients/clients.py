"""Tests clients from PyPI against a running server. The environment holds its URL, and names the
files with the output of `crossrank rerank --json` and `crossrank embed` for the same passages."""

import base64
import json
import os
import struct
import sys
import warnings

warnings.filterwarnings("ignore")

# LiteLLM would otherwise download its list of prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import cohere
import httpx
import infinity_client
import litellm
import openai
from huggingface_hub import InferenceClient
from infinity_client.api.default import embeddings as infinity_embeddings
from infinity_client.api.default import rerank as infinity_rerank
from infinity_client.models import OpenAIEmbeddingInputText, RerankInput
from langchain_cohere import CohereRerank as LangChainRerank
from langchain_community.document_compressors.infinity_rerank import InfinityRerank
from langchain_core.documents import Document
from langchain_openai import OpenAIEmbeddings
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank as LlamaRerank
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference
from xinference_client import RESTfulClient

URL = os.environ["CROSSRANK_URL"]
QUERY = os.environ["CROSSRANK_QUERY"]
EXPECTED = [
    (result["index"], result["score"], result["document"])
    for result in json.load(open(os.environ["CROSSRANK_EXPECTED"]))
]
VECTORS = [json.loads(line)["embedding"] for line in open(os.environ["CROSSRANK_VECTORS"])]
PASSAGES = [line.strip() for line in open(sys.argv[1], encoding="utf-8") if line.strip()]
MODEL = "rerank-english-v2.0"
TOP = 5


def same(what, results, expected):
    """Compares the order, the scores to the last digit, and documents where the client returns them."""
    results = [tuple(result) for result in results]
    expected = [tuple(row[: len(results[0])]) for row in expected]
    assert results == expected, f"{what}:\n{results}\ninstead of\n{expected}"
    print("ok", what)


def same_vectors(what, rows):
    """Compares vectors. The command prints the shortest decimals that read back as the same floats."""
    assert len(rows) == len(VECTORS), what
    near = max(abs(a - b) for r, v in zip(rows, VECTORS) for a, b in zip(r, v, strict=True))
    assert near < 1e-8, f"{what}: {near} apart"
    print("ok", what)


def cohere_v1():
    client = cohere.Client(api_key="none", base_url=URL)
    answer = client.rerank(
        model=MODEL, query=QUERY, documents=PASSAGES, top_n=TOP, return_documents=True
    )
    rows = [(r.index, r.relevance_score, r.document.text) for r in answer.results]
    same("cohere, version 1, with documents", rows, EXPECTED[:TOP])
    assert answer.id and answer.meta.api_version.version == "1"

    objects = [{"title": passage, "text": "of no use"} for passage in PASSAGES]
    answer = client.rerank(query=QUERY, documents=objects, rank_fields=["title"])
    same(
        "cohere, version 1, with rank_fields",
        [(r.index, r.relevance_score) for r in answer.results],
        EXPECTED,
    )


def cohere_v2():
    client = cohere.ClientV2(api_key="none", base_url=URL)
    answer = client.rerank(
        model="rerank-v3.5", query=QUERY, documents=PASSAGES, max_tokens_per_doc=4096
    )
    same("cohere, version 2", [(r.index, r.relevance_score) for r in answer.results], EXPECTED)
    assert answer.meta.billed_units.search_units == 1


def cohere_errors():
    client = cohere.ClientV2(api_key="none", base_url=URL)
    try:
        client.rerank(model="no-such-model", query=QUERY, documents=PASSAGES)
        raise AssertionError("an unknown model was accepted")
    except cohere.NotFoundError as error:
        assert "minilm-l6-en" in error.body["message"]
    try:
        client.rerank(model=MODEL, query=QUERY, documents=[])
        raise AssertionError("an empty list was accepted")
    except cohere.BadRequestError as error:
        assert "documents" in error.body["message"]
    print("ok cohere, errors")


def langchain_documents():
    return [Document(page_content=text, metadata={"n": i}) for i, text in enumerate(PASSAGES)]


def langchain():
    documents = langchain_documents()
    reranker = LangChainRerank(base_url=URL, cohere_api_key="none", model=MODEL, top_n=TOP)
    ranked = reranker.compress_documents(documents, QUERY)
    rows = [(d.metadata["n"], d.metadata["relevance_score"], d.page_content) for d in ranked]
    same("langchain-cohere", rows, EXPECTED[:TOP])


def langchain_infinity():
    for path in ("", "/v1", "/infinity"):
        client = infinity_client.Client(base_url=URL + path)
        reranker = InfinityRerank(client=client, model="minilm-l6-en", top_n=TOP)
        ranked = reranker.compress_documents(langchain_documents(), QUERY)
        rows = [(d.metadata["n"], d.metadata["relevance_score"], d.page_content) for d in ranked]
        same(f"langchain_community, InfinityRerank at {path or '/'}", rows, EXPECTED[:TOP])


def infinity():
    client = infinity_client.Client(base_url=f"{URL}/infinity")
    body = RerankInput(query=QUERY, documents=PASSAGES, return_documents=True)
    answer = infinity_rerank.sync(client=client, body=body)
    rows = [(r.index, r.relevance_score, r.document) for r in answer.results]
    same("infinity_client, rerank", rows, EXPECTED)
    assert answer.model == "default/not-specified" and answer.usage.total_tokens > 0
    body = OpenAIEmbeddingInputText(input_=PASSAGES, model="all-minilm-l6-v2")
    answer = infinity_embeddings.sync(client=client, body=body)
    same_vectors("infinity_client, embeddings", [item.embedding for item in answer.data])


def litellm_rerank():
    for model, path in (
        ("cohere/rerank-v3.5", ""),
        ("hosted_vllm/minilm-l6-en", ""),
        ("hosted_vllm/minilm-l6-en", "/v1"),
        ("infinity/minilm-l6-en", "/infinity"),
        ("jina_ai/minilm-l6-en", "/jina"),
        ("huggingface/minilm-l6-en", ""),
        ("voyage/minilm-l6-en", "/voyage/v1"),
    ):
        answer = litellm.rerank(
            model=model,
            query=QUERY,
            documents=PASSAGES,
            top_n=TOP,
            return_documents=True,
            api_base=URL + path,
            api_key="none",
        )
        rows = []
        for result in answer.results:
            document = result["document"]
            text = document if isinstance(document, str) else document["text"]
            rows.append((result["index"], result["relevance_score"], text))
        same(f"LiteLLM, {model} at {path or '/'}", rows, EXPECTED[:TOP])
    answer = litellm.rerank(
        model="infinity/minilm-l6-en",
        query=QUERY,
        documents=PASSAGES,
        return_documents=False,
        api_base=URL,
        api_key="none",
    )
    rows = [(r["index"], r["relevance_score"]) for r in answer.results]
    same("LiteLLM, infinity without documents at /", rows, EXPECTED)
    for model, path in (("openai/all-minilm-l6-v2", "/v1"), ("infinity/all-minilm-l6-v2", "")):
        answer = litellm.embedding(
            model=model, input=PASSAGES, api_base=URL + path, api_key="none", encoding_format="float"
        )
        same_vectors(f"LiteLLM, {model}", [item["embedding"] for item in answer.data])


def hugging_face():
    client = InferenceClient(model=URL)
    same_vectors("huggingface_hub", client.feature_extraction(PASSAGES).tolist())


def xinference():
    client = RESTfulClient(base_url=URL)
    answer = client.get_model("minilm-l6-en").rerank(
        PASSAGES, QUERY, top_n=TOP, return_documents=True, return_len=True
    )
    rows = [(r["index"], r["relevance_score"], r["document"]["text"]) for r in answer["results"]]
    same("xinference_client, rerank", rows, EXPECTED[:TOP])
    assert answer["meta"]["tokens"]["input_tokens"] > 0
    assert set(client.list_models()) == {"minilm-l6-en", "all-minilm-l6-v2"}
    answer = client.get_model("all-minilm-l6-v2").create_embedding(PASSAGES)
    same_vectors("xinference_client, embeddings", [item["embedding"] for item in answer["data"]])


def llama_nodes():
    return [
        NodeWithScore(node=TextNode(text=text, id_=str(i)), score=0.0)
        for i, text in enumerate(PASSAGES)
    ]


def llama_rows(ranked):
    return [(int(r.node.node_id), r.score, r.node.get_content()) for r in ranked]


def llama_index():
    reranker = LlamaRerank(api_key="none", base_url=URL, model=MODEL, top_n=TOP)
    ranked = reranker.postprocess_nodes(llama_nodes(), query_str=QUERY)
    same("LlamaIndex, Cohere", llama_rows(ranked), EXPECTED[:TOP])


def llama_index_tei():
    reranker = TextEmbeddingInference(base_url=URL, top_n=TOP)
    ranked = reranker.postprocess_nodes(llama_nodes(), query_str=QUERY)
    same("LlamaIndex, Text Embeddings Inference", llama_rows(ranked), EXPECTED[:TOP])


def milvus():
    """Sends what Milvus's TEI ranker sends according to its documentation: batches of at most
    `max_client_batch_size`, with `truncate` and `truncation_direction`."""
    scores = {}
    for start in range(0, len(PASSAGES), 5):
        body = {
            "query": QUERY,
            "texts": PASSAGES[start : start + 5],
            "truncate": True,
            "truncation_direction": "Right",
        }
        for item in httpx.post(f"{URL}/rerank", json=body).raise_for_status().json():
            scores[start + item["index"]] = item["score"]
    rows = sorted(scores.items(), key=lambda row: -row[1])
    same("Milvus's request", rows, EXPECTED)


def openai_embeddings():
    client = openai.OpenAI(api_key="none", base_url=f"{URL}/v1", max_retries=0)
    # The client asks for base64 by default.
    for form in (openai.omit, "float", "base64"):
        answer = client.embeddings.create(
            model="text-embedding-3-small", input=PASSAGES, encoding_format=form
        )
        rows = [item.embedding for item in answer.data]
        if form == "base64":
            rows = [struct.unpack(f"<{len(v)}f", base64.b64decode(r)) for r, v in zip(rows, VECTORS)]
        same_vectors(f"openai, {form or 'the default format'}", rows)
        assert [item.index for item in answer.data] == list(range(len(PASSAGES)))
        assert answer.usage.prompt_tokens > 0 and answer.object == "list"
    one = client.embeddings.create(model="all-minilm-l6-v2", input=PASSAGES[0], dimensions=384)
    assert len(one.data) == 1 and len(one.data[0].embedding) == len(VECTORS[0])
    try:
        client.embeddings.create(model="no-such-model", input="a")
        raise AssertionError("an unknown model was accepted")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found" and "all-minilm-l6-v2" in error.body["message"]
    try:
        client.embeddings.create(model="all-minilm-l6-v2", input=[[1, 2, 3]])
        raise AssertionError("token ids were accepted")
    except openai.BadRequestError as error:
        assert error.type == "invalid_request_error" and "token ids" in error.body["message"]
    print("ok openai, errors")
    listed = [model.id for model in client.models.list()]
    assert listed == ["minilm-l6-en", "all-minilm-l6-v2"], listed
    assert client.models.retrieve("all-minilm-l6-v2").object == "model"
    print("ok openai, models")


def langchain_openai():
    # Without the last option, LangChain sends token ids of OpenAI's own vocabulary.
    embeddings = OpenAIEmbeddings(
        base_url=f"{URL}/v1",
        api_key="none",
        model="all-minilm-l6-v2",
        dimensions=384,
        check_embedding_ctx_length=False,
    )
    same_vectors("langchain-openai", embeddings.embed_documents(PASSAGES))


for test in (
    cohere_v1,
    cohere_v2,
    cohere_errors,
    langchain,
    langchain_infinity,
    langchain_openai,
    infinity,
    litellm_rerank,
    hugging_face,
    xinference,
    llama_index,
    llama_index_tei,
    milvus,
    openai_embeddings,
):
    test()
