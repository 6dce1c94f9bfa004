"""Times crossrank against ONNX Runtime on a model with the shape of bge-reranker-large. See README.md.

    python run.py [--rounds N] [--out FILE] [--worker FILE] [--crossrank FILE] [--folder FOLDER]
"""

import argparse
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import time

import onnxruntime
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
QUERY = "w11 w222 w3333 w44444"
SIZES = [1, 4, 8]


class Worker:
    """A process that answers requests."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args} ended; its last request was {request['op']}")
        return json.loads(line)

    def peak(self):
        """Its peak memory in MB: VmHWM, which counts the pages of mapped files."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def text(tokens, seed):
    """A document that makes a pair of `tokens` tokens with the query. Each word is one token."""
    words = random.Random(seed)
    return " ".join(f"w{words.randrange(249_000)}" for _ in range(tokens - 4 - 4))


def workloads():
    lengths = random.Random(7)
    ragged = [text(round(512 * lengths.random() ** 1.5) // 2 * 2 or 16, i) if i % 5 else text(512, i) for i in range(20)]
    return {"20 pairs of 16 to 512 tokens": ragged, "8 pairs of 128 tokens": [text(128, 100 + i) for i in range(8)]}


def memory_and_load(make, prepare, model):
    """In a fresh process: MB before loading, seconds to load and to score a pair, peak MB then and after all lists."""
    worker = make()
    prepare(worker, [text(16, 1)])
    before, start = worker.peak(), time.perf_counter()
    worker.send(op="load", model=str(model), threads=1)
    worker.send(op="run")
    seconds, pair = time.perf_counter() - start, worker.peak()
    for documents in workloads().values():
        prepare(worker, documents)
        worker.send(op="run")
    row = (before, seconds, pair, worker.peak())
    worker.close()
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "target/big/xlm-r")
    parser.add_argument("--worker", default=str(ROOT / "target/release/examples/bench_worker"))
    parser.add_argument("--crossrank", default=str(ROOT / "target/release/crossrank"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benches/record" / f"{time.strftime('%Y-%m-%d')}-big.md")
    args = parser.parse_args()
    if not (args.folder / "int8/onnx/model_quantized.onnx").exists():
        subprocess.run([sys.executable, HERE / "make.py", args.folder], check=True)
    int8, prepared, quantized = args.folder / "int8", args.folder / "model.crossrank", args.folder / "quantized.crossrank"
    size = (int8 / "onnx/model_quantized.onnx").stat().st_size / 1e6
    lines = []

    def say(line=""):
        print(line, flush=True)
        lines.append(line)

    tokenizer = Tokenizer.from_file(str(int8 / "tokenizer.json"))
    tokenizer.enable_truncation(512, strategy="longest_first")
    encode = lambda documents: [tokenizer.encode(QUERY, document).ids for document in documents]
    ours = lambda: Worker([args.worker])
    theirs = lambda: Worker([sys.executable, HERE / "peer.py"])
    prepare_ours = lambda worker, documents, batch=None: worker.send(op="prepare", pairs=[[QUERY, d] for d in documents])
    prepare_theirs = lambda worker, documents, batch=1: worker.send(op="prepare", ids=encode(documents), batch=batch)

    config = json.loads((int8 / "config.json").read_text())
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    say(f"# A large reranker, {time.strftime('%Y-%m-%d')}, {commit}")
    say()
    say(f"`make bench-big`: {config['model_type']}, {config['num_hidden_layers']} layers of {config['hidden_size']}, a vocabulary of {config['vocab_size']}, random "
        f"weights; {size:.0f} MB in int8 by onnxruntime {onnxruntime.__version__}'s `quantize_dynamic` (a scale for each column, 7 bits). {platform.machine()}, "
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start. Other programs used the machine; ratios compare turns taken side by side.")

    say()
    say("## Files")
    say()
    say("| command | s | peak MB | file MB |")
    say("|---|---|---|---|")
    for name, source, target in [("prepare", int8, prepared), ("quantize", args.folder / "f32", quantized)]:
        if not source.exists():
            continue
        start = time.perf_counter()
        process = subprocess.Popen([args.crossrank, name, source, "-o", target], stdout=subprocess.PIPE, text=True)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"crossrank {name} failed")
        say(f"| `{name}` | {time.perf_counter() - start:.1f} | {usage.ru_maxrss * 1024 / 1e6:.0f} | {target.stat().st_size / 1e6:.0f} |")
    if (args.folder / "f32").exists():
        say()
        say(f"`quantize` reported on 12 pairs: {out.splitlines()[-1]}")

    say()
    say("## Memory and loading")
    say()
    say("A fresh process with one thread; the files are in the system's cache. Loading ends when a pair of 16 tokens is scored.")
    say()
    say("| | before, MB | load, s | peak then, MB | of the file | peak after all lists, MB | of the file |")
    say("|---|---|---|---|---|---|---|")
    found = {}
    for name, make, prepare, model in [
        ("crossrank, ONNX", ours, prepare_ours, int8), ("crossrank, prepared", ours, prepare_ours, prepared),
        ("onnxruntime, ONNX", theirs, prepare_theirs, int8),
    ]:
        before, seconds, pair, all_lists = found[name] = memory_and_load(make, prepare, model)
        of = prepared.stat().st_size / 1e6 if model == prepared else size
        say(f"| {name} | {before:.0f} | {seconds:.2f} | {pair:.0f} | {pair / of:.2f} | {all_lists:.0f} | {all_lists / of:.2f} |")
    peer = found["onnxruntime, ONNX"]
    say()
    for name in ["crossrank, ONNX", "crossrank, prepared"]:
        row = found[name]
        say(f"{name} / onnxruntime: peak {row[2] / peer[2]:.2f} and {row[3] / peer[3]:.2f} after all lists (at most 1.0), load {row[1] / peer[1]:.2f}.  ")

    say()
    say("## Time")
    say()
    say("The two take turns. onnxruntime has length-sorted batches of its best size; crossrank's time includes tokenizing.")
    say()
    say("| workload | threads | batch | crossrank, ms | onnxruntime, ms | ratio of medians | of best | paired (at most 0.85) | max Δ logit |")
    say("|---|---|---|---|---|---|---|---|---|")
    for threads in [1, 2]:
        workers = [ours(), theirs()]
        workers[0].send(op="load", model=str(prepared), threads=threads)
        workers[1].send(op="load", model=str(int8), threads=threads)
        for name, documents in workloads().items():
            best = {}
            for batch in SIZES:
                prepare_theirs(workers[1], documents, batch)
                best[batch] = workers[1].send(op="run")["ms_total"]
            batch = min(best, key=best.get)
            prepare_theirs(workers[1], documents, batch)
            prepare_ours(workers[0], documents)
            workers[0].send(op="run")
            times, logits = [[], []], [None, None]
            for turn in range(args.rounds):
                for which in [(0, 1), (1, 0)][turn % 2]:
                    answer = workers[which].send(op="run")
                    times[which].append(answer["ms_total"])
                    logits[which] = answer["logits"]
            medians = [statistics.median(t) for t in times]
            paired = statistics.median(a / b for a, b in zip(*times))
            delta = max(abs(a - b) for a, b in zip(*logits))
            say(f"| {name} | {threads} | {batch} | {medians[0]:.0f} | {medians[1]:.0f} | {medians[0] / medians[1]:.2f} | "
                f"{min(times[0]) / min(times[1]):.2f} | {paired:.2f} | {delta:.2f} |")
        for worker in workers:
            worker.close()
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
