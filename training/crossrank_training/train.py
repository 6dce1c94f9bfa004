"""The training run: it can be paused by a file, ended at any time, and resumed where it stood."""

import signal
import time

import numpy as np
import torch
from torch import multiprocessing as processes

from . import evaluate, files, loss, model
from .parameters import AdamW, FlatParameters
from .worker import Settings, Worker, serve


class Run:
    """The first process: it takes steps, keeps the average, and writes checkpoints and the log."""

    def __init__(self, settings: Settings):
        self.settings = settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.state_path = settings.folder / "state.pt"
        self.log = settings.folder / "learning.jsonl"
        flat = FlatParameters(model.load(settings.start, settings.words, settings.shape))
        self.values = flat.values.share_memory_()
        self.average = flat.values.clone().share_memory_()
        gradients = [torch.zeros_like(flat.values).share_memory_() for _ in range(settings.workers)]
        self.children, self.processes = [], []
        context = processes.get_context("spawn")
        for rank in range(1, settings.workers):
            ours, theirs = context.Pipe()
            arguments = (settings, rank, self.values, self.average, gradients[rank], theirs)
            process = context.Process(target=serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self.processes.append(process)
            self.children.append(ours)
        self.worker = Worker(settings, 0, self.values, self.average, gradients[0])
        self.gradients = gradients
        self.optimizer = AdamW(self.worker.flat)
        self.position = 0
        self.best = 0.0
        self._resume()

    def _resume(self) -> None:
        if not self.state_path.exists():
            return
        state = torch.load(self.state_path, weights_only=True)
        self.values.copy_(state["values"])
        self.average.copy_(state["average"])
        self.optimizer.mean.copy_(state["mean"])
        self.optimizer.square.copy_(state["square"])
        self.optimizer.steps = state["steps"]
        self.best = state["best"]
        # Other data begin at their first list.
        if state["data"] == self.worker.lists.fingerprint:
            self.position = state["position"]

    def save(self) -> None:
        """Writes the state and the averaged weights, each whole."""
        state = {
            "values": self.values, "average": self.average, "mean": self.optimizer.mean,
            "square": self.optimizer.square, "steps": self.optimizer.steps, "position": self.position,
            "best": self.best, "data": self.worker.lists.fingerprint,
        }
        files.write_whole(self.state_path, lambda path: torch.save(state, path))
        averaged = self.worker.averaged.model
        files.write_whole(self.settings.folder / "average.safetensors", lambda path: model.save(averaged, path))

    def factor(self) -> float:
        """The share of the full rate: rising at first, falling to nothing over the last `cool_down` updates."""
        settings, steps = self.settings, self.optimizer.steps
        factor = min(1.0, (steps + 1) / max(1, settings.warm_up))
        if settings.cool_down and settings.updates:
            factor = min(factor, max(0.0, (settings.updates - steps) / settings.cool_down))
        return factor

    def update(self) -> dict[str, float]:
        """One step. Returns the sums of the losses over all workers."""
        for child in self.children:
            child.send(self.position)
        sums = self.worker.differentiate(self.position)
        self.position += int(sums["lists"])
        for child, gradient in zip(self.children, self.gradients[1:], strict=True):
            for name, value in child.recv().items():
                sums[name] = sums.get(name, 0.0) + (value if name != "lists" else 0.0)
            self.gradients[0].add_(gradient)
        factor = self.factor()
        rates = self.settings.rate * factor, self.settings.head_rate * factor
        sums["norm"] = self.optimizer.step(self.gradients[0], *rates)
        steps = self.optimizer.steps
        self.average.lerp_(self.values, 1 - min(self.settings.average, (1 + steps) / (10 + steps)))
        return sums

    def evaluate(self) -> None:
        """Scores the development sets with the averaged weights, logs them, and keeps the best weights."""
        for child in self.children:
            child.send(None)
        scores = self.worker.evaluate()
        for child in self.children:
            scores.update(child.recv())
        development = self.worker.development
        ordered = [np.array(scores[index]) for index in range(len(development))]
        figures = evaluate.summarize(development, ordered)
        self._write({"dev": figures})
        if figures["mean"] > self.best:
            self.best = figures["mean"]
            averaged = self.worker.averaged.model
            files.write_whole(self.settings.folder / "best.safetensors", lambda path: model.save(averaged, path))

    def _write(self, record: dict) -> None:
        place = {"updates": self.optimizer.steps, "position": self.position}
        passes = round(self.position / len(self.worker.lists), 3)
        record = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **place, "passes": passes, **record}
        files.append_line(self.log, record)
        print(record, flush=True)

    def go(self) -> None:
        """Trains until the wanted number of updates, or a signal to end."""
        settings = self.settings
        self._write({"lists": len(self.worker.lists), "rate": settings.rate, "tokens": settings.tokens})
        if not self.optimizer.steps:
            self.evaluate()
        sums: dict[str, float] = {}
        counted, since = 0, time.monotonic()
        saved = evaluated = time.monotonic()
        while not self.worker.ending and not (settings.updates and self.optimizer.steps >= settings.updates):
            self.worker.hold()
            for name, value in self.update().items():
                sums[name] = sums.get(name, 0.0) + value
            counted += 1
            now = time.monotonic()
            if counted >= settings.log_updates:
                means = {name: round(sums[name] / sums["lists"], 4) for name in loss.WEIGHTS}
                norm, rate = round(sums["norm"] / counted, 3), round(sums["tokens"] / (now - since))
                figures = {"pairs": int(sums["pairs"]), "factor": round(self.factor(), 4)}
                self._write({**means, "norm": norm, "tokens_a_second": rate, **figures})
                sums, counted, since = {}, 0, now
            if now - saved >= settings.checkpoint_seconds:
                self.save()
                saved = now
            if now - evaluated >= settings.evaluate_seconds:
                self.save()
                self.evaluate()
                evaluated = since = time.monotonic()
        self.save()
        if not self.worker.ending:
            self.evaluate()

    def close(self) -> None:
        """Ends the other processes, which go when their connections close."""
        for child in self.children:
            child.close()
        for process in self.processes:
            process.join()

    def end(self, *_) -> None:
        """Ends the run after the present update, with a checkpoint."""
        self.worker.ending = True


def main(settings: Settings) -> None:
    """Runs, or goes on with the run in the same folder."""
    run = Run(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, run.end)
    run.go()
    run.close()
