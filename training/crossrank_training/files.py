"""Places on disk, and files that are written whole or not at all."""

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def training_data() -> Path:
    """The folder that CROSSRANK_TRAINING_DATA names: passages, lists, development sets and the starting checkpoint."""
    folder = os.environ.get("CROSSRANK_TRAINING_DATA")
    if not folder:
        raise SystemExit("set CROSSRANK_TRAINING_DATA to the folder that holds data/, dev/ and checkpoint.safetensors")
    return Path(folder)


def train_dir() -> Path:
    """The folder that CROSSRANK_TRAIN_DIR names: everything that the stages write."""
    folder = Path(os.environ.get("CROSSRANK_TRAIN_DIR") or "~/.cache/crossrank-training").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_whole(path: Path, write) -> None:
    """Calls `write` with a temporary path beside `path`, then renames the result to `path`."""
    temporary = path.with_name(path.name + ".tmp")
    write(temporary)
    os.replace(temporary, path)


def read_lines(path: Path) -> Iterator[dict]:
    """The objects of a gzipped file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def write_lines(path: Path, records: Iterable[dict]) -> None:
    """Writes objects as gzipped JSON lines. The same objects give the same bytes."""

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed:
            for record in records:
                packed.write((json.dumps(record, ensure_ascii=False) + "\n").encode())

    write_whole(path, write)


def append_line(path: Path, record: dict) -> None:
    """Appends one object to a file of JSON lines."""
    with open(path, "a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")
