"""`python -m crossrank_training STAGE`: one command a stage."""

import argparse
import os
import shutil
from pathlib import Path

from . import files

REPOSITORY = Path(__file__).parents[2]


def data_folders(mixed: bool) -> list[Path]:
    """The given data folder and those that `teach` made, each by what `mix` made of it where that is wanted."""
    folder = files.train_dir()
    made = sorted(path.parent for path in (folder / "data").glob("*/lists.jsonl.gz"))
    found = [files.training_data() / "data", *made]
    if mixed:
        replaced = {path.name: path for path in (folder / "mixed").glob("*")}
        found = [replaced.get(path.name, path) for path in found]
    return found


def weights(arguments: argparse.Namespace) -> Path:
    """The checkpoint that a stage reads: by default the best of the run, or the starting one."""
    best = files.train_dir() / arguments.run / "best.safetensors"
    return arguments.checkpoint or (best if best.exists() else files.training_data() / "checkpoint.safetensors")


def pool(arguments: argparse.Namespace) -> None:
    from . import pool as stage

    stage.build(arguments.mirror, files.training_data(), files.train_dir() / "pool")


def teach(arguments: argparse.Namespace) -> None:
    from . import teach as stage

    folder = files.train_dir()
    made = folder / "teach.tmp"
    stage.build(folder / "pool", files.training_data() / "teachers", made, folder / "vectors")
    publish(made, folder / "data" / "pool")


def mix(arguments: argparse.Namespace) -> None:
    from . import mix as stage
    from . import model, pairs

    student = model.load(weights(arguments), files.training_data() / "checkpoint.safetensors", shape(arguments))
    tokenizer = pairs.load_tokenizer(arguments.model / "tokenizer.json")
    for folder in data_folders(mixed=False):
        made = files.train_dir() / f"mix-{folder.name}.tmp"
        stage.build(student, tokenizer, folder, made, arguments.share)
        publish(made, files.train_dir() / "mixed" / folder.name)


def publish(made: Path, folder: Path) -> None:
    """Moves a finished data folder to where the run looks for it."""
    folder.parent.mkdir(exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)


def train(arguments: argparse.Namespace) -> None:
    from . import train as stage

    given = files.training_data()
    stage.main(stage.Settings(
        start=arguments.start or given / "checkpoint.safetensors",
        words=given / "checkpoint.safetensors",
        tokenizer=arguments.model / "tokenizer.json",
        data=arguments.data or data_folders(mixed=True),
        dev=given / "dev",
        folder=files.train_dir() / arguments.run,
        workers=arguments.workers,
        rate=arguments.rate,
        head_rate=2 * arguments.rate,
        updates=arguments.updates,
        cool_down=arguments.cool_down,
        shape=shape(arguments),
    ))


def evaluate(arguments: argparse.Namespace) -> None:
    from . import calibrate, model, pairs
    from . import evaluate as stage

    encoder = model.load(weights(arguments), files.training_data() / "checkpoint.safetensors", shape(arguments))
    lists = stage.read_sets(files.training_data() / "dev", pairs.load_tokenizer(arguments.model / "tokenizer.json"))
    scores = stage.score(encoder, lists)
    print(stage.summarize(lists, scores))
    print(calibrate.fit(lists, scores))


def export(arguments: argparse.Namespace) -> None:
    from . import export as stage
    from .sample import write_sample

    given = files.training_data()
    golden = REPOSITORY / "tests" / "data" / "golden.json"
    into = arguments.out or files.train_dir() / "export"
    stage.build(
        weights(arguments), given / "checkpoint.safetensors", arguments.model, given / "dev", into,
        arguments.trained_tokens, golden, arguments.as_trained,
    )
    write_sample(given / "data", into / "sample.jsonl")


def shrink(arguments: argparse.Namespace) -> None:
    from . import model
    from . import shrink as stage

    encoder = model.load(weights(arguments), files.training_data() / "checkpoint.safetensors", shape(arguments))
    stage.build(encoder, arguments.model, [int(layer) for layer in arguments.layers.split(",")], arguments.into)


def shape(arguments: argparse.Namespace):
    from .model import Shape

    return Shape.read(arguments.model / "config.json")


def yield_to_others() -> None:
    """Takes the lowest priority, so that a long stage disturbs no build and no measurement."""
    os.nice(max(0, 19 - os.nice(0)))
    # Where Linux groups processes by session, niceness counts only within one. A session of our own is lowered too.
    group = Path("/proc/self/autogroup")
    if group.exists() and os.getsid(0) == os.getpid():
        group.write_text("19")


def main() -> None:
    parser = argparse.ArgumentParser(prog="crossrank_training", description="The recipe of the bundled cross-encoder.")
    stages = parser.add_subparsers(required=True, metavar="STAGE")
    parsers = {}
    for do, help in (
        (pool, "collect passages and queries"),
        (teach, "make training lists from the pool with the bi-encoders"),
        (mix, "make all lists anew with the student as a further teacher"),
        (train, "train, or go on training"),
        (evaluate, "score the development sets"),
        (shrink, "write a model with some of the layers, for a run of its own"),
        (export, "write the files of the model"),
    ):
        stage = parsers[do.__name__] = stages.add_parser(do.__name__, help=help, description=help)
        stage.set_defaults(do=do)
        stage.add_argument("--model", type=Path, default=REPOSITORY / "benches" / "model" / "minilm-l6-en",
                           help="folder of config.json and the tokenizer")
    for name in ("mix", "train", "evaluate", "shrink", "export"):
        parsers[name].add_argument("--run", default="run", help="name of the run's folder in CROSSRANK_TRAIN_DIR")
    for name in ("mix", "evaluate", "shrink", "export"):
        parsers[name].add_argument("--checkpoint", type=Path, help="weights (the run's best)")
    parsers["pool"].add_argument("--mirror", type=Path, required=True, help="folder of clones named OWNER+NAME")
    parsers["mix"].add_argument("--share", type=float, default=0.3, help="the student's share of the targets")
    parsers["shrink"].add_argument("--layers", default="0,2,5", help="the layers that are kept, counted from 0")
    parsers["shrink"].add_argument("--into", type=Path, required=True, help="folder to write to")
    parsers["train"].add_argument("--data", type=Path, action="append",
                                  help="folder of passages and lists; may be repeated (all that were made)")
    parsers["train"].add_argument("--start", type=Path, help="weights to start from (the given checkpoint)")
    parsers["train"].add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parsers["train"].add_argument("--rate", type=float, default=5e-5, help="learning rate of the encoder")
    parsers["train"].add_argument("--updates", type=int, default=0, help="end after so many updates in all (never)")
    parsers["train"].add_argument("--cool-down", type=int, default=0, help="let the rate fall over the last updates")
    parsers["export"].add_argument("--out", type=Path, help="folder to write to (CROSSRANK_TRAIN_DIR/export)")
    parsers["export"].add_argument("--trained-tokens", type=int, default=512, help="longest pair trained on")
    parsers["export"].add_argument("--as-trained", action="store_true", help="leave the score uncalibrated")
    arguments = parser.parse_args()
    yield_to_others()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    arguments.do(arguments)


if __name__ == "__main__":
    main()
