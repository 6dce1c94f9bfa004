"""Pages in Markdown as sections, and sections as passages."""

import html
import random
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """Part of a page below one heading, which is empty where the page begins without one."""

    title: str
    heading: str
    body: str


def page_sections(page: str) -> list[Section]:
    """The sections of a page, without front matter and markup that readers do not see."""
    title = ""
    front = re.match(r"\ufeff?---\s*\n(.*?)\n---\s*\n", page, re.S)
    if front:
        page = page[front.end() :]
        named = re.search(r"^title:\s*(.+)$", front[1], re.M)
        title = _inline(named[1].strip("\"' ")) if named else ""
    sections, heading, lines, fenced = [], "", [], False
    for line in [*page.splitlines(), "# "]:
        fenced ^= line.lstrip().startswith("```")
        mark = None if fenced else re.match(r"(#{1,4})\s+(.*)|#\s*$", line)
        if not mark:
            lines.append(line)
            continue
        body = _visible("\n".join(lines))
        if body:
            sections.append(Section(title, heading, body))
        heading, lines = _inline(mark[2] or "").strip(" #"), []
        if mark[1] == "#":
            title, heading = heading or title, ""
    return sections


def _inline(text: str) -> str:
    text = re.sub(r"\{/\*.*?\*/\}|\{\{<?.*?>?\}\}|\{:.*?\}", "", text)
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)|!\[([^\]]*)\]\[[^\]]*\]", "", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)|\[([^\]]+)\]\[[^\]]*\]", lambda link: link[1] or link[2], text)
    text = re.sub(r"<https?://[^>]+>", "", text)
    text = re.sub(r"</?[A-Za-z][^>]*>", "", text)
    return html.unescape(re.sub(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1", r"\2", text)).strip()


def _visible(body: str) -> str:
    """The text of a section. Code stays, since real lists contain it."""
    kept, fenced = [], False
    for line in body.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        if fenced:
            kept.append(line)
        elif not re.match(r"\s*(import |export |\[[^\]]+\]: |<!--|:::)", line):
            kept.append(re.sub(r"^\s*>\s?(\[!\w+\])?", "", _inline(line) if line.strip() else ""))
    return re.sub(r"\n{2,}", "\n\n", "\n".join(kept)).strip()


def pieces(section: Section, rng: random.Random) -> list[str]:
    """Passages of about 30 to 200 words, some of which say where they stand."""
    wanted = rng.choice((40, 70, 70, 110, 180))
    passages: list[list[str]] = [[]]
    for paragraph in section.body.split("\n\n"):
        words = paragraph.split()[:240]
        if passages[-1] and len(passages[-1]) + len(words) > 1.4 * wanted:
            passages.append([])
        passages[-1] += words
    if len(passages) > 1 and len(passages[-1]) < 15:
        last = passages.pop()
        passages[-1] += last
    place = section.title if not section.heading else rng.choice(
        (section.heading, f"{section.title}: {section.heading}", f"{section.title} - {section.heading}")
    )
    texts = []
    for passage in passages:
        text = " ".join(passage)
        letters = sum(c.isalpha() or c == " " for c in text)
        if len(passage) >= 12 and letters >= 0.7 * len(text):
            texts.append(f"{place}. {text}" if place and rng.random() < 0.4 else text)
    return texts
