#!/usr/bin/env python3
"""The version and the repository's address, which Cargo.toml's [workspace.package] holds.

version.py             writes them into every other file that names them
version.py 0.2.0       changes the version first, and dates the changelog's section of it
version.py --check     fails where a file names others
version.py --release v0.2.0   fails, too, where this is not ready to be released as the tag v0.2.0
version.py --notes     prints the changelog's section of this version
version.py --print     prints the version
"""

import datetime
import fnmatch
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+?)?"
OURS = r"crossrank(?:-[a-z0-9-]+?)?"
ADDRESS = r"(https://github\.com/[\w-]+/crossrank)\b"
# A pattern's one group is what must be equal to the version, or to the address. Among the files of each
# pattern, at least one must have it.
VERSIONS = [
    ("*Cargo.toml", rf'^(?:crossrank = {{ path = "[^"]*", |name = "{OURS}"\n)version = "({VERSION})"'),
    ("*Cargo.lock", rf'^name = "{OURS}"\nversion = "({VERSION})"$'),
    ("*package.json *package-lock.json", rf'"name": "{OURS}",\s+"version": "({VERSION})"'),
    ("*package.json *package-lock.json", rf'"{OURS}": "\^({VERSION})"'),
    ("pkg/src/core/version.ts", rf'^export const VERSION = "({VERSION})";$'),
    ("*.md *.mjs *package.json", rf"\b{OURS}-({VERSION})\.tgz\b"),
]
ADDRESSES = [
    ("Cargo.toml", rf'^homepage = "{ADDRESS}"$'),
    ("*package.json", ADDRESS),
    ("*.md *.mjs *.ts", ADDRESS),
    ("Dockerfile", ADDRESS),
]
# Programs of tests and measurements are in no release.
APART = "benches/*", "pkg/test/*"


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def write(path, text):
    if text != read(path):
        (ROOT / path).write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {path}")


def workspace(field):
    return re.search(rf'^\[workspace\.package\](?:\n.+)*?\n{field} = "(.*)"$', read("Cargo.toml"), re.M)


def files(globs, paths):
    for path in paths:
        if any(fnmatch.fnmatchcase(path, glob) for glob in globs.split()):
            if not any(fnmatch.fnmatchcase(path, glob) for glob in APART) and (ROOT / path).is_file():
                yield path


def sources():
    """The paths of all files, except those that Git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    # A copy of the sources, without the repository.
    paths = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("node_modules", "target", "dist")]
        paths += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in names]
    return paths


def places():
    """Each place that names the version or the address: the file, the span, what is there, what should be."""
    paths = sources()
    for patterns, field in (VERSIONS, "version"), (ADDRESSES, "repository"):
        wanted = workspace(field)[1]
        for globs, pattern in patterns:
            found = False
            for path in files(globs, paths):
                for match in re.finditer(pattern, read(path), re.M):
                    found = True
                    yield path, match.span(1), match[1], wanted
            if not found:
                sys.exit(f"version.py: no file of {globs} has what {pattern} describes; correct the list in version.py")


def update():
    edits = {}
    for path, span, there, wanted in places():
        if there != wanted:
            edits.setdefault(path, set()).add((span, wanted))
    for path, spans in edits.items():
        text = read(path)
        for (start, end), wanted in sorted(spans, reverse=True):
            text = text[:start] + wanted + text[end:]
        write(path, text)


def set_version(version):
    if not re.fullmatch(VERSION, version):
        sys.exit(f"version.py: {version} is not a version such as 0.2.0")
    start, end = workspace("version").span(1)
    text = read("Cargo.toml")
    write("Cargo.toml", text[:start] + version + text[end:])
    changelog = read("CHANGELOG.md")
    if section(version) is None:
        heading = f"## [{version}] - {datetime.date.today()}"
        changelog = changelog.replace("## [Unreleased]\n", f"## [Unreleased]\n\n{heading}\n", 1)
        write("CHANGELOG.md", changelog)


def section(version):
    """What the changelog says about a version, or None."""
    found = re.search(rf"^## \[{re.escape(version)}\] - .*\n((?:(?!## |\[).*\n)*)", read("CHANGELOG.md"), re.M)
    return found and found[1].strip()


def check():
    wrong = [
        f"{path}: {there}, but Cargo.toml says {wanted}" for path, _, there, wanted in places() if there != wanted
    ]
    if wrong:
        sys.exit("\n".join([*wrong, "version.py: run make version"]))


def check_release(tag):
    check()
    version = workspace("version")[1]
    if tag != f"v{version}":
        sys.exit(f"version.py: the tag is {tag}, but Cargo.toml says {version}; run make version V={tag[1:]}")
    if not section(version):
        sys.exit(f"version.py: CHANGELOG.md says nothing about {version}; run make version V={version}")
    if "/OWNER/" in workspace("repository")[1]:
        sys.exit("version.py: OWNER is a placeholder; write the repository into Cargo.toml, and run make version")


def main(arguments):
    # Scripts read what it prints, on Windows too.
    sys.stdout.reconfigure(newline="\n")
    match arguments:
        case ["--check"]:
            check()
        case ["--release", tag]:
            check_release(tag)
        case ["--notes"]:
            print(section(workspace("version")[1]) or "")
        case ["--print"]:
            print(workspace("version")[1])
        case [version] if not version.startswith("-"):
            set_version(version)
            update()
        case []:
            update()
        case _:
            sys.exit(__doc__.strip())


main(sys.argv[1:])
