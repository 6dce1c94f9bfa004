"""Measures two servers of one thread each behind nginx: requests per second through one and through
both, and whether clients lose requests when one is killed.

    python measure.py [REQUESTS]

CROSSRANK names the program. The ports of nginx.conf are replaced by free ones.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

CROSSRANK = os.environ.get("CROSSRANK", "crossrank")
CLIENTS = 8


@contextmanager
def process(*command):
    """A program that is stopped at the end of the block."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            yield child
        finally:
            child.kill()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def wait_for(url):
    for _ in range(300):
        try:
            return urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


@contextmanager
def cluster():
    """The address of nginx, the addresses of the servers behind it, and their processes."""
    ports = [free_port() for _ in range(3)]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    conf = Path(__file__).with_name("nginx.conf").read_text()
    for written, port in zip(("8800", "8801", "8802"), ports):
        conf = conf.replace(written, str(port))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        (Path(folder) / "nginx.conf").write_text(conf)
        # Without a cache, so that every request is computed.
        options = ["--threads", "1", "--cache-mb", "0"]
        servers = [
            stack.enter_context(process(CROSSRANK, "serve", "--port", str(port), *options))
            for port in ports[1:]
        ]
        for url in urls[1:]:
            wait_for(url)
        stack.enter_context(process("nginx", "-p", folder, "-c", "nginx.conf"))
        wait_for(urls[0])
        yield urls[0], urls[1:], servers


def post(url, body):
    """The answer, or None where the request failed."""
    request = urllib.request.Request(
        f"{url}/v1/rerank", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
    except OSError:
        return None


def load(url, bodies, after=lambda done: None):
    """Sends the bodies from several clients. Returns the answers, and the seconds that they took."""
    start, answers = time.monotonic(), []
    with ThreadPoolExecutor(CLIENTS) as clients:
        for answer in clients.map(lambda body: post(url, body), bodies):
            answers.append(answer)
            after(len(answers))
    return answers, time.monotonic() - start


def main(requests=100):
    documents = [f"{i} the river runs past the mill and the old bridge" for i in range(20)]
    bodies = [{"query": f"who crosses river {i}", "documents": documents} for i in range(requests)]
    with cluster() as (proxy, urls, servers):
        expected, seconds = load(urls[0], bodies)
        print(f"one server:             {requests / seconds:6.1f} requests/s")
        answers, seconds = load(proxy, bodies)
        print(f"two behind nginx:       {requests / seconds:6.1f} requests/s")
        assert None not in answers

        def kill_one(done):
            if done == requests // 2:
                servers[0].kill()

        after, seconds = load(proxy, bodies, kill_one)
        print(f"one of two killed:      {requests / seconds:6.1f} requests/s")
        lost = after.count(None)
        print(f"requests without an answer: {lost} of {requests}")
        assert lost == 0
        results = [[answer["results"] for answer in run] for run in (expected, answers, after)]
        assert results[0] == results[1] == results[2], "the servers give different scores"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
