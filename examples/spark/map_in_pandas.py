"""Reranks a DataFrame with Spark's `mapInPandas`, in its Python processes.

    spark-submit map_in_pandas.py INPUT OUTPUT

INPUT is a JSON file of rows `{id, query, documents}`, in which the documents are texts. OUTPUT is a folder that
must not exist yet; it gets a row `{id, index, score, document}` for each result. Every worker needs the Python
package crossrank, which has its model inside.
"""

import sys

import pandas as pd
from crossrank import Reranker
from pyspark.sql import SparkSession

SCHEMA = "id string, index int, score float, document string"


def rerank(batches, top_k=10):
    """Reranks batches of rows `(id, query, documents)`. The model has one thread, because Spark starts one
    process on each core."""
    reranker = Reranker(num_threads=1)
    for batch in batches:
        rows = []
        for id_, query, documents in batch[["id", "query", "documents"]].itertuples(index=False):
            for result in reranker.rerank(query, documents, top_k).results:
                rows.append((id_, result.index, result.score, documents[result.index]))
        yield pd.DataFrame(rows, columns=["id", "index", "score", "document"])


def main(source, target):
    spark = SparkSession.builder.appName("crossrank").getOrCreate()
    queries = spark.read.schema("id string, query string, documents array<string>").json(source)
    queries.mapInPandas(rerank, SCHEMA).write.json(target)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
