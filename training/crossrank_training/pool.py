"""Web-like passages and queries: documentation and government pages that people may copy and change."""

import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import files
from .markdown import Section, page_sections, pieces


@dataclass(frozen=True)
class Source:
    """Folders of Markdown in a repository at a commit, and the licence of their text."""

    repository: str
    commit: str
    folders: str
    licence: str
    max_passages: int


SOURCES = {
    "react": Source(
        "reactjs/react.dev", "12d692da47e77cdc558b928fcfbaf4e71c6d0cec",
        r"src/content/(learn|reference|blog|community)/", "CC BY 4.0", 3000,
    ),
    "powershell": Source(
        "MicrosoftDocs/PowerShell-Docs", "27138b21b41de3e2b43cfcac4a56861ca419d5eb",
        r"reference/(7\.4|docs-conceptual)/", "CC BY 4.0", 6000,
    ),
    "wsl": Source(
        "MicrosoftDocs/WSL", "8842def77a852af26318b9ebec78063a94b068ed", r"WSL/", "CC BY 4.0", 1000,
    ),
    "tldr": Source(
        "tldr-pages/tldr", "08e345f42639f67d99282813247ac670dc6e87cb", r"pages/", "CC BY 4.0", 2500,
    ),
    "digitalgov": Source(
        "GSA/digitalgov.gov", "4979583206d90ff1707b097454a9b169ca9e95e4",
        r"content/(news|resources|guides|services|topics)/", "CC0 1.0", 9000,
    ),
}

# Headings that say nothing of what stands below them.
EMPTY_HEADINGS = re.compile(
    r"(example \d*|examples?|notes?|description|syntax|parameters?|inputs?|outputs?|related links|see also|synopsis|"
    r"usage|reference|caveats|contact|summary|next steps|overview|introduction|prerequisites|remarks|recap)\W*$", re.I
)
IMPERATIVE = re.compile(
    r"(add|allow|avoid|build|call|change|check|choose|clean|clear|close|compare|configure|connect|convert|copy|create|"
    r"debug|delete|deploy|disable|display|edit|enable|export|extract|filter|find|fix|format|get|import|install|list|"
    r"load|make|manage|measure|merge|mount|move|open|optimize|organize|pass|plan|print|read|remove|rename|render|"
    r"replace|reset|resolve|run|save|search|select|send|set|show|sort|split|start|stop|store|switch|test|track|turn|"
    r"uninstall|update|upgrade|use|verify|view|write)\b", re.I
)


def pages(mirror: Path, source: Source) -> list[str]:
    """The Markdown files of a source, in the order of their paths. `mirror` holds clones named OWNER+NAME."""
    clone = mirror / source.repository.replace("/", "+")
    folder = next(f for f in (clone / "repo", clone / ".git", clone) if (f / "HEAD").exists())
    git = ["git", f"--git-dir={folder}"]
    listed = subprocess.run([*git, "ls-tree", "-r", source.commit], capture_output=True, text=True, check=True).stdout
    blobs = []
    for line in listed.splitlines():
        about, path = line.split("\t")
        if re.match(source.folders, path) and path.endswith((".md", ".mdx")):
            blobs.append(about.split()[2])
    asked = "".join(blob + "\n" for blob in blobs).encode()
    output = subprocess.run([*git, "cat-file", "--batch"], input=asked, capture_output=True, check=True).stdout
    texts, at = [], 0
    for _ in blobs:
        end = output.index(b"\n", at)
        size = int(output[at:end].split()[2])
        texts.append(output[end + 1 : end + 1 + size].decode("utf-8", "replace"))
        at = end + 2 + size
    return texts


def query_of(section: Section, rng: random.Random) -> str | None:
    """What someone who looks for a section might type."""
    heading = section.heading or section.title
    if EMPTY_HEADINGS.match(heading):
        return None
    heading = re.sub(r"^(example|step) \d+\s*[:.-]\s*|^\d+(\.\d+)*\.?\s+", "", heading, flags=re.I).rstrip(" .:")
    if not 2 <= len(heading.split()) <= 14:
        return None
    if IMPERATIVE.match(heading) and rng.random() < 0.7:
        heading = rng.choice(("how to {}", "how do I {}", "how can I {}?")).format(heading[0].lower() + heading[1:])
    if section.heading and len(section.title.split()) <= 5 and rng.random() < 0.5:
        return f"{section.title} {heading}" if rng.random() < 0.5 else f"{heading} {section.title}"
    return heading


def command_page(page: str) -> tuple[str, list[str]] | None:
    """A page on one command as a passage, and what its examples do as queries."""
    lines = [line for line in page.splitlines() if line.strip() and "More information:" not in line]
    if not lines or not lines[0].startswith("# "):
        return None
    name = lines[0][2:].strip()
    plain = re.compile(r"[\[\]{}|]")
    wishes = [plain.sub("", line[2:]).rstrip(":") for line in lines if line.startswith("- ")]
    body = " ".join(plain.sub("", line).strip("`> -") for line in lines[1:])
    return f"{name}: {body}", [f"{name} {wish[0].lower()}{wish[1:]}" for wish in wishes if len(wish.split()) > 2]


def build(mirror: Path, given: Path, folder: Path, seed: int = 3) -> None:
    """Writes the passages and queries of all sources. Queries of the given data and development sets stay out."""
    rng = random.Random(seed)
    passages: list[dict] = []
    queries: list[dict] = []
    known: set[str] = set()
    asked = {
        record["query"].lower()
        for path in (given / "data" / "queries.jsonl.gz", *(given / "dev").glob("*.jsonl.gz"))
        for record in files.read_lines(path)
    }

    def add_passage(name: str, text: str) -> int | None:
        if text in known:
            return None
        known.add(text)
        passages.append({"id": len(passages), "source": name, "text": text})
        return len(passages) - 1

    def add_query(name: str, query: str | None, answers: list[int]) -> None:
        if query and query.lower() not in asked:
            asked.add(query.lower())
            queries.append({"source": name, "query": query, "passages": answers})

    for name, source in SOURCES.items():
        first = len(passages)
        texts = pages(mirror, source)
        rng.shuffle(texts)
        for text in texts:
            if len(passages) - first >= source.max_passages:
                break
            if name == "tldr":
                command = command_page(text)
                id = add_passage(name, command[0]) if command else None
                if id is not None:
                    for query in rng.sample(command[1], min(2, len(command[1]))):
                        add_query(name, query, [id])
                continue
            for section in page_sections(text):
                ids = [id for piece in pieces(section, rng) if (id := add_passage(name, piece)) is not None]
                if ids:
                    add_query(name, query_of(section, rng), ids[:1])
        print(f"{name}: {len(passages) - first} passages ({source.licence})", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_lines(folder / "passages.jsonl.gz", passages)
    files.write_lines(folder / "queries.jsonl.gz", queries)
    print(f"{len(passages)} passages, {len(queries)} queries", flush=True)
