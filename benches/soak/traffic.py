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
# The server's limits, low enough for faults to reach them often. Times are in seconds.
QUEUE, CONNECTIONS, MAX_BODY, MAX_DOCUMENTS = 8, 64, 1 << 20, 200
LIMITS = {
    "--queue": QUEUE,
    "--connections": CONNECTIONS,
    "--max-body": MAX_BODY,
    "--max-documents": MAX_DOCUMENTS,
    "--head-timeout": 2,
    "--body-timeout": 2,
    "--idle-timeout": 5,
    "--cache-mb": 1,
    # A busy machine must not miss it.
    "--deadline": 600,
}
# Much longer than the time-outs: what the server does not do until then, it does not do.
PATIENCE = 300

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


def ranking(documents="documents", **fields):
    """A body with a query and up to 20 documents, in a field of this name, and with further fields."""
    return lambda texts: {"query": texts.query(), documents: texts.documents(20), **fields}


def objects(texts):
    documents = [{"title": text, "text": "of no use"} for text in texts.documents(20)]
    return {"query": texts.query(), "documents": documents, "rank_fields": ["title"], "return_documents": True}


def batch(texts):
    return {"queries": [texts.query(), texts.query()], "documents": [texts.documents(8), texts.documents(8)]}


def long_document(texts):
    return {"query": texts.query(), "documents": [texts.text(1500)], "max_chunks_per_doc": 4}


def many_documents(texts):
    return {"query": texts.query(), "documents": [texts.text(12) for _ in range(100)], "top_n": 10}


# For each kind of request the path, and the body with the given texts.
SCORING = {
    "cohere-v2": ("/v2/rerank", ranking(model=NAME, top_n=5)),
    "cohere-v1": ("/v1/rerank", objects),
    "long-document": ("/v1/rerank", long_document),
    "many-documents": ("/v1/rerank", many_documents),
    "batch": ("/v1/rerank/batch", batch),
    "jina": ("/jina/v1/rerank", ranking(model=NAME)),
    "voyage": ("/voyage/v1/rerank", ranking(model=NAME, top_k=3)),
    "tei": ("/rerank", ranking("texts", raw_scores=True)),
    "vllm": ("/rerank", ranking()),
    "weaviate": ("/rerank", ranking(property="text")),
    "infinity": ("/infinity/rerank", ranking()),
    "openai": ("/v1/embeddings", lambda texts: {"input": texts.documents(8)}),
    "openai-base64": ("/v1/embeddings", lambda texts: {"input": texts.text(30), "encoding_format": "base64"}),
    "tei-embed": ("/embed", lambda texts: {"inputs": texts.documents(8)}),
    "search": ("/search", lambda texts: {"query": texts.query()}),
}
INFORMING = ["/info", "/health", "/metrics", "/openapi.json", "/v1/models"]


def normal(rng, number):
    """A kind, the method, the path and the body, and a key if the answer must never change. Half of the
    requests for scores repeat one of a few; the others are new, by their number."""
    if rng.random() < 0.1:
        path = rng.choice(INFORMING)
        return path[1:], "GET", path, None, None if path in ("/metrics", "/health") else path
    kind = rng.choice(list(SCORING))
    repeated = rng.random() < 0.5
    seed = f"old {kind} {rng.randrange(20)}" if repeated else f"new {number}"
    path, make = SCORING[kind]
    return kind, "POST", path, json.dumps(make(Texts(seed))).encode(), seed if repeated else None


def constant(body):
    """What must be the same in every answer to a request."""
    answer = json.loads(body)
    if isinstance(answer, dict):
        for name in ("id", "created"):
            answer.pop(name, None)
    return json.dumps(answer, sort_keys=True)


def fault(expected, floods=False):
    """Marks a method that misbehaves. It returns what came of it: a status, `ended` or `sent`. `floods` says
    whether it uses up what all clients share."""
    def mark(method):
        method.expected, method.floods = expected, floods
        return method
    return mark


