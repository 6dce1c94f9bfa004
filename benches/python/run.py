#!/usr/bin/env python3
"""Compares the wheel with sentence-transformers; see README.md."""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target/bench-python"
MODEL = ROOT / "benches/model/minilm-l6-en"
F32 = ROOT / "target/minilm-l6-en-f32.onnx"
sys.path.insert(0, str(ROOT / "examples"))
import corpus

NAMES = {
    "crossrank": "crossrank",
    "torch": "sentence-transformers, torch f32",
    "onnx": "sentence-transformers, ONNX int8",
}


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="the number of runs of each program")
    parser.add_argument("--python", type=Path, help="an interpreter with the packages of requirements.txt")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to use")
    parser.add_argument("--out", type=Path, help="where to write the record as well")
    return parser.parse_args()


def environment(name, *packages):
    """The interpreter of a new environment with these packages."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run(
        [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True
    )
    return folder / "bin/python"


# The size of a distribution with all that it requires.
SIZE = """
import importlib.metadata, re, sys
sizes, todo = {}, sys.argv[1:]
while todo:
    name = re.sub("[-_.]+", "-", todo.pop()).lower()
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    if name not in sizes:
        files = [file.locate() for file in found.files or []]
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")
        todo += [re.match("[A-Za-z0-9_.-]+", r)[0] for r in found.requires or [] if "extra ==" not in r]
print(sum(sizes.values()) / 1e6)
"""


def versions(python):
    names = ["numpy", "sentence-transformers", "transformers", "torch", "optimum-onnx", "onnxruntime"]
    program = (
        "import importlib.metadata as m, sys; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep=', ')"
    )
    return subprocess.run(
        [python, "-c", program, *names], check=True, capture_output=True, text=True
    ).stdout.strip()


def cpu():
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def main():
    arguments = options()
    wheel = next((ROOT / "target/wheel").glob("crossrank-*.whl"))
    ours = environment("crossrank", wheel)
    theirs = arguments.python or environment("sentence-transformers", "-r", HERE / "requirements.txt")
    subprocess.run([theirs, HERE / "weights.py", MODEL, F32, WORK / "torch"], check=True)

    texts = corpus.passages()[:100]
    golden = json.loads((ROOT / "tests/data/golden.json").read_text())["pairs"]
    given = {
        "core": arguments.core,
        "pairs": [(query, text) for query in corpus.QUERIES for text in texts],
        "golden": [(pair["query"], pair["passage"]) for pair in golden],
    }
    folders = {"crossrank": MODEL, "torch": WORK / "torch", "onnx": MODEL}
    rounds = {name: [] for name in NAMES}
    for _ in range(arguments.rounds):
        for name in NAMES:
            command = [ours if name == "crossrank" else theirs, HERE / "worker.py", name, folders[name]]
            done = subprocess.run(
                command, input=json.dumps(given), check=True, capture_output=True, text=True
            )
            rounds[name].append(json.loads(done.stdout.splitlines()[-1]))

    def size(python, *packages):
        done = subprocess.run([python, "-c", SIZE, *packages], check=True, capture_output=True, text=True)
        return float(done.stdout)

    sizes = {
        "crossrank": size(ours, "crossrank"),
        "torch": size(theirs, "sentence-transformers"),
        "onnx": size(theirs, "sentence-transformers", "optimum-onnx", "onnxruntime"),
    }
    best = {
        name: {key: min(r[key] for r in of) for key in of[0] if key != "golden"}
        for name, of in rounds.items()
    }
    rates = {name: max(r["rate"] for r in of) for name, of in rounds.items()}
    logits = {name: of[0]["golden"] for name, of in rounds.items()}
    fp32 = [pair["logit_fp32"] for pair in golden]

    def difference(name, reference):
        differences = [abs(a - b) for a, b in zip(logits[name], reference)]
        return f"{statistics.mean(differences):.4f}, {max(differences):.4f}"

    rows = [
        ("on disk with all that it requires, MB", [f"{sizes[n]:.0f}" for n in NAMES]),
        ("import, s", [f"{best[n]['import']:.2f}" for n in NAMES]),
        ("load, until the first score, s", [f"{best[n]['load']:.2f}" for n in NAMES]),
        ("peak memory when loaded, MB", [f"{best[n]['after_loading']:.0f}" for n in NAMES]),
        ("peak memory at the end, MB", [f"{best[n]['peak']:.0f}" for n in NAMES]),
        ("pairs a second, one thread", [f"{rates[n]:.0f}" for n in NAMES]),
        ("time for a pair, relative to crossrank", [f"{rates['crossrank'] / rates[n]:.2f}" for n in NAMES]),
        (
            "golden pairs: logits beside the f32 model's, mean and largest difference",
            [difference(n, fp32) for n in NAMES],
        ),
        (
            "golden pairs: logits beside torch's with the same weights",
            [difference(n, logits["torch"]) for n in NAMES],
        ),
    ]
    lines = [
        f"`make bench-python`. {cpu()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end. "
        f"Python {platform.python_version()}, {versions(theirs)}.",
        "",
        f"The wheel is {wheel.stat().st_size / 1e6:.1f} MB (`{wheel.name}`). {len(given['pairs'])} pairs, "
        f"{arguments.rounds} rounds in turn, the best of each.",
        "",
        "| | " + " | ".join(NAMES.values()) + " |",
        "|---|" + "---|" * len(NAMES),
        *("| " + " | ".join([name, *cells]) + " |" for name, cells in rows),
    ]
    print(*lines, sep="\n")
    if arguments.out:
        arguments.out.write_text(
            "# The Python package beside sentence-transformers\n\n" + "\n".join(lines) + "\n"
        )


main()
