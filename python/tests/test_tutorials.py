"""The usual programs for sentence-transformers run with their import changed and nothing else."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from crossrank import Reranker

TUTORIALS = ROOT / "python/tests/tutorials"
IMPORT = "from sentence_transformers import"


def run(name, folder):
    """What a program prints, as rows: the score first."""
    source = (TUTORIALS / f"{name}.py").read_text()
    assert source.count(IMPORT) == 1 and source.count("sentence_transformers") == 1
    program = folder / f"{name}.py"
    program.write_text(source.replace(IMPORT, "from crossrank import"))
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=folder,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [line.split("  ") for line in done.stdout.splitlines()]


@pytest.fixture
def score():
    """The score by the model that the hub has under the name in the tutorials."""
    reranker = Reranker(ROOT / "benches/model/minilm-l6-en")

    def score(query, document):
        return f"{reranker.score([(query, document)])[0].score:.4f}"

    return score


def test_basic(hub, hub_environment, tmp_path, score):
    rows = run("basic", tmp_path)
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
    assert len(rows) == 4 and rows[0][1].startswith("Tides are")
    assert [row[0] for row in rows] == [score("How do tides work?", row[1]) for row in rows]
    assert any("/api/models/Xenova/ms-marco-MiniLM-L-6-v2/" in path for path in hub.requests)
    # The second run finds the model in the cache.
    hub.requests.clear()
    assert run("basic", tmp_path) == rows
    assert hub.requests == []


def test_batch(hub_environment, tmp_path, score):
    rows = run("batch", tmp_path)
    of_queries, ranked = rows[:3], rows[3:]
    assert [row[2].split()[0] for row in of_queries] == ["Tides", "The", "The"]
    assert "hunts" in of_queries[1][2] and "sky" in of_queries[2][2]
    assert all(row[0] == score(*row[1:]) for row in of_queries)
    assert len(ranked) == 2 and ranked[0] == [of_queries[0][0], "1", of_queries[0][2]]


def test_cached(hub_environment, tmp_path, score):
    *rows, [count] = run("cached", tmp_path)
    assert count == "4 pairs were scored"
    assert rows[0] == rows[2] and "hunts" in rows[0][2] and "tide table" in rows[1][2]
    assert all(row[0] == score(*row[1:]) for row in rows)


def test_milvus(hub, hub_environment, tmp_path, score):
    pytest.importorskip("pymilvus", reason="examples/test.sh has the environment with Milvus Lite")
    rows = run("milvus", tmp_path)
    assert len(rows) == 4 and rows[0][2].startswith("Tides are")
    assert [row[0] for row in rows] == [score("How do tides work?", row[2]) for row in rows]
    assert any("/api/models/sentence-transformers/all-MiniLM-L6-v2/" in path for path in hub.requests)
