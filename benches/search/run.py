#!/usr/bin/env python3
"""Measures every order of a two-stage search, and plots the effect of the number of candidates; see README.md."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VENV = ROOT / "target" / "eval-search" / "venv"
# Each set: its folder, its name and the options of `crossrank eval`.
SETS = [
    ("trec-dl-19", "TREC DL 2019", ["--lists-only"]),
    ("wikiqa-test", "WikiQA", ["--lists-only"]),
    ("cranfield", "Cranfield", ["--recall", "10,20,50,100,200"]),
]


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take every Nth query of Cranfield")
    parser.add_argument("--out", type=Path, required=True, help="the record")
    parser.add_argument("--plot", type=Path, default=HERE / "candidates.svg")
    return parser.parse_args()


def install():
    """Installs matplotlib in an environment of its own, and restarts this script there."""
    wanted, done = HERE / "requirements.txt", VENV / "requirements.txt"
    if not done.exists() or done.read_bytes() != wanted.read_bytes():
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "--no-deps", "-r", wanted], check=True)
        shutil.copy(wanted, done)
    if Path(sys.prefix) != VENV:
        os.execv(VENV / "bin" / "python", [VENV / "bin" / "python", *sys.argv])


def measure(folder, arguments):
    command = [ROOT / "target" / "release" / "crossrank", "eval", folder, "--search", "--json"]
    output = subprocess.run([*command, *arguments], check=True, stdout=subprocess.PIPE)
    return json.loads(output.stdout)


def orders(reports):
    """nDCG@10 of each first stage with each second stage."""
    yield "| Set | First stage | alone | reranked, whole | reranked, windows | fused |"
    yield "|---|---|---|---|---|---|"
    for name, report in reports:
        for first in ("text", "vector", "hybrid"):
            row = report["orders"][first]
            figures = [f"{row[second]:.4f}" for second in ("none", "whole", "windows", "fused")]
            yield f"| {name}, {report['queries']} queries | {first} | {' | '.join(figures)} |"


def candidates(reports):
    """nDCG@10 and time by the number of candidates of the hybrid first stage."""
    yield "| Set | Candidates | reranked | fused | time, relative to 100 |"
    yield "|---|---|---|---|---|"
    for name, report in reports:
        hundred = next(row["milliseconds"] for row in report["recall"] if row["candidates"] == 100)
        for row in report["recall"]:
            time = row["milliseconds"] / hundred
            yield (f"| {name} | {row['candidates']} | {row['reranked']:.4f} | {row['fused']:.4f} "
                   f"| {time:.2f} |")


def plot(reports, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "crossrank", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(reports), figsize=(3 * len(reports), 2.8), squeeze=False)
    for axis, (name, report) in zip(axes[0], reports):
        counts = [row["candidates"] for row in report["recall"]]
        axis.plot(counts, [row["reranked"] for row in report["recall"]], "o-", label="reranked")
        axis.plot(counts, [row["fused"] for row in report["recall"]], "s--", label="fused")
        axis.axhline(report["orders"]["hybrid"]["none"], color="grey", lw=1, label="hybrid alone")
        axis.set(title=name, xlabel="candidates", xscale="log")
        axis.set_xticks(counts, counts)
        axis.minorticks_off()
    axes[0][0].set_ylabel("nDCG@10")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, metadata={"Date": None})


def main():
    arguments = options()
    data = os.environ.get("CROSSRANK_EVAL_DIR")
    if not data:
        sys.exit("CROSSRANK_EVAL_DIR is not set; it must name the folder that holds the evaluation sets")
    install()
    reports = []
    for folder, name, own in SETS:
        if not (Path(data) / folder).is_dir():
            print(f"{folder} does not exist and is left out", file=sys.stderr)
            continue
        every = ["--every", str(arguments.every)] if folder == "cranfield" else []
        reports.append((name, measure(Path(data) / folder, own + every)))
    if not reports:
        sys.exit(f"{data} holds none of {', '.join(folder for folder, _, _ in SETS)}")
    lines = ["# Orders of a two-stage search", "", "nDCG@10 of 100 candidates; see benches/search.", ""]
    lines += [*orders(reports), "", "By the number of candidates of the hybrid first stage:", ""]
    lines += candidates(reports)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    plot(reports, arguments.plot)


if __name__ == "__main__":
    main()
