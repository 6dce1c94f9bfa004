#!/usr/bin/env python3
"""Mixed traffic on `crossrank serve` for a long time, with faults among it; see README.md."""

import argparse
import http.client
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from traffic import LIMITS, ROOT, TOKEN, Faults, constant, normal

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
        subprocess.run([program, "index", ROOT / "examples/passages.txt", "--output", index], check=True, capture_output=True)
        command = [program, "serve", "--port", "0", "--token-file", tokens, "--index", index, "--log-format", "json"]
        command += [part for limit in LIMITS.items() for part in limit]
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=log, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def status(self):
        """Memory in MB, and what else the process holds."""
        process = Path("/proc") / str(self.process.pid)
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        # After the name of the program, which may have spaces: user and system time are its 12th and 13th field.
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
        self.unique = 0
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
                self.unique += 1
                unique = self.unique
            kind, method, path, body, key = normal(rng, unique)
            started = self.now()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
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

    def faulty_client(self, faults, seed):
        rng = random.Random(seed)
        names = faults.named("fault_")
        waiting = []
        while self.running():
            waiting = waiting or rng.sample(list(names), len(names))
            name = waiting.pop()
            self.fault(name, *names[name])
            time.sleep(rng.uniform(0.5, 2))

    def fault(self, name, act, expected):
        started = self.now()
        try:
            outcome = act()
        except ConnectionError:
            # Also where the server ends a connection to which a client still sends.
            outcome = "reset"
        except TimeoutError:
            outcome = "no answer"
        with self.lock:
            if outcome == expected:
                self.faults[name] += 1
                return
            if self.is_refusal(started, outcome):
                self.refused[outcome] += 1
                return
        self.report(f"{name}: {outcome} instead of {expected}")

    def floods(self, faults):
        while self.running():
            for name, (act, expected) in faults.named("flood_").items():
                if not self.wait(FLOOD_SECONDS):
                    return
                self.flooded_until = float("inf")
                self.fault(name, act, expected)
                # The server has seen the ends of its connections by then.
                self.flooded_until = self.now() + 2

    def wait(self, seconds):
        """Whether the soak still runs after this time."""
        time.sleep(max(0, min(seconds, self.end - time.monotonic())))
        return self.running()


def main():
    args = options()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    samples = []
    with tempfile.TemporaryDirectory() as folder, open(args.out.with_suffix(".log"), "w") as log:
        server = Server(args.program, Path(folder), log)
        soak = Soak(server.port, args.seconds)
        failures = queue.SimpleQueue()

        def guarded(work, *arguments):
            try:
                work(*arguments)
            except BaseException as error:
                failures.put(error)

        faults = lambda seed: Faults(server.port, random.Random(seed))
        work = [(soak.client, seed) for seed in range(CLIENTS)]
        work += [(soak.faulty_client, faults(seed), seed) for seed in range(FAULTY_CLIENTS)]
        work.append((soak.floods, faults("flood")))
        threads = [threading.Thread(target=guarded, args=arguments, daemon=True) for arguments in work]
        for thread in threads:
            thread.start()
        try:
            while soak.wait(SAMPLE_SECONDS) and server.process.poll() is None and failures.empty():
                samples.append({"t": soak.now(), **server.status(), "load": os.getloadavg()[0]})
            if not failures.empty():
                raise failures.get()
            if server.process.poll() is not None:
                soak.report(f"the server ended with {server.process.returncode}")
            for thread in threads:
                thread.join(timeout=120)
                if thread.is_alive():
                    soak.report("a client does not end")
            server.process.terminate()
            if code := server.process.wait(timeout=60):
                soak.report(f"the server ended with {code} after SIGTERM")
        finally:
            server.process.kill()
            result = {
                "seconds": args.seconds, "samples": samples, "latencies": soak.latencies,
                "faults": soak.faults, "refused": soak.refused, "unexpected": soak.unexpected,
                "repeated": len(soak.answers), "metrics": soak.metrics.decode(),
            }
            args.out.write_text(json.dumps(result))
    with open(args.out.with_suffix(".log")) as log:
        for line in log:
            if "panicked" in line or '"level":"ERROR"' in line or '"status":5' in line and '"status":503' not in line:
                soak.report(f"the server's log: {line.strip()[:300]}")
    args.out.write_text(json.dumps({**result, "unexpected": soak.unexpected}))
    print(f"{len(soak.latencies)} requests, {sum(soak.faults.values())} faults, {len(soak.unexpected)} unexpected")
    sys.exit(bool(soak.unexpected))


main()
