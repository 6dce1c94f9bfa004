"""Reranks JSON lines with Spark: each partition passes through one `crossrank rerank --jsonl`.

    spark-submit rerank.py INPUT OUTPUT [PARTITIONS]

INPUT is a file or folder of lines `{id, query, documents}` that the workers can read. OUTPUT is a
folder that must not exist yet; it gets one part for each partition, in the input's order. Every worker
needs the program `crossrank`, on its PATH or at the path in CROSSRANK. Each process has one thread,
because Spark starts one process on each core.
"""

import os
import shlex
import sys

from pyspark.sql import SparkSession


def rerank(lines, crossrank=None, options=("--top-k", "10")):
    """Pipes an RDD of lines through the command. A command that fails fails its task."""
    program = crossrank or os.environ.get("CROSSRANK", "crossrank")
    command = shlex.join([program, "rerank", "--jsonl", "--threads", "1", *options])
    return lines.pipe(command, env=dict(os.environ), checkCode=True)


def main(source, target, partitions=None):
    spark = SparkSession.builder.appName("crossrank").getOrCreate()
    lines = spark.sparkContext.textFile(source, partitions and int(partitions))
    rerank(lines).saveAsTextFile(target)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
