import json
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, SHAPE

from crossrank_training import train, worker


def go(settings: train.Settings) -> None:
    run = train.Run(settings)
    run.go()
    run.close()


def settings(toy, name: str, **changes) -> train.Settings:
    checkpoint = toy / "checkpoint.safetensors"
    values = dict(
        start=checkpoint, words=checkpoint, tokenizer=toy / "tokenizer.json", data=[toy / "data"], dev=toy / "dev",
        folder=toy / name, tokens=800, log_updates=1, warm_up=2, shape=SHAPE, workers=1, updates=4,
    )
    return train.Settings(**{**values, **changes})


def log(toy, name: str) -> list[dict]:
    return [json.loads(line) for line in (toy / name / "learning.jsonl").read_text().splitlines()]


def state(toy, name: str) -> dict:
    return torch.load(toy / name / "state.pt", weights_only=True)


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]) if isinstance(value, torch.Tensor) else value == other[name], name


@pytest.mark.parametrize("workers", [1, 2])
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(toy, workers):
    go(settings(toy, "whole", workers=workers))
    go(settings(toy, "parts", workers=workers, updates=2))
    halfway = state(toy, "parts")
    assert halfway["steps"] == 2
    go(settings(toy, "parts", workers=workers))
    assert_same(state(toy, "whole"), state(toy, "parts"))
    assert not torch.equal(halfway["values"], state(toy, "parts")["values"])


def test_two_workers_share_what_one_does_alone(toy):
    go(settings(toy, "one", updates=1))
    go(settings(toy, "two", updates=1, workers=2))
    one, two = state(toy, "one"), state(toy, "two")
    assert one["position"] == two["position"]
    torch.testing.assert_close(one["mean"], two["mean"], rtol=0.05, atol=1e-4)


def test_a_run_learns_what_it_repeats(toy):
    run = train.Run(settings(toy, "run", rate=1e-2, head_rate=1e-2))
    losses = []
    for _ in range(60):
        run.position = 0
        losses.append(run.update()["distance"])
    assert losses[-1] < 0.5 * losses[0]


def test_the_pause_file_holds_the_run(toy, monkeypatch):
    run = train.Run(settings(toy, "run", updates=1))
    run.worker.pause.touch()
    waits = []

    def sleep(seconds):
        waits.append(run.optimizer.steps)
        if len(waits) == 3:
            run.worker.pause.unlink()

    monkeypatch.setattr(worker.time, "sleep", sleep)
    run.go()
    assert waits == [0, 0, 0]
    assert run.optimizer.steps == 1


def test_an_ended_run_leaves_a_checkpoint(toy):
    run = train.Run(settings(toy, "run", updates=0))
    step = run.update

    def update():
        run.end()
        return step()

    run.update = update
    run.go()
    assert state(toy, "run")["steps"] == 1
    assert {path.name for path in (toy / "run").iterdir()} == {
        "state.pt", "average.safetensors", "best.safetensors", "learning.jsonl"
    }


def test_a_signal_ends_the_command_with_a_checkpoint(toy):
    command = [sys.executable, "-m", "crossrank_training", "train", "--model", toy, "--workers", "2"]
    with subprocess.Popen(command, cwd=ROOT / "training", stdout=subprocess.PIPE, text=True) as process:
        # The first line says what is trained on, the second scores the development sets.
        assert "lists" in process.stdout.readline() and "dev" in process.stdout.readline()
        process.terminate()
        assert process.wait(60) == 0
    assert state(toy, "work/run")["steps"] < 100


def test_other_data_begin_at_their_first_list(toy):
    go(settings(toy, "run", updates=1))
    (toy / "more").mkdir()
    for name in ("passages.jsonl.gz", "lists.jsonl.gz"):
        (toy / "more" / name).write_bytes((toy / "data" / name).read_bytes())
    run = train.Run(settings(toy, "run", data=[toy / "data", toy / "more"]))
    assert (run.optimizer.steps, run.position) == (1, 0)
    assert len(run.worker.lists) == 24


def test_the_rate_rises_and_falls(toy):
    run = train.Run(settings(toy, "run", updates=10, warm_up=4, cool_down=5))
    factors = []
    for run.optimizer.steps in range(10):
        factors.append(run.factor())
    assert factors == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2]
