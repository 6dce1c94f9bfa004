"""The requests of the soak: normal ones of every route, and faults with the outcome that each must have."""

import gzip
import json
import random
import socket
import struct
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "soak-token"
# A name of hosted models, which stands for the bundled one.
NAME = "rerank-english-v3.0"
# The server's limits, low enough for faults to reach them often.
QUEUE, CONNECTIONS, MAX_BODY, MAX_DOCUMENTS = 8, 64, 1 << 20, 200
HEAD_SECONDS, BODY_SECONDS, IDLE_SECONDS = 2, 2, 5
# Much longer than all of these: what the server does later is a fault.
PATIENCE = 60

LIMITS = {
    "--queue": QUEUE, "--connections": CONNECTIONS, "--max-body": MAX_BODY, "--max-documents": MAX_DOCUMENTS,
    "--head-timeout": HEAD_SECONDS, "--body-timeout": BODY_SECONDS, "--idle-timeout": IDLE_SECONDS,
    "--cache-mb": 1,
}

WORDS = (ROOT / "examples" / "passages.txt").read_text(encoding="utf-8").split()


class Texts:
    """Queries and documents. The same seed gives the same texts."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.seed = seed

    def text(self, words):
        start = self.random.randrange(len(WORDS))
        some = [WORDS[(start + i) % len(WORDS)] for i in range(words)]
        return f"{self.seed}: {' '.join(some)}"

    def query(self):
        return self.text(5)

    def documents(self, most):
        return [self.text(self.random.randint(3, 60)) for _ in range(self.random.randint(1, most))]


def cohere_v2(t):
    return "/v2/rerank", {"model": NAME, "query": t.query(), "documents": t.documents(20), "top_n": 5}


def cohere_v1(t):
    objects = [{"title": text, "text": "of no use"} for text in t.documents(20)]
    return "/v1/rerank", {"query": t.query(), "documents": objects, "rank_fields": ["title"], "return_documents": True}


def long_document(t):
    return "/v1/rerank", {"query": t.query(), "documents": [t.text(1500)], "max_chunks_per_doc": 4}


def many_documents(t):
    return "/v1/rerank", {"query": t.query(), "documents": [t.text(12) for _ in range(100)], "top_n": 10}


def batch(t):
    return "/v1/rerank/batch", {"queries": [t.query(), t.query()], "documents": [t.documents(8), t.documents(8)]}


# Names of the dialects, and for a seed's texts the path and the body.
SCORING = {
    "cohere-v2": cohere_v2,
    "cohere-v1": cohere_v1,
    "long-document": long_document,
    "many-documents": many_documents,
    "batch": batch,
    "jina": lambda t: ("/jina/v1/rerank", {"model": NAME, "query": t.query(), "documents": t.documents(20)}),
    "voyage": lambda t: ("/voyage/v1/rerank", {"model": NAME, "query": t.query(), "documents": t.documents(20), "top_k": 3}),
    "tei": lambda t: ("/rerank", {"query": t.query(), "texts": t.documents(20), "raw_scores": True}),
    "vllm": lambda t: ("/rerank", {"query": t.query(), "documents": t.documents(20)}),
    "weaviate": lambda t: ("/rerank", {"query": t.query(), "property": "text", "documents": t.documents(20)}),
    "infinity": lambda t: ("/infinity/rerank", {"query": t.query(), "documents": t.documents(20)}),
    "openai": lambda t: ("/v1/embeddings", {"input": t.documents(8)}),
    "openai-base64": lambda t: ("/v1/embeddings", {"input": t.text(30), "encoding_format": "base64"}),
    "tei-embed": lambda t: ("/embed", {"inputs": t.documents(8)}),
    "search": lambda t: ("/search", {"query": t.query()}),
}
INFORMING = ["/info", "/health", "/metrics", "/openapi.json", "/v1/models"]


def normal(rng, unique):
    """A kind, the method, the path, the body, and a key if its answer must never change: one half of the
    requests repeats one of a few, the other half is new."""
    if rng.random() < 0.1:
        path = rng.choice(INFORMING)
        return path[1:], "GET", path, None, None if path in ("/metrics", "/health") else path
    kind = rng.choice(list(SCORING))
    repeated = rng.randrange(20) if rng.random() < 0.5 else None
    path, body = SCORING[kind](Texts(f"new {unique}" if repeated is None else f"old {kind} {repeated}"))
    return kind, "POST", path, json.dumps(body).encode(), None if repeated is None else (kind, repeated)


def constant(body):
    """What must be the same in every answer to a request."""
    answer = json.loads(body)
    if isinstance(answer, dict):
        for name in ("id", "created"):
            answer.pop(name, None)
    return json.dumps(answer, sort_keys=True)


class Faults:
    """Methods whose name begins with `fault_` misbehave, and return what came of it: a status, `ended` or
    `sent`. The first line of their documentation is what must come of it. Those whose name begins with
    `flood_` use up what all clients share."""

    def __init__(self, port, rng):
        self.port, self.rng = port, rng

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def head(self, path="/v2/rerank", method="POST", token=TOKEN, **headers):
        lines = [f"{method} {path} HTTP/1.1", "host: soak", "connection: close"]
        lines += [f"authorization: Bearer {token}"] if token else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def outcome(self, stream, request=b""):
        """The status of the answer to a request, read to its end; `ended` without one."""
        answer = b""
        try:
            stream.sendall(request)
        except ConnectionError:
            pass  # the server may refuse a request, and say so, before all of it is sent
        while part := stream.recv(1 << 16):
            answer += part
        return answer[9:12].decode() if answer else "ended"

    def send(self, body, path="/v2/rerank", method="POST", token=TOKEN, **headers):
        with self.connect() as stream:
            return self.outcome(stream, self.head(path, method, token, content_length=len(body), **headers) + body)

    def request(self, documents=3):
        texts = Texts(f"fault {self.rng.random()}")
        documents = [texts.text(30) for _ in range(documents)]
        return json.dumps({"model": NAME, "query": texts.query(), "documents": documents}).encode()

    def fault_bad_json(self):
        """400"""
        return self.send(self.rng.choice([b"{", b"", b"[1,2", b'{"query": 1}', b'"\xff"', b"[" * 100_000]))

    def fault_too_many_documents(self):
        """400"""
        return self.send(self.request(MAX_DOCUMENTS + 1))

    def fault_bad_key(self):
        """401"""
        return self.send(self.request(), token=self.rng.choice([None, "soak-tokem", "x", "\u00e9"]))

    def fault_unknown(self):
        """404"""
        body = json.dumps({"model": "no-such-model", "query": "a", "documents": ["b"]}).encode()
        return self.send(b"{}", path="/nothing") if self.rng.random() < 0.5 else self.send(body)

    def fault_method(self):
        """405"""
        return self.send(b"", method="GET")

    def fault_slow_body(self):
        """408"""
        with self.connect() as stream:
            return self.outcome(stream, self.head(content_length=100) + b'{"query":')

    def fault_large_body(self):
        """413"""
        size = MAX_BODY + 1 + self.rng.randrange(1 << 20)
        if self.rng.random() < 0.5:
            return self.send(b"x" * size)
        with self.connect() as stream:
            chunk = b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
            return self.outcome(stream, self.head(transfer_encoding="chunked") + chunk)

    def fault_large_when_unpacked(self):
        """413"""
        return self.send(gzip.compress(bytes(50 << 20), 1), content_encoding="gzip")

    def fault_encoding(self):
        """415"""
        return self.send(self.request(), content_encoding="zstd")

    def fault_large_head(self):
        """431"""
        return self.send(self.request(), x_long="x" * (200 << 10))

    def fault_no_http(self):
        """400"""
        with self.connect() as stream:
            return self.outcome(stream, b"\x16\x03\x01 this is not HTTP\r\n\r\n")

    def fault_slow_head(self):
        """ended"""
        with self.connect() as stream:
            return self.outcome(stream, b"POST /v2/rerank HTTP/1.1\r\nhost:")

    def fault_silent(self):
        """ended"""
        with self.connect() as stream:
            return self.outcome(stream)

    def fault_never_reads(self):
        """ended"""
        request = self.head("/openapi.json", "GET").replace(b"connection: close\r\n", b"") * 100
        with self.connect() as stream:
            # The answers fill the buffers of both sides. Then the server reads no more, and ends the connection.
            try:
                while True:
                    stream.sendall(request)
            except (ConnectionResetError, BrokenPipeError):
                return "ended"

    def fault_leaves_in_body(self):
        """sent"""
        with self.connect() as stream:
            stream.sendall(self.head(content_length=1000) + b'{"query":')
        return "sent"

    def fault_leaves_before_answer(self):
        """sent"""
        with self.connect() as stream:
            body = self.request(60)
            stream.sendall(self.head(content_length=len(body)) + body)
            time.sleep(self.rng.random() / 20)
            if self.rng.random() < 0.5:  # with a reset instead of an end
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "sent"

    def flood_requests(self):
        """429"""
        streams = [self.connect() for _ in range(4 * QUEUE)]
        for stream in streams:
            body = self.request(40)
            stream.sendall(self.head(content_length=len(body)) + body)
        return self.outcomes(streams, {"200", "429"})

    def flood_connections(self):
        """503"""
        streams = [self.connect() for _ in range(CONNECTIONS + 10)]
        # Those that were accepted are ended when they have been silent for too long.
        return self.outcomes(streams, {"ended", "503"})

    def outcomes(self, streams, allowed):
        """The highest status, if all outcomes are among those that are allowed."""
        outcomes = {self.outcome(stream) for stream in streams}
        for stream in streams:
            stream.close()
        return str(outcomes) if outcomes - allowed else max(outcomes - {"ended"}, default="ended")

    def named(self, prefix):
        names = [name for name in dir(self) if name.startswith(prefix)]
        return {name: (getattr(self, name), getattr(self, name).__doc__) for name in names}
