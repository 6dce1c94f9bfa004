"""Texts of ten languages: the descriptions of Debian's packages, in English and translated.

apt downloads them into FOLDER/apt: nothing else of the system is read or changed.
"""

import pathlib
import re
import subprocess

# English has no translations: its descriptions are in Translation-en like those of the others.
LANGUAGES = ["en", "de", "fr", "es", "it", "pt", "ru", "uk", "ja", "ko"]
# apt's names of translations, where there are several or other ones.
NAMES = {"pt": ["pt", "pt_BR"]}
MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def download(folder):
    """Downloads the translations. Returns the folder that holds them."""
    root = (folder / "apt").resolve()
    lists = root / "lists"
    if not list(lists.glob("*Translation-*")):
        for part in ["lists/partial", "cache/archives/partial"]:
            (root / part).mkdir(parents=True, exist_ok=True)
        (root / "debian.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n")
        names = [name for language in LANGUAGES for name in NAMES.get(language, [language])]
        options = {"Dir::State::lists": lists, "Dir::Cache": root / "cache", "Dir::Etc::sourcelist": root / "debian.list",
                   "Dir::Etc::sourceparts": "-", "Acquire::Languages": ",".join(names)}
        subprocess.run(["apt-get", "update", *(f"-o{name}={value}" for name, value in options.items())], check=True)
    return lists


def paragraphs(path):
    """The paragraphs of a file's descriptions, and its titles."""
    text = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], check=True, capture_output=True, text=True).stdout
    for entry in text.split("\n\n"):
        body = re.split(r"^Description-(?!md5)\w+: ", entry, flags=re.M)
        if len(body) == 2:
            title, _, description = body[1].partition("\n")
            yield title
            for paragraph in re.split(r"^ \.$", description, flags=re.M):
                if paragraph := " ".join(paragraph.split()):
                    yield paragraph


def texts(folder, characters):
    """Different texts of each language, of so many characters at most in all."""
    lists = download(folder)
    found = {}
    for language in LANGUAGES:
        seen, size = {}, 0
        for name in NAMES.get(language, [language]):
            for path in sorted(lists.glob(f"*_Translation-{name.replace('_', '%5f')}*")):
                for paragraph in paragraphs(path):
                    if size >= characters:
                        break
                    if paragraph not in seen:
                        seen[paragraph] = None
                        size += len(paragraph)
        found[language] = list(seen)
    return found