class Faults:
    def __init__(self, port, rng):
        self.port, self.rng = port, rng

    def methods(self, floods):
        marked = [method for method in vars(Faults).values() if hasattr(method, "expected")]
        return [method for method in marked if method.floods == floods]

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
            head = self.head(path, method, token, content_length=len(body), **headers)
            return self.outcome(stream, head + body)

    def request(self, documents=3):
        texts = Texts(f"fault {self.rng.random()}")
        documents = [texts.text(30) for _ in range(documents)]
        return json.dumps({"model": NAME, "query": texts.query(), "documents": documents}).encode()

    @fault("400")
    def bad_json(self):
        return self.send(self.rng.choice([b"{", b"", b"[1,2", b'{"query": 1}', b'"\xff"', b"[" * 100_000]))

    @fault("400")
    def too_many_documents(self):
        return self.send(self.request(MAX_DOCUMENTS + 1))

    @fault("401")
    def bad_key(self):
        return self.send(self.request(), token=self.rng.choice([None, "soak-tokem", "x", "\u00e9"]))

    @fault("404")
    def unknown(self):
        body = json.dumps({"model": "no-such-model", "query": "a", "documents": ["b"]}).encode()
        return self.send(b"{}", path="/nothing") if self.rng.random() < 0.5 else self.send(body)

    @fault("405")
    def method(self):
        return self.send(b"", method="GET")

    @fault("408")
    def slow_body(self):
        with self.connect() as stream:
            return self.outcome(stream, self.head(content_length=100) + b'{"query":')

    @fault("413")
    def large_body(self):
        size = MAX_BODY + 1 + self.rng.randrange(1 << 20)
        if self.rng.random() < 0.5:
            return self.send(b"x" * size)
        with self.connect() as stream:
            chunk = b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
            return self.outcome(stream, self.head(transfer_encoding="chunked") + chunk)

    @fault("413")
    def large_when_unpacked(self):
        return self.send(gzip.compress(bytes(50 << 20), 1), content_encoding="gzip")

    @fault("415")
    def encoding(self):
        return self.send(self.request(), content_encoding="zstd")

    @fault("431")
    def large_head(self):
        return self.send(self.request(), x_long="x" * (200 << 10))

    @fault("400")
    def no_http(self):
        with self.connect() as stream:
            return self.outcome(stream, b"\x16\x03\x01 this is not HTTP\r\n\r\n")

    @fault("ended")
    def slow_head(self):
        with self.connect() as stream:
            return self.outcome(stream, b"POST /v2/rerank HTTP/1.1\r\nhost:")

    @fault("ended")
    def silent(self):
        with self.connect() as stream:
            return self.outcome(stream)

    @fault("ended")
    def never_reads(self):
        request = self.head("/openapi.json", "GET").replace(b"connection: close\r\n", b"") * 100
        with self.connect() as stream:
            # The answers fill the buffers of both sides. Then the server reads no more, and ends it.
            try:
                while True:
                    stream.sendall(request)
            except (ConnectionResetError, BrokenPipeError):
                return "ended"

    @fault("sent")
    def leaves_in_body(self):
        with self.connect() as stream:
            stream.sendall(self.head(content_length=1000) + b'{"query":')
        return "sent"

    @fault("sent")
    def leaves_before_answer(self):
        with self.connect() as stream:
            body = self.request(60)
            stream.sendall(self.head(content_length=len(body)) + body)
            time.sleep(self.rng.random() / 20)
            if self.rng.random() < 0.5:  # with a reset instead of an end
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "sent"

    @fault("429", floods=True)
    def flood_of_requests(self):
        streams = [self.connect() for _ in range(4 * QUEUE)]
        for stream in streams:
            body = self.request(40)
            stream.sendall(self.head(content_length=len(body)) + body)
        return self.outcomes(streams, {"200", "429"})

    @fault("503", floods=True)
    def flood_of_connections(self):
        streams = [self.connect() for _ in range(CONNECTIONS + 10)]
        # Those that were accepted are ended when they have been silent for too long.
        return self.outcomes(streams, {"ended", "503"})

    def outcomes(self, streams, allowed):
        """The highest status, if all outcomes are among those that are allowed."""
        outcomes = {self.outcome(stream) for stream in streams}
        for stream in streams:
            stream.close()
        return str(outcomes) if outcomes - allowed else max(outcomes - {"ended"}, default="ended")
