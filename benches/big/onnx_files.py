"""Times crossrank against ONNX Runtime on the forms in which hubs hold one model: of the shape of MiniLM-L6, with
random weights, optimized and quantized by ONNX Runtime's tools. One thread, passages of TREC DL 2019. See README.md.

    python onnx_files.py [--rounds N] [--out FILE] [--worker FILE] [--folder FOLDER] [--only NAME...]
"""

import argparse
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/generate"))
PASSAGES = 16
QUERY = "what is the average cost of a new roof"


def flavours():
    """The names that files have on hubs, and what makes them of the file in floats."""
    import flavours as made

    return {
        "model": [],
        "model_O1": [made.optimized(1)],
        "model_O2": [made.optimized(2)],
        "model_O3": [made.optimized(3)],
        "model_O4": [made.optimized(4)],
        "model_fp16": [made.half(True)],
        "model_quantized": [made.INT8_DYNAMIC],
        "model_uint8": [made.UINT8_DYNAMIC],
        "model_O2, quantized": [made.optimized(2), made.INT8_DYNAMIC],
        "model_quantized, extended": [made.INT8_DYNAMIC, made.saved(made.EXTENDED)],
        "model_q4": [made.Q4],
        "model_q4f16": [made.half(True), made.Q4],
        "model_bnb4": [made.bnb4(1, 64)],
    }


def make(folder, names):
    import onnx
    import shapes
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    base = folder / "base.onnx"
    if not base.exists():
        torch.manual_seed(1)
        model = shapes.model_of(*shapes.SHAPES["MiniLM-L6"]).eval()
        model.config.to_json_file(folder / "config.json")
        model.config.return_dict = False
        inputs = ["input_ids", "attention_mask", "token_type_ids"]
        example = tuple(torch.full((2, 9), i % 2, dtype=torch.int64) for i, _ in enumerate(inputs))
        torch.onnx.export(
            model, example, str(base), dynamo=False, opset_version=17, input_names=inputs, output_names=["logits"],
            dynamic_axes={i: {0: "batch", 1: "length"} for i in inputs} | {"logits": {0: "batch"}})
    for name, steps in flavours().items():
        target = folder / name.replace(", ", "-")
        # ONNX Runtime's process reads this name.
        graph = target / "onnx/model_quantized.onnx"
        if name not in names or graph.exists():
            continue
        with tempfile.TemporaryDirectory() as temporary:
            path = pathlib.Path(temporary) / "model.onnx"
            shutil.copy(base, path)
            shutil.copy(folder / "config.json", temporary)
            for step in steps:
                step(path, [])
            graph.parent.mkdir(parents=True)
            onnx.save(onnx.load(path), graph)
        shutil.copy(folder / "config.json", target)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(ROOT / "benches/model/minilm-l6-en" / file, target)
        print(f"made {name}", flush=True)


def types(ids, separator=102):
    """The types of tokens: 1 after the first separator."""
    first = ids.index(separator) + 1
    return [0] * first + [1] * (len(ids) - first)


def seconds(worker):
    """The processor time that a process has taken."""
    fields = pathlib.Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(worker):
    before = seconds(worker)
    answer = worker.send(op="run")
    return answer["ms_total"], (seconds(worker) - before) * 1e3, answer["logits"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "target/big/flavours")
    parser.add_argument("--worker", default=str(ROOT / "target/release/examples/bench_worker"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benches/record" / f"{time.strftime('%Y-%m-%d')}-flavours.md")
    parser.add_argument("--only", nargs="+", choices=flavours(), default=list(flavours()))
    parser.add_argument("--make", action="store_true", help="make the models, and measure nothing")
    args = parser.parse_args()

    make(args.folder, args.only)
    if args.make:
        return

    import onnxruntime
    from run import Worker
    from shapes import corpus

    lines = []

    def say(line=""):
        print(line, flush=True)
        lines.append(line)

    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith(("model name", "cpu family", "model\t"))]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    say(f"# Flavours of ONNX files, {time.strftime('%Y-%m-%d')}, {commit}")
    say()
    say(f"`benches/big/onnx_files.py`: the shape of MiniLM-L6 with random weights, optimized and quantized by onnxruntime "
        f"{onnxruntime.__version__}'s tools, {PASSAGES} passages of TREC DL 2019, one thread, {platform.machine()} (family, model, name: "
        f"{', '.join(cpu[:3])}), load average {os.getloadavg()[0]:.1f} at the start. The two take turns, {args.rounds} rounds. Times are "
        "processor times, medians; the ratio is the median of the rounds' ratios. onnxruntime runs one pair at a time, which is given as "
        "token ids; crossrank's time includes tokenizing. The differences are those of logits, between the two on the same file, and "
        "between onnxruntime on this file and on the one in floats.")
    say()
    say("| file | MB | runs | crossrank, ms | onnxruntime, ms | paired ratio | by the clock | max Δ logit | of the flavour |")
    say("|---|---|---|---|---|---|---|---|---|")
    documents = corpus()[:PASSAGES]
    in_floats = None
    for name in args.only:
        folder = args.folder / name.replace(", ", "-")
        size = (folder / "onnx/model_quantized.onnx").stat().st_size / 1e6
        ours, theirs = Worker([args.worker]), Worker([sys.executable, str(HERE / "peer.py")])
        loaded = ours.send(op="load", model=str(folder), threads=1)
        theirs.send(op="load", model=str(folder), threads=1)
        ours.send(op="prepare", pairs=[[QUERY, document] for document in documents])
        ids = ours.send(op="encode")["ids"]
        theirs.send(op="prepare", ids=ids, types=[types(row) for row in ids], batch=1)
        workers, rounds = (ours, theirs), []
        logits = [timed(worker)[2] for worker in workers]
        for turn in range(args.rounds):
            found = {which: timed(workers[which]) for which in [(0, 1), (1, 0)][turn % 2]}
            rounds.append((found[0], found[1]))
        wall, cpu_times = ([[a[i], b[i]] for a, b in rounds] for i in (0, 1))
        medians = [statistics.median(t[which] for t in cpu_times) for which in (0, 1)]
        ratios = [statistics.median(a / b for a, b in times) for times in (cpu_times, wall)]
        in_floats = in_floats or logits[1]
        differs = max(abs(a - b) for a, b in zip(*logits))
        of_flavour = max(abs(a - b) for a, b in zip(logits[1], in_floats))
        say(f"| {name} | {size:.1f} | {loaded.get('kernel') or 'tract'} | {medians[0]:.0f} | {medians[1]:.0f} | {ratios[0]:.2f} | "
            f"{ratios[1]:.2f} | {differs:.1e} | {of_flavour:.1e} |")
        ours.close()
        theirs.close()
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
