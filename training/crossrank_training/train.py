"""The training run: it can be paused by a file, ended at any time, and resumed where it stood."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch import multiprocessing as processes

from . import evaluate, files, loss, model
from .lists import Lists, TrainingList
from .pairs import load_tokenizer, logits_of
from .parameters import AdamW, FlatParameters


@dataclass
class Settings:
    """The settings of a run."""

    start: Path
    words: Path
    tokenizer: Path
    data: list[Path]
    dev: Path
    folder: Path
    workers: int = 2
    rate: float = 5e-5
    head_rate: float = 1e-4
    warm_up: int = 100
    tokens: int = 12000
    average: float = 0.998
    seed: int = 1
    updates: int = 0
    cool_down: int = 0
    checkpoint_seconds: float = 600
    evaluate_seconds: float = 3600
    log_updates: int = 20
    shape: model.Shape = model.Shape()


class Worker:
    """Computes the gradient of a share of each update, and scores a share of the development sets."""

    def __init__(self, settings: Settings, rank: int, values: Tensor, average: Tensor, gradient: Tensor):
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        self.settings, self.rank, self.gradient = settings, rank, gradient
        self.flat = FlatParameters(model.load(settings.start, settings.words, settings.shape))
        self.flat.bind(values)
        self.averaged = FlatParameters(model.load(settings.start, settings.words, settings.shape))
        self.averaged.bind(average)
        tokenizer = load_tokenizer(settings.tokenizer)
        self.lists = Lists(settings.data, tokenizer, settings.seed)
        self.development = evaluate.read_sets(settings.dev, tokenizer)
        # Long lists first, to the worker with the least to do.
        self.shares: list[list[int]] = [[] for _ in range(settings.workers)]
        cost = [0] * settings.workers
        sizes = [sum(len(ids) for ids, _ in each.pairs) for each in self.development]
        for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
            least = cost.index(min(cost))
            cost[least] += sizes[index]
            self.shares[least].append(index)

    def batch(self, position: int) -> list[TrainingList]:
        """The lists of the update that begins at a position of the data."""
        batch: list[TrainingList] = []
        while sum(each.tokens for each in batch) < self.settings.tokens:
            batch.append(self.lists.at(position + len(batch)))
        return batch

    def differentiate(self, position: int) -> dict[str, float]:
        """Leaves the gradient of this worker's share in `gradient`. Returns sums of the losses."""
        batch = self.batch(position)
        order = sorted(range(len(batch)), key=lambda index: -batch[index].tokens)
        share: list[TrainingList] = []
        cost = [0] * self.settings.workers
        for index in order:
            least = cost.index(min(cost))
            cost[least] += batch[index].tokens
            if least == self.rank:
                share.append(batch[index])
        self.flat.collect_gradients(self.gradient)
        sums = {"lists": float(len(batch)), "tokens": float(cost[self.rank]), "pairs": 0.0}
        # A few lists at a time bound the memory that the backward pass holds.
        while share:
            part = [share.pop()]
            while share and sum(each.tokens for each in [*part, share[-1]]) <= 4000:
                part.append(share.pop())
            with torch.autocast("cpu", torch.bfloat16):
                logits = logits_of(self.flat.model, [pair for each in part for pair in each.pairs])
            objective = torch.zeros(())
            for each, of_list in zip(part, logits.split([len(each.pairs) for each in part])):
                losses = loss.list_losses(of_list, each.target, each.label)
                objective = objective + loss.total(losses)
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + value.item()
                sums["pairs"] += len(each.pairs)
            (objective / len(batch)).backward()
        return sums

    def evaluate(self, between=lambda: None) -> dict[int, list[float]]:
        """The logits of this worker's share of the development lists, by index."""
        share = self.shares[self.rank]
        scores = evaluate.score(self.averaged.model, [self.development[index] for index in share], between)
        return {index: logits.tolist() for index, logits in zip(share, scores)}


def serve(settings: Settings, rank: int, values: Tensor, average: Tensor, gradient: Tensor, connection) -> None:
    """A further process: it does what the first one asks until the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    worker = Worker(settings, rank, values, average, gradient)
    try:
        while True:
            position = connection.recv()
            connection.send(worker.evaluate() if position is None else worker.differentiate(position))
    except (EOFError, OSError):
        pass


class Run:
    """The first process: it takes steps, keeps the average, and writes checkpoints and the log."""

    def __init__(self, settings: Settings):
        self.settings = settings
        settings.folder.mkdir(parents=True, exist_ok=True)
        self.state_path = settings.folder / "state.pt"
        self.log = settings.folder / "learning.jsonl"
        self.pause = files.train_dir() / "pause"
        self.ending = False
        flat = FlatParameters(model.load(settings.start, settings.words, settings.shape))
        self.values = flat.values.share_memory_()
        self.average = flat.values.clone().share_memory_()
        gradients = [torch.zeros_like(flat.values).share_memory_() for _ in range(settings.workers)]
        self.children = []
        context = processes.get_context("spawn")
        for rank in range(1, settings.workers):
            ours, theirs = context.Pipe()
            arguments = (settings, rank, self.values, self.average, gradients[rank], theirs)
            context.Process(target=serve, args=arguments, daemon=True).start()
            theirs.close()
            self.children.append(ours)
        self.worker = Worker(settings, 0, self.values, self.average, gradients[0])
        self.gradients = gradients
        self.optimizer = AdamW(self.worker.flat)
        self.position = 0
        self.resumed_at = 0
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

    def hold(self) -> None:
        """Waits while the pause file exists."""
        while self.pause.exists() and not self.ending:
            time.sleep(1)

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
        for child, gradient in zip(self.children, self.gradients[1:]):
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
        scores = self.worker.evaluate(self.hold)
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
        while not self.ending and not (settings.updates and self.optimizer.steps >= settings.updates):
            self.hold()
            for name, value in self.update().items():
                sums[name] = sums.get(name, 0.0) + value
            counted += 1
            now = time.monotonic()
            if counted >= settings.log_updates:
                means = {name: round(sums[name] / sums["lists"], 4) for name in loss.WEIGHTS}
                speed = {"norm": round(sums["norm"] / counted, 3), "tokens_a_second": round(sums["tokens"] / (now - since))}
                self._write({**means, **speed, "pairs": int(sums["pairs"]), "factor": round(self.factor(), 4)})
                sums, counted, since = {}, 0, now
            if now - saved >= settings.checkpoint_seconds:
                self.save()
                saved = now
            if now - evaluated >= settings.evaluate_seconds:
                self.evaluate()
                evaluated = since = time.monotonic()
        self.save()
        if not self.ending:
            self.evaluate()

    def end(self, *_) -> None:
        """Ends the run after the present update, with a checkpoint."""
        self.ending = True


def main(settings: Settings) -> None:
    """Runs, or goes on with the run in the same folder."""
    run = Run(settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, run.end)
    run.go()
