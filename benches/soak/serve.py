#!/usr/bin/env python3
"""Mixed traffic on `crossrank serve` for a long time, with faults among it; see README.md."""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

from traffic import LIMITS, PATIENCE, ROOT, TOKEN, Faults, constant, normal

CLIENTS, FAULTY_CLIENTS = 4, 4
SAMPLE_SECONDS, FLOOD_SECONDS = 5, 20


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / "target/release/crossrank")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--out", type=Path, default=ROOT / "target/soak/serve.json")
    return parser.parse_args()


class Server:
    def __init__(self, program, folder, log):
        tokens, index = folder / "tokens", folder / "passages.index"
        tokens.write_text(TOKEN)
        passages = ROOT / "examples/passages.txt"
        subprocess.run([program, "index", passages, "--output", index], check=True, capture_output=True)
        command = [program, "serve", "--port", "0", "--token-file", tokens, "--index", index]
        command += ["--log-format", "json"]
        command += [part for limit in LIMITS.items() for part in limit]
        command = [str(part) for part in command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def status(self):
        """Memory in MB, and what else the process holds."""
        process = Path("/proc") / str(self.process.pid)
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        # User and system time are two of the fields after the program's name, which may have spaces.
        times = (process / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
        return {
            "rss": int(fields["VmRSS"].split()[0]) / 1024,
            "anonymous": int(fields["RssAnon"].split()[0]) / 1024,
            "peak": int(fields["VmHWM"].split()[0]) / 1024,
            "threads": int(fields["Threads"]),
            "files": len(os.listdir(process / "fd")),
            "cpu": sum(map(int, times)) / os.sysconf("SC_CLK_TCK"),
        }


class Soak:
    def __init__(self, port, seconds):
        self.port, self.start = port, time.monotonic()
        self.end = self.start + seconds
        self.lock = threading.Lock()
        self.latencies = []  # the time, the kind and the milliseconds of each normal request
        self.faults, self.refused, self.unexpected = Counter(), Counter(), []
        self.answers, self.metrics = {}, b""
        self.requests = 0
        self.flooded_until = 0.0

    def now(self):
        return time.monotonic() - self.start

    def running(self):
        return time.monotonic() < self.end

    def report(self, what):
        print(f"{self.now():.0f} s: {what}", file=sys.stderr, flush=True)
        with self.lock:
            self.unexpected.append({"t": round(self.now(), 1), "what": what})

    def is_refusal(self, started, outcome):
        """Whether a client was refused because of a flood, as it may be."""
        return outcome in ("429", "503", "reset") and started < self.flooded_until

    def client(self, seed):
        """Sends normal requests on a connection that it keeps, with pauses."""
        rng = random.Random(seed)
        connection = None
        while self.running():
            with self.lock:
                self.requests += 1
                number = self.requests
            kind, method, path, body, key = normal(rng, number)
            started = self.now()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                connection.request(method, path, body, {"authorization": f"Bearer {TOKEN}"})
                response = connection.getresponse()
                answer, outcome = response.read(), str(response.status)
                # The next request needs a new connection then.
                connection = None if response.will_close else connection
            except (ConnectionError, http.client.HTTPException) as error:
                answer, outcome, connection = repr(error).encode(), "reset", None
            except TimeoutError:
                answer, outcome, connection = b"", "no answer", None
            ended = self.now()
            if outcome == "200":
                with self.lock:
                    self.latencies.append((ended, kind, 1000 * (ended - started)))
                self.compare(kind, key, answer)
            elif self.is_refusal(started, outcome):
                with self.lock:
                    self.refused[outcome] += 1
            else:
                self.report(f"{kind}: {outcome} {answer[:200]!r}")
            time.sleep(rng.uniform(0.3, 1.2))

    def compare(self, kind, key, answer):
        if kind == "metrics":
            self.metrics = answer
        if key is None:
            return
        answer = constant(answer)
        with self.lock:
            first = self.answers.setdefault(key, answer)
        if first != answer:
            self.report(f"{key}: {answer[:200]} instead of {first[:200]}")

    def faulty_client(self, faults):
        waiting = []
        while self.running():
            waiting = waiting or faults.rng.sample(every := faults.methods(floods=False), len(every))
            self.misbehave(waiting.pop(), faults)
            time.sleep(faults.rng.uniform(0.5, 2))

    def floods(self, faults):
        while self.running():
            for method in faults.methods(floods=True):
                if not self.wait(FLOOD_SECONDS):
                    return
                self.flooded_until = float("inf")
                self.misbehave(method, faults)
                # The server has seen the ends of its connections by then.
                self.flooded_until = self.now() + 2

    def misbehave(self, method, faults):
        name, started = method.__name__, self.now()
        try:
            outcome = method(faults)
        except ConnectionError:
            outcome = "reset"
        except TimeoutError:
            outcome = "no answer"
        with self.lock:
            if outcome == method.expected:
                self.faults[name] += 1
                return
            if self.is_refusal(started, outcome):
                self.refused[outcome] += 1
                return
        self.report(f"{name}: {outcome} instead of {method.expected}")

    def wait(self, seconds):
        """Whether the soak still runs after this time."""
        time.sleep(max(0, min(seconds, self.end - time.monotonic())))
        return self.running()


def main():
    args = options()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    samples, log_file = [], args.out.with_suffix(".log")
    with tempfile.TemporaryDirectory() as folder, open(log_file, "w") as log:
        server = Server(args.program, Path(folder), log)
        soak = Soak(server.port, args.seconds)

        def guarded(work, *arguments):
            try:
                work(*arguments)
            except Exception:
                soak.report(traceback.format_exc())

        faults = lambda seed: Faults(server.port, random.Random(seed))
        work = [(soak.client, seed) for seed in range(CLIENTS)]
        work += [(soak.faulty_client, faults(seed)) for seed in range(FAULTY_CLIENTS)]
        work.append((soak.floods, faults("flood")))
        threads = [threading.Thread(target=guarded, args=arguments, daemon=True) for arguments in work]
        for thread in threads:
            thread.start()
        try:
            while soak.wait(SAMPLE_SECONDS) and server.process.poll() is None:
                samples.append({"t": soak.now(), **server.status(), "load": os.getloadavg()[0]})
            soak.end = time.monotonic()
            for thread in threads:
                thread.join(timeout=2 * PATIENCE)
                if thread.is_alive():
                    soak.report("a client does not end")
            server.process.terminate()
            if code := server.process.wait(timeout=PATIENCE):
                soak.report(f"the server ended with {code}")
        finally:
            server.process.kill()
    for line in log_file.read_text().splitlines():
        if "panicked" in line or '"level":"ERROR"' in line or '"status":5' in line:
            soak.report(f"the server's log: {line[:300]}")
    result = {
        "seconds": args.seconds, "samples": samples, "latencies": soak.latencies,
        "faults": soak.faults, "refused": soak.refused, "unexpected": soak.unexpected,
        "repeated": len(soak.answers), "metrics": soak.metrics.decode(),
    }
    args.out.write_text(json.dumps(result))
    counts = len(soak.latencies), sum(soak.faults.values()), len(soak.unexpected)
    print("%d requests, %d faults, %d unexpected" % counts)
    sys.exit(bool(soak.unexpected))


main()
