#!/usr/bin/env python3
"""Packs a folder: `archive.py FOLDER ARCHIVE`, a .zip or a .tar.gz. The same files make the same bytes."""

import gzip
import os
import sys
import tarfile
import zipfile
from pathlib import Path

folder, archive = map(Path, sys.argv[1:])
# Zip cannot express a time before 1980.
time = int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))
files = [path for path in sorted(folder.rglob("*")) if path.is_file()]


def reset(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = time
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry


if archive.suffix == ".zip":
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix())
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix == ".exe" else 0o644) << 16
            out.writestr(entry, path.read_bytes())
else:
    with open(archive, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, time) as zipped:
        with tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as out:
            for path in files:
                out.add(path, path.relative_to(folder.parent).as_posix(), filter=reset)
