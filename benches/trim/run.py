"""Quantizes and trims the model of make.py, and compares tokens, scores, sizes and loading. See README.md.

    python run.py FOLDER [--out FILE] [--worker FILE] [--crossrank FILE] [--dist FOLDER]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LANGUAGES = ["en", "de", "fr", "es", "it", "pt"]
VISITS = 3


class Worker:
    """The example `bench_worker` with a model."""

    def __init__(self, program, model):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        start = time.perf_counter()
        self.send(op="load", model=str(model), threads=1)
        self.seconds = time.perf_counter() - start
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        self.peak = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6

    def send(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def encode(self, pairs):
        self.send(op="prepare", pairs=pairs)
        return self.send(op="encode")["ids"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()



def vocabulary(path):
    """The tokens of a prepared model by their ids. The source of `tokenizer::subword::compact` describes them."""
    file = path.read_bytes()
    header = int.from_bytes(file[:8], "little")
    start, end = json.loads(file[8 : 8 + header])["tokenizer.compact"]["data_offsets"]
    compact = file[8 + header + start : 8 + header + end]
    assert compact[:8] == b"\0tokens\0"
    size, count, score = (int.from_bytes(compact[8 + 4 * i : 12 + 4 * i], "little") for i in range(3))
    at = 20 + size + count * score
    lengths, at = compact[at : at + count], at + count
    tokens = []
    for length in lengths:
        tokens.append(compact[at : at + length].decode())
        at += length
    return tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--worker", default=str(ROOT / "target/release/examples/bench_worker"))
    parser.add_argument("--crossrank", default=str(ROOT / "target/release/crossrank"))
    parser.add_argument("--dist", default=str(ROOT / "pkg/dist"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benches/record" / f"{time.strftime('%Y-%m-%d')}-trim.md")
    args = parser.parse_args()
    folder = args.folder
    floats, whole, six, sampled = (folder / f"{name}.crossrank" for name in ["floats", "whole", "six", "sampled"])
    if not floats.exists():
        subprocess.run([sys.executable, HERE / "make.py", folder], check=True)
    expected = json.loads((folder / "strings.json").read_text())
    strings, theirs = expected["strings"], expected["ids"]
    european = [text for language in LANGUAGES for text in strings[language]]
    (folder / "sample.txt").write_text("\n".join(european) + "\n")
    lines = []

    def say(line=""):
        print(line, flush=True)
        lines.append(line)

    def megabytes(path):
        return f"{path.stat().st_size / 1e6:.1f}"

    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    cpu = next(l for l in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")).split(": ")[1]
    say(f"# A multilingual model, whole and trimmed, {time.strftime('%Y-%m-%d')}, {commit}")
    say()
    say(f"`benches/trim/run.py`: the shape of mMiniLMv2-L12-H384 (12 layers of 384, a vocabulary of 250,002), random weights, and a "
        f"Unigram tokenizer laid out as XLM-RoBERTa's, trained on Debian's descriptions of packages in ten languages "
        f"({', '.join(strings)}). {cpu}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start.")
    say()
    say("## Files")
    say()
    say("| file | made by | s | MB |")
    say("|---|---|---|---|")
    say(f"| `tokenizer.json` | | | {megabytes(folder / 'tokenizer.json')} |")
    say(f"| floats | `make.py` | | {megabytes(floats)} |")
    codes = ",".join(LANGUAGES)
    told = {}
    for path, source, command in [
        (whole, floats, ["quantize", "--bits", "4", "--table-bits", "4"]), (six, whole, ["trim", "--languages", codes]),
        (sampled, whole, ["trim", "--sample", str(folder / "sample.txt")]),
    ]:
        start = time.perf_counter()
        name, *options = command
        run = [args.crossrank, name, str(source), "-o", str(path), *options]
        told[path] = subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        shown = " ".join(command).replace(str(folder) + "/", "")
        say(f"| {path.stem} | `crossrank {shown}` | {time.perf_counter() - start:.1f} | {megabytes(path)} |")
    say()
    say(f"`quantize`: {told[whole]}. `trim`: {told[six]}; with the sample, {told[sampled]}.")

    workers = {path: Worker(args.worker, path) for path in [floats, whole, six, sampled]}
    tokens = {path: vocabulary(path) for path in [whole, six, sampled]}
    hugging_face = Tokenizer.from_file(str(folder / "tokenizer.json"))
    hugging_face.enable_truncation(512, strategy="longest_first")

    say()
    say("## Tokens")
    say()
    pairs = {language: [[a, b] for a, b in zip(texts, texts[1:] + texts[:1])] for language, texts in strings.items()}
    same = dict.fromkeys([floats, whole], 0)
    for language, of in pairs.items():
        expected_ids = [hugging_face.encode(query, document).ids for query, document in of]
        for path in same:
            same[path] += sum(a == b for a, b in zip(workers[path].encode(of), expected_ids))
    count = sum(map(len, strings.values()))
    say(f"Of {count} pairs of strings in the ten languages, {same[floats]} have the ids of Hugging Face's tokenizers from the JSON and "
        f"{same[whole]} from the compact form.")
    say()
    say("Pairs whose tokens are those of the whole model, and of these, pairs whose logits have the same bits. In a pair of the third "
        "column, a text has a letter that is in none of the six alphabets.")
    say()
    say("| language | pairs | same tokens | same bits | with other letters | same tokens, of the sample |")
    say("|---|---|---|---|---|---|")
    bad = 0
    for language, of in pairs.items():
        pieces = {path: [[tokens[path][id] for id in ids] for ids in workers[path].encode(of)] for path in tokens}
        equal = [a == b for a, b in zip(pieces[whole], pieces[six])]
        logits = {}
        for path in [whole, six]:
            workers[path].send(op="prepare", pairs=of)
            logits[path] = workers[path].send(op="run")["logits"]
        bits = sum(a == b for a, b, e in zip(logits[whole], logits[six], equal) if e)
        bad += sum(equal) - bits
        of_sample = sum(a == b for a, b in zip(pieces[whole], pieces[sampled]))
        kept = set(tokens[six])
        other = sum(any(piece not in kept for piece in pair) for pair in pieces[whole])
        say(f"| {language} | {len(of)} | {sum(equal)} | {bits} | {other} | {of_sample} |")
        assert other + sum(equal) == len(of), "tokens differ, though all of them are left"
    assert bad == 0, "scores differ"

    say()
    say("## Loading")
    say()
    say(f"Natively, with one thread, until a pair is scored, and the peak of memory (VmHWM). In Chromium, the first visit of a page with one "
        f"worker and simd128, medians of {VISITS} visits in turn: until a pair is scored, from a server on the same machine, and the "
        "browser's anonymous memory above that of the empty page, at its peak and after the visit's garbage is collected.")
    say()
    say("| file | native, s | native peak, MB | Chromium, s | peak, MB | then, MB |")
    say("|---|---|---|---|---|---|")
    visits = {path: [] for path in [whole, six]}
    for _ in range(VISITS):
        run = ["node", str(HERE / "page.mjs"), args.dist, *map(str, visits)]
        found = subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()
        for path, line in zip(visits, found):
            visits[path].append(json.loads(line))
    for path, of in visits.items():
        median = lambda name: sorted(visit[name] for visit in of)[len(of) // 2]
        worker = workers[path]
        say(f"| {path.stem} | {worker.seconds:.2f} | {worker.peak:.0f} | {median('milliseconds') / 1e3:.2f} | {median('peak') / 1e6:.0f} | "
            f"{median('after') / 1e6:.0f} |")
    say()
    say(f"Kernel {visits[six][0]['kernel']}; the two files give the same logits there: {visits[six][0]['logits'] == visits[whole][0]['logits']}.")
    for worker in workers.values():
        worker.close()
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
