"""The programs of docs/start/python.md and of the package's README run as they stand."""

import re
import shutil

import pytest
from conftest import ROOT
from test_reranker import index  # noqa: F401, a fixture

PAGES = [ROOT / "docs/start/python.md", ROOT / "python/README.md"]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.S | re.M))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_block(block, hub_environment, tmp_path, monkeypatch, capsys, index):  # noqa: F811
    for framework in ("langchain_core", "llama_index.core", "haystack"):
        if framework in block:
            pytest.importorskip(framework, reason="python/requirements.txt has the frameworks")
    shutil.copy(index / "both", tmp_path / "docs.index")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "block", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


def test_the_pages_have_programs():
    assert len(BLOCKS) >= 10
