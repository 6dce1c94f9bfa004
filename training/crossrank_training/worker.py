"""What every process of a run does: gradients of a share of an update, scores of a share of the development sets."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from . import evaluate, files, loss, model
from .lists import Lists, TrainingList
from .pairs import load_tokenizer, logits_of
from .parameters import FlatParameters


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


def share_of(sizes: list[int], rank: int, workers: int) -> list[int]:
    """The indices of the tasks of one worker: large tasks first, each to the worker with the least to do."""
    share, cost = [], [0] * workers
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        least = cost.index(min(cost))
        cost[least] += sizes[index]
        if least == rank:
            share.append(index)
    return share


class Worker:
    """Computes the gradient of a share of each update, and scores a share of the development sets."""

    def __init__(self, settings: Settings, rank: int, values: Tensor, average: Tensor, gradient: Tensor):
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        self.settings, self.rank, self.gradient = settings, rank, gradient
        self.pause = files.train_dir() / "pause"
        self.ending = False
        self.flat = FlatParameters(model.load(settings.start, settings.words, settings.shape))
        self.flat.bind(values)
        self.averaged = FlatParameters(model.load(settings.start, settings.words, settings.shape))
        self.averaged.bind(average)
        tokenizer = load_tokenizer(settings.tokenizer)
        self.lists = Lists(settings.data, tokenizer, settings.seed)
        self.development = evaluate.read_sets(settings.dev, tokenizer)
        sizes = [sum(len(ids) for ids, _ in each.pairs) for each in self.development]
        self.development_share = share_of(sizes, rank, settings.workers)

    def batch(self, position: int) -> list[TrainingList]:
        """The lists of the update that begins at a position of the data."""
        batch: list[TrainingList] = []
        while sum(each.tokens for each in batch) < self.settings.tokens:
            batch.append(self.lists.at(position + len(batch)))
        return batch

    def differentiate(self, position: int) -> dict[str, float]:
        """Leaves the gradient of this worker's share in `gradient`. Returns sums of the losses."""
        batch = self.batch(position)
        sizes = [each.tokens for each in batch]
        share = [batch[index] for index in share_of(sizes, self.rank, self.settings.workers)]
        self.flat.collect_gradients(self.gradient)
        sums = {"lists": len(batch), "tokens": sum(each.tokens for each in share), "pairs": 0}
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

    def hold(self) -> None:
        """Waits while the pause file exists, unless the run ends."""
        if self.pause.exists() and not self.ending:
            print(f"paused by {self.pause}", flush=True)
        while self.pause.exists() and not self.ending:
            time.sleep(1)

    def evaluate(self) -> dict[int, list[float]]:
        """The logits of this worker's share of the development lists, by index."""
        share = self.development_share
        scores = evaluate.score(self.averaged.model, [self.development[index] for index in share], self.hold)
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
