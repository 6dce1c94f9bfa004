import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from crossrank import CrossEncoder, Reranker
from hub import Hub

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("CROSSRANK", ROOT / "target/release/crossrank")


@pytest.fixture(scope="session")
def golden():
    """Pairs, and the bits of their logits."""
    pairs = json.loads((ROOT / "tests/data/golden.json").read_text())["pairs"]
    return [(pair["query"], pair["passage"]) for pair in pairs], logits_of("logit-bits.json")


def logits_of(name):
    """The golden pairs' logits in a file of tests/data."""
    bits = json.loads((ROOT / "tests/data" / name).read_text())
    return np.array(bits, np.uint32).view(np.float32)


@pytest.fixture(scope="session")
def hub():
    """A hub with the bundled models under the names of well-known ones."""
    hub = Hub(
        {
            "Xenova/ms-marco-MiniLM-L-6-v2": ROOT / "benches/model/minilm-l6-en",
            "sentence-transformers/all-MiniLM-L6-v2": ROOT / "benches/model/all-minilm-l6-v2",
            "owner/tiny": ROOT / "tests/data/graphs/int8-tensor",
        }
    )
    yield hub
    hub.close()


@pytest.fixture
def hub_environment(hub, tmp_path, monkeypatch):
    """Variables with which models come from the hub on loopback, into an empty cache."""
    for name in ("HF_HOME", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    hub.requests.clear()
    return os.environ


@pytest.fixture(scope="session")
def model():
    return CrossEncoder()


@pytest.fixture(scope="session")
def reranker():
    return Reranker()


@pytest.fixture(scope="session")
def cohere_url(tmp_path_factory):
    """The address of a server with Cohere's API and the same model, to which the frameworks' own components
    are compared."""
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as errors:
        command = [PROGRAM, "serve", "--port", "0", "--accept-any-model"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    yield server.stdout.readline().split()[-1]
    server.kill()
    server.wait()
