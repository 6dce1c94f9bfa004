#!/usr/bin/env python3
"""Times `crossrank serve` against infinity-emb; see README.md."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "bench-serve"
MODEL = ROOT / "benches" / "model" / "minilm-l6-en"
NAME = "rerank-english-v3.0"
QUEUE = 64


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    every = ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))
    parser.add_argument("--cores", default=every, help="the cores that both servers and wrk use")
    parser.add_argument("--seconds", type=int, default=20, help="the length of a turn")
    parser.add_argument("--rounds", type=int, default=3, help="the number of turns of each server")
    parser.add_argument("--connections", default="1,8,32")
    parser.add_argument("--documents", type=int, default=20, help="the number of documents in a request")
    parser.add_argument("--out", type=Path, help="where to write the record as well")
    return parser.parse_args()


def install():
    """Installs wrk from apt, and infinity-emb in an environment of its own."""
    if not shutil.which("wrk"):
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run(sudo + ["apt-get", "install", "-qy", "wrk"], check=True)
    venv, wanted = WORK / "venv", HERE / "requirements.txt"
    done = venv / "requirements.txt"
    if not done.exists() or done.read_bytes() != wanted.read_bytes():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin" / "pip", "install", "--quiet", "--no-deps", "-r", wanted]
        subprocess.run(pip, check=True)
        shutil.copy(wanted, done)
    # infinity-emb finds a local graph only at the top of its folder.
    model = WORK / "model"
    model.mkdir(parents=True, exist_ok=True)
    for file in list(MODEL.glob("*.json")) + [MODEL / "onnx" / "model_quantized.onnx"]:
        shutil.copy(file, model)
    return venv, model


def lists(count):
    """Queries, each with `count` documents: from TREC DL 2019 where it is available, otherwise made up."""
    folder = os.environ.get("CROSSRANK_EVAL_DIR")
    if not folder:
        words = (ROOT / "examples" / "passages.txt").read_text(encoding="utf-8").split()
        for i in range(200):
            at = lambda j: (i * 131 + j * 37) % (len(words) - 70)
            texts = [" ".join(words[at(j) : at(j) + 20 + (i + j) % 50]) for j in range(count)]
            yield f"what is meant by {words[i % len(words)]} number {i}", texts
        return
    folder = Path(folder) / "trec-dl-19"
    read = lambda name: map(json.loads, open(folder / name, encoding="utf-8"))
    queries = {row["_id"]: row["text"] for row in read("queries.jsonl")}
    corpus = {row["_id"]: f"{row.get('title', '')} {row['text']}".strip() for row in read("corpus.jsonl")}
    runs = {}
    for line in open(folder / "bm25_top100.tsv", encoding="utf-8"):
        query, document = line.split("\t")[:2]
        runs.setdefault(query, []).append(document)
    for query, documents in runs.items():
        for start in range(0, len(documents) - count + 1, count):
            yield queries[query], [corpus[d] for d in documents[start : start + count]]


class Server:
    def __init__(self, name, command, url, cores, cwd, health):
        self.name, self.url = name, url
        environment = dict(os.environ, HF_HUB_OFFLINE="1")
        log = open(WORK / f"{name}.log", "w")
        command = ["taskset", "-c", cores] + [str(part) for part in command]
        self.process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        for _ in range(1200):
            if self.process.poll() is not None:
                sys.exit(f"{name} ended; see {WORK / name}.log")
            try:
                urllib.request.urlopen(health, timeout=1)
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{name} did not start; see {WORK / name}.log")

    def memory(self, field):
        """A field of the process's status, in MB."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith(field):
                return int(line.split()[1]) / 1024

    def load(self, connections, seconds, bodies, cores):
        command = ["taskset", "-c", cores, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
        command += ["--timeout", "60s", "-s", HERE / "load.lua", self.url, "--", bodies]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return json.loads(output.splitlines()[-1])


def main():
    args = options()
    venv, model = install()
    bodies = WORK / "bodies.jsonl"
    with open(bodies, "w", encoding="utf-8") as file:
        for query, documents in lists(args.documents):
            json.dump({"model": NAME, "query": query, "documents": documents}, file)
            file.write("\n")
    threads = len(args.cores.split(","))
    crossrank = [ROOT / "target/release/crossrank", "serve", "--port", "8797", "--model", MODEL]
    crossrank += ["--cache-mb", "0", "--queue", QUEUE, "--connections", "4096"]
    infinity = [venv / "bin/infinity_emb", "v2", "--model-id", ".", "--served-model-name", NAME]
    infinity += ["--engine", "optimum", "--device", "cpu", "--host", "127.0.0.1"]
    infinity += ["--port", "8798"]
    servers = []
    try:
        base = "http://127.0.0.1:8797"
        servers.append(Server("crossrank", crossrank + ["--threads", threads], f"{base}/v1/rerank",
                              args.cores, WORK, f"{base}/health"))
        base = "http://127.0.0.1:8798"
        servers.append(Server("infinity-emb", infinity, f"{base}/rerank", args.cores, model,
                              f"{base}/health"))
        report = measure(args, servers, bodies)
    finally:
        for server in servers:
            server.process.terminate()
            server.process.wait()
    if args.out:
        args.out.write_text(report, encoding="utf-8")
    print(report)


def measure(args, servers, bodies):
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if "model name" in l), "?")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT,
                            capture_output=True, text=True).stdout.strip()
    lines = [
        f"# crossrank serve and infinity-emb, {time.strftime('%Y-%m-%d')}, commit {commit}",
        "",
        f"{cpu}, cores {args.cores}, load {os.getloadavg()[0]:.1f} at the start; "
        f"{args.documents} documents in a request, medians of {args.rounds} alternating turns of "
        f"{args.seconds} s each; no score cache.",
        "",
        "| connections | server | requests/s | p50 ms | p99 ms | failed | MB now | peak MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for server in servers:
        server.load(4, 3, bodies, args.cores)
    for connections in map(int, args.connections.split(",")):
        turns = {server.name: [] for server in servers}
        for round in range(args.rounds):
            for server in servers if round % 2 == 0 else servers[::-1]:
                turn = server.load(connections, args.seconds, bodies, args.cores)
                turns[server.name].append(turn)
        for server in servers:
            of = lambda f: statistics.median(map(f, turns[server.name]))
            failed = sum(t["refused"] + t["broken"] for t in turns[server.name])
            lines.append(
                f"| {connections} | {server.name} | {of(lambda t: t['requests'] / t['seconds']):.2f} "
                f"| {of(lambda t: t['p50']):.0f} | {of(lambda t: t['p99']):.0f} | {failed} "
                f"| {server.memory('VmRSS'):.0f} | {server.memory('VmHWM'):.0f} |"
            )
    ours = servers[0]
    before = ours.memory("VmRSS")
    over = ours.load(10 * QUEUE, args.seconds, bodies, args.cores)
    answered = over["requests"] - over["refused"]
    lines += [
        "",
        f"With ten times the connections that its queue of {QUEUE} holds ({10 * QUEUE}, without pauses), "
        f"crossrank answered {answered / over['seconds']:.2f} requests/s, refused "
        f"{over['refused'] / over['seconds']:.0f}/s with 429 and broke {over['broken']} "
        f"connections; memory {before:.0f} MB before, {ours.memory('VmRSS'):.0f} MB after, "
        f"{ours.memory('VmHWM'):.0f} MB at its peak.",
        "",
    ]
    return "\n".join(lines)


main()
