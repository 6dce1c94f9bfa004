"""The ranker by which a Milvus cluster (2.6 or later) calls `crossrank serve` through its TEI
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
            # One query for each vector of the search.
            "queries": [query],
            # Milvus adds the path /rerank.
            "endpoint": endpoint,
            # At most the server's --max-documents. Scores do not depend on it.
            "max_client_batch_size": 100,
            # Otherwise the search fails on a passage that is longer than the model reads.
            "truncate": True,
            "truncation_direction": "Right",
        },
    )
