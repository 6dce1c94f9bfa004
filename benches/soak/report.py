"""Writes the record of a soak: a table, a plot, and the figures behind it. Fails where a promise is broken."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Memory at the end beside that after the first part, and the p99 of the last part beside that of the second.
MAX_MEMORY, MAX_P99 = 1.05, 1.5
# A part has ten minutes, or a third of a shorter soak. There, buffers and the cache still fill after the first
# part, and the p99 is of too few requests to be judged.
MAX_MEMORY_SHORT = 1.1
PART = 600


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("serve", type=Path)
    parser.add_argument("page", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the name of the record, without its ending")
    parser.add_argument("--title", default=f"Soak, {time.strftime('%Y-%m-%d')}")
    return parser.parse_args()


def p99(values):
    return statistics.quantiles(values, n=100, method="inclusive")[98]


class Soak:
    """What the server and the page have in common. `memory` names the field of samples that is judged, and
    `latencies` has the seconds since the start and the milliseconds of each normal request."""

    def __init__(self, result, memory, latencies, faults):
        self.seconds, self.samples = result["seconds"], result["samples"]
        self.unexpected = result["unexpected"]
        self.memory, self.latencies, self.faults = memory, latencies, faults
        self.part = min(PART, self.seconds / 3)
        self.is_long = self.part == PART

    def level(self, field, since):
        """The median of the first samples after a time, or of the last: a tenth of a part, at least three."""
        count = max(3, sum(sample["t"] < self.part / 10 for sample in self.samples))
        after = [sample[field] for sample in self.samples if sample["t"] >= (since or 0)]
        return statistics.median(after[-count:] if since is None else after[:count])

    def between(self, start, end):
        return [ms for t, ms in self.latencies if start <= t < end]

    def second(self):
        return self.between(self.part, 2 * self.part)

    def last(self):
        return self.between(self.seconds - self.part, float("inf"))

    def ratios(self):
        memory = self.level(self.memory, None) / self.level(self.memory, self.part)
        return memory, p99(self.last()) / p99(self.second())

    def work(self, start):
        """The milliseconds of processor time for a normal request in the part that starts then."""
        samples = [sample for sample in self.samples if start <= sample["t"] <= start + self.part]
        first, last = samples[0], samples[-1]
        return 1000 * (last["cpu"] - first["cpu"]) / len(self.between(first["t"], last["t"]))

    def broken(self):
        memory, latency = self.ratios()
        if self.unexpected:
            yield f"{len(self.unexpected)} outcomes that are not as they must be"
        if memory > (MAX_MEMORY if self.is_long else MAX_MEMORY_SHORT):
            yield f"memory at the end is {memory:.3f} times that after the first part"
        if self.is_long and latency > MAX_P99:
            yield f"the p99 of the last part is {latency:.2f} times that of the second one"

    def rows(self):
        """What both have in the table."""
        memory, latency = self.ratios()
        of = lambda latencies: f"{statistics.median(latencies):.0f}, {p99(latencies):.0f}"
        loads = [sample["load"] for sample in self.samples]
        yield "minutes, and those of a part", f"{self.seconds / 60:.0f}, {self.part / 60:.1f}"
        yield "normal requests or calls", f"{len(self.latencies)}"
        yield "injected faults", f"{sum(self.faults.values())}"
        yield "outcomes that are not as they must be", f"{len(self.unexpected)}"
        yield "memory after the first part, MB", f"{self.level(self.memory, self.part):.1f}"
        yield "memory at the end, MB", f"{self.level(self.memory, None):.1f}"
        yield "ratio", f"**{memory:.3f}**"
        yield "p50, p99 of the second part, ms", of(self.second())
        yield "p50, p99 of the last part, ms", of(self.last())
        yield "ratio of the p99", f"**{latency:.2f}**"
        yield "load average, mean and highest", f"{statistics.mean(loads):.1f}, {max(loads):.1f}"

    def series(self, ends):
        """What the plot shows of the time up to each of these ends: the medians of samples, p50 and p99."""
        for start, end in zip([0, *ends], ends):
            inside = [sample for sample in self.samples if start < sample["t"] <= end]
            latencies = self.between(start, end)
            if not inside or len(latencies) < 2:
                continue
            row = {"minute": end / 60}
            for name in inside[0].keys() - {"t", "calls", "loads", "faults"}:
                row[name] = statistics.median(sample[name] for sample in inside)
            row |= {"requests": len(latencies), "p50": statistics.median(latencies), "p99": p99(latencies)}
            yield {name: round(value, 1) for name, value in row.items()}


def plot(serve, page, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "crossrank", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 2, figsize=(9, 7), sharex="col")
    columns = [
        ("crossrank serve", {"rss": "resident", "anonymous": "anonymous"}, serve),
        ("a page in Chromium", {"browser": "anonymous, all processes"}, page),
    ]
    for column, (title, memory, series) in zip(axes.T, columns):
        of = lambda name: [row[name] for row in series]
        minutes = of("minute")
        for name, label in memory.items():
            column[0].plot(minutes, of(name), label=label)
        for name in ("p50", "p99"):
            column[1].plot(minutes, of(name), label=name)
        column[2].plot(minutes, of("load"), color="grey")
        column[0].set(title=title, ylabel="MB")
        column[1].set(ylabel="ms", yscale="log")
        column[2].set(ylabel="load average", xlabel="minutes")
        for axis in column[[0, 2]]:
            axis.set_ylim(bottom=0)
        for axis in column[:2]:
            axis.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def table(serve, page):
    yield "| | `crossrank serve` | a page in Chromium |"
    yield "|---|---|---|"
    for (name, one), (_, two) in zip(serve.rows(), page.rows()):
        yield f"| {name} | {one} | {two} |"


def faults(faults):
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(faults.items()))


def record(title, picture, served, called, serve, page):
    cpus = [line for line in open("/proc/cpuinfo") if "model name" in line]
    cpu = cpus[0].split(":")[1].strip() if cpus else "an unknown CPU"
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    first, last = serve.samples[0], serve.samples[-1]
    cores = (last["cpu"] - first["cpu"]) / (last["t"] - first["t"])
    work = [f"{serve.work(start):.0f}" for start in (serve.part, serve.seconds - serve.part)]
    held = lambda field: f"{serve.level(field, serve.part):.0f} and {serve.level(field, None):.0f}"
    loads = sum(len(sample["loads"]) for sample in called["samples"])
    heap = f"{page.level('heap', page.part):.2f} and {page.level('heap', None):.2f}"
    yield f"# {title}"
    yield ""
    yield f"`make soak`, commit `{commit}`, on {cpu} with {os.cpu_count()} cores; see `benches/soak`."
    yield ""
    yield "| | `crossrank serve` | a page in Chromium |"
    yield "|---|---|---|"
    for (name, one), (_, two) in zip(serve.rows(), page.rows()):
        yield f"| {name} | {one} | {two} |"
    yield ""
    yield "The server, after the first part and at the end:"
    yield f"anonymous memory {held('anonymous')} MB, open files {held('files')}, threads {held('threads')}."
    yield f"Its peak was {last['peak']:.0f} MB. It used {cores:.2f} cores; for a normal request, with its share"
    yield f"of faults, {work[0]} ms of processor time in the second part, and {work[1]} ms in the last."
    yield f"The answers to {served['repeated']} repeated requests never changed."
    yield f"Floods had {sum(served['refused'].values())} other requests refused, as they may be."
    yield ""
    yield f"The page was called in {len(called['samples'])} steps, with {loads} loads, and twice as many that"
    yield f"failed or were aborted. Its JavaScript heap had {heap} MB."
    yield ""
    yield f"Faults on the server: {faults(serve.faults)}."
    yield ""
    yield f"Faults on the page: {faults(page.faults)}."
    yield ""
    yield f"![Memory, latency and load over time]({picture})"


def main():
    args = options()
    served, called = json.loads(args.serve.read_text()), json.loads(args.page.read_text())
    latencies = [(t, ms) for t, _, ms in served["latencies"]]
    serve = Soak(served, "rss", latencies, served["faults"])
    latencies = [(call["t"], call["ms"]) for sample in called["samples"] for call in sample["calls"]]
    seen = sum((Counter(sample["faults"]) for sample in called["samples"]), Counter())
    page = Soak(called, "browser", latencies, seen)

    file = lambda ending: args.out.with_name(f"{args.out.name}.{ending}")
    lines = list(record(args.title, file("svg").name, served, called, serve, page))
    broken = [f"{name}: {why}" for name, soak in (("server", serve), ("page", page)) for why in soak.broken()]
    lines += [line for why in broken for line in ("", f"Broken: {why}.")]
    report = "\n".join(lines) + "\n"
    file("md").write_text(report, encoding="utf-8")
    # A point for each minute of a long soak of the server, and for each step of the page.
    count = int(min(serve.seconds / 15, 120))
    ends = [serve.seconds * (i + 1) / count for i in range(count)]
    points = [list(serve.series(ends)), list(page.series([sample["t"] for sample in page.samples]))]
    rows = [",\n".join(json.dumps(row, sort_keys=True) for row in series) for series in points]
    file("json").write_text('{"serve": [\n%s\n], "page": [\n%s\n]}\n' % tuple(rows), encoding="utf-8")
    plot(*points, file("svg"))
    print(report)
    sys.exit(bool(broken))


main()
