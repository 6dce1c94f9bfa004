"""What is in the package, and what it needs."""

import doctest
import importlib.metadata
import subprocess
import sys

import pytest

import crossrank


def test_numpy_is_the_only_dependency():
    metadata = importlib.metadata.metadata("crossrank")
    assert crossrank.__version__ == metadata["Version"]
    required = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    assert [r.split(">")[0] for r in required] == ["numpy"]


def test_frameworks_are_imported_only_where_they_are_named():
    others = {"langchain_core", "llama_index", "haystack", "torch"}
    program = f"import sys, crossrank; sys.exit(not {others}.isdisjoint(sys.modules))"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("module", ["langchain", "llama_index", "haystack"])
def test_a_missing_framework_is_named(module):
    """As where the framework is not installed."""
    program = (
        "import sys; sys.modules |= dict.fromkeys(('langchain_core', 'llama_index', 'haystack')); "
        f"import crossrank.{module}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "ModuleNotFoundError" in done.stderr and module.split("_")[0] in done.stderr.splitlines()[-1]


def test_the_examples_in_docstrings():
    tested = 0
    for name in (
        "",
        "._reranker",
        "._embedder",
        "._cross_encoder",
        "._sentence_transformer",
        "._cache",
        ".langchain",
    ):
        module = importlib.import_module(f"crossrank{name}")
        names = {**vars(module), **{name: getattr(crossrank, name) for name in crossrank.__all__}}
        result = doctest.testmod(module, extraglobs=names)
        assert result.failed == 0
        tested += result.attempted
    assert tested >= 15


def test_licences_and_stubs_are_in_the_wheel():
    names = {str(file) for file in importlib.metadata.files("crossrank")}
    assert {"crossrank/py.typed", "crossrank/_native.pyi"} <= names
    for licence in (
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "minilm-l6-en/NOTICE",
        "all-minilm-l6-v2/NOTICE",
        "all-minilm-l6-v2/LICENSE",
    ):
        assert any(name.endswith(licence) for name in names), (licence, names)
