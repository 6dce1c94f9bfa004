"""The ranker with which a Milvus cluster (2.6 or later) calls `crossrank serve`, as its TEI
provider:

    client.search(collection, data=[vector], limit=10, output_fields=["text"],
                  ranker=crossrank_ranker(query, "http://crossrank:8787"))

Milvus Lite has no model rankers: search.py calls the server itself.
"""

from pymilvus import Function, FunctionType


def crossrank_ranker(query, endpoint, field="text"):
    return Function(
        name="crossrank",
        function_type=FunctionType.RERANK,
        # The VARCHAR field that holds the passage.
        input_field_names=[field],
        params={
            "reranker": "model",
            "provider": "tei",
            # One for each vector of the search.
            "queries": [query],
            # Milvus adds the path /rerank.
            "endpoint": endpoint,
            # Below the server's --max-documents. Scores do not depend on it.
            "max_client_batch_size": 100,
            # Without it, a passage over the model's maximum fails the search.
            "truncate": True,
            "truncation_direction": "Right",
        },
    )
