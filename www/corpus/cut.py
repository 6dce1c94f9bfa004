"""Cuts Rust's documentation into passages: `python3 cut.py [HTML FOLDER] > rust.json`.

The folder is that of `rustup component add rust-docs`. Read are the book without its projects, the
chapters of the reference that most readers want, the modules and types of std below, and the methods
of a few types. Code blocks, tables and captions are left out. A passage is as many whole paragraphs
of a section as fit in LENGTH characters.
"""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

LENGTH = 560
# A paragraph over this is split between sentences.
MAX_LENGTH = 760
MIN_LENGTH = 70

BOOKS = {"book": "The book", "reference": "The reference"}
# Walks through code that is not here, translations, and what few look up.
LEFT_OUT = re.compile(
    r"ch(00|02|12|21)-|appendix-0[0567]|test-summary|grammar|syntax-index|inline-assembly|attributes/|procedural"
    r"|macro-ambiguity|tokens|linkage|abi|input-format|whitespace|crates-and-source|notation|introduction"
    r"|influences|glossary|type-layout|const_eval|runtime|conditional|paths|identifiers|use-decl|extern"
    r"|dynamically|parameters|special-types|namespaces|macros-by-example|visibility|name-resolution"
    r"|literal-expr|attributes|behavior-not|preludes"
)
MODULES = """alloc any array ascii borrow boxed cell char clone cmp collections convert default env
error f64 ffi fmt fs future hash hint io iter keyword.async keyword.const keyword.dyn keyword.impl
keyword.loop keyword.match keyword.move keyword.mut keyword.ref keyword.static keyword.unsafe
keyword.use keyword.where marker mem net num ops option panic path primitive.array
primitive.bool primitive.char primitive.never
primitive.reference primitive.slice primitive.str primitive.tuple primitive.unit prelude process
rc result slice str string sync sync/atomic sync/mpsc task thread time vec""".split()
ITEMS = """any/trait.Any borrow/enum.Cow borrow/trait.Borrow boxed/struct.Box cell/struct.Cell
cell/struct.OnceCell cell/struct.RefCell clone/trait.Clone cmp/trait.Ord cmp/trait.PartialEq
collections/struct.BTreeMap collections/struct.BinaryHeap collections/struct.HashMap
collections/struct.HashSet collections/struct.VecDeque convert/trait.From convert/trait.Into
default/trait.Default env/fn.args env/fn.var error/trait.Error ffi/struct.OsString fmt/trait.Debug
fmt/trait.Display fs/fn.read_to_string fs/struct.File fs/struct.OpenOptions future/trait.Future
hash/trait.Hash io/struct.BufReader io/struct.BufWriter io/struct.Error io/trait.BufRead
io/trait.Read io/trait.Seek io/trait.Write iter/trait.FromIterator iter/trait.Iterator
macro.assert macro.dbg macro.format macro.panic macro.println macro.todo macro.vec
marker/struct.PhantomData marker/trait.Copy marker/trait.Send marker/trait.Sized marker/trait.Sync
mem/fn.drop mem/fn.replace mem/fn.swap mem/fn.take
net/struct.TcpListener net/struct.TcpStream net/struct.UdpSocket ops/trait.Deref ops/trait.Drop
ops/trait.Fn ops/trait.FnOnce ops/trait.Index option/enum.Option path/struct.Path
path/struct.PathBuf process/struct.Command ptr/struct.NonNull rc/struct.Rc
rc/struct.Weak result/enum.Result str/trait.FromStr string/struct.String string/trait.ToString
sync/atomic/enum.Ordering sync/atomic/struct.AtomicUsize sync/mpsc/fn.channel sync/struct.Arc
sync/struct.Barrier sync/struct.Condvar sync/struct.LazyLock sync/struct.Mutex sync/struct.Once
sync/struct.OnceLock sync/struct.RwLock thread/fn.scope thread/fn.sleep thread/fn.spawn
thread/struct.JoinHandle thread/struct.LocalKey time/struct.Duration time/struct.Instant
time/struct.SystemTime vec/struct.Vec""".split()

# Summaries of chapters, methods for allocators of one's own and for unsafe code.
RARE = re.compile(r"^summary$|_in$|unchecked|raw_parts|_as_ptr|as_mut_ptr|allocator|disjoint|_simd")
METHODS = """option/enum.Option result/enum.Result string/struct.String vec/struct.Vec iter/trait.Iterator
collections/struct.HashMap primitive.str""".split()

VOID = {"br", "hr", "img", "input", "link", "meta", "wbr", "col"}
SKIPPED = {"pre", "table", "script", "style", "svg", "button", "nav", "rustdoc-toolbar", "sup", "figure"}
SKIPPED_CLASSES = {
    "code-header", "example-wrap", "file-name", "filename", "footnote-definition", "grammar-container",
    "grammar-railroad", "hideme", "item-info", "item-table", "rightside", "rule", "rustdoc-breadcrumbs",
    "since", "src", "stab", "sub-heading",
}
BLOCKS = {"p", "li", "dd", "dt", "div", "section", "blockquote", "ul", "ol", "details", "summary"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5"}
# Where a page of std goes on with what others document.
AFTER = ("deref-methods", "trait-implementations", "implementors", "foreign-impls",
         "synthetic-implementations", "blanket-implementations")
MEMBERS = ("implementations", "required-methods", "provided-methods", "required-associated")


class Page(HTMLParser):
    """A page's title, and its blocks of text under their sections: (heading, anchor, text)."""

    def __init__(self, ends):
        super().__init__()
        self.ends = ends
        self.title = ""
        self.blocks = []
        self.section = ("", "")
        self.open = []
        self.skipping = 0
        self.inside = False
        self.heading = None
        self.text = []

    def handle_starttag(self, tag, attributes):
        if tag in VOID:
            return
        attributes = dict(attributes)
        classes = set((attributes.get("class") or "").split())
        id = attributes.get("id") or ""
        if tag == "main":
            self.inside = True
        if id and id.startswith(self.ends):
            self.end_block()
            self.inside = False
        skipped = tag in SKIPPED or bool(classes & SKIPPED_CLASSES)
        self.open.append((tag, skipped))
        self.skipping += skipped
        if self.skipping or not self.inside:
            return
        if tag in BLOCKS or tag in HEADINGS:
            self.end_block()
        method = re.match(r"(?:ty)?method\.(\w+)$", id)
        if tag == "section" and method:
            self.section = (method[1], id)
        elif tag in HEADINGS and (id or not self.title):
            self.heading = id

    def handle_endtag(self, tag):
        if tag in VOID or not any(name == tag for name, _ in self.open):
            return
        while True:
            name, skipped = self.open.pop()
            self.skipping -= skipped
            if name == tag:
                break
        if tag == "main":
            self.end_block()
            self.inside = False
        if self.skipping or not self.inside:
            return
        if tag in HEADINGS:
            self.end_heading()
        elif tag in BLOCKS:
            self.end_block()

    def handle_data(self, data):
        if self.inside and not self.skipping:
            self.text.append(data)

    def taken(self):
        text = " ".join("".join(self.text).replace("§", "").split()).replace("Basic usage:", "").strip()
        self.text = []
        return text

    def end_heading(self):
        # "Examples" and "Panics" of a method belong to it.
        anchor, self.heading = self.heading, None
        text = self.taken()
        if anchor is None or self.section[1].startswith(("method.", "tymethod.")):
            return
        if not self.title:
            self.title = text
        else:
            self.section = (text, anchor)

    def end_block(self):
        if self.heading is None and (text := self.taken()) and re.search(r"[.:?!)]", text):
            self.blocks.append((*self.section, text))


def parts(text):
    """A text over MAX_LENGTH, split between sentences into pieces of about LENGTH."""
    if len(text) <= MAX_LENGTH:
        return [text]
    pieces = [""]
    for sentence in re.split(r"(?<=[.?!:]) (?=[A-Z])", text):
        if pieces[-1] and len(pieces[-1]) + len(sentence) > LENGTH:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {sentence}".strip()
    return pieces


def sections(page):
    """[{heading, anchor, passages}]: paragraphs of a section together, as many as fit."""
    found = []
    for heading, anchor, text in page.blocks:
        if not found or found[-1]["anchor"] != anchor:
            found.append({"heading": heading, "anchor": anchor, "passages": []})
        passages = found[-1]["passages"]
        for piece in parts(text):
            if passages and (len(passages[-1]) + len(piece) < LENGTH or len(piece) < MIN_LENGTH):
                passages[-1] += " " + piece
            else:
                passages.append(piece)
    for section in found:
        section["passages"] = [text for text in section["passages"] if len(text) >= MIN_LENGTH]
    return [section for section in found if section["passages"] and not RARE.search(section["anchor"])]


def pages(root):
    """(source, path) of all that is read, in order."""
    for book, name in BOOKS.items():
        for path in re.findall(r'href="([\w./-]+\.html)"', (root / book / "toc.html").read_text("utf-8")):
            if not LEFT_OUT.search(path):
                yield name, f"{book}/{path}"
    for name in MODULES:
        single = name.startswith(("keyword.", "primitive."))
        yield "std", f"std/{name}.html" if single else f"std/{name}/index.html"
    for name in ITEMS:
        yield "std", f"std/{name}.html"


def ends_of(source, path):
    if source != "std":
        return ()
    return AFTER if path.removeprefix("std/").removesuffix(".html") in METHODS else (*AFTER, *MEMBERS)


def title_of(source, path, page):
    if source != "std":
        return page.title
    *modules, name = path.removesuffix(".html").removesuffix("/index").split("/")
    kind, _, name = name.rpartition(".")
    if kind in ("keyword", "primitive"):
        return f"{name} ({kind})"
    return "::".join([*modules, name])


def main():
    toolchain = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True)
    root = Path(sys.argv[1] if len(sys.argv) > 1 else f"{toolchain.stdout.strip()}/share/doc/rust/html")
    version = re.search(r'class="version">([\d.]+)<', (root / "std/index.html").read_text("utf-8"))[1]
    found, seen = [], set()
    for source, path in pages(root):
        page = Page(ends=ends_of(source, path))
        page.feed((root / path).read_text("utf-8"))
        # The reference and the book repeat themselves here and there: a text is taken once.
        read = sections(page)
        for section in read:
            section["passages"] = [text for text in section["passages"] if not (text in seen or seen.add(text))]
        read = [section for section in read if section["passages"]]
        if read:
            found.append({"source": source, "title": title_of(source, path, page), "path": path, "sections": read})
    corpus = {
        "about": f"Passages of the documentation of Rust {version}, cut by www/corpus/cut.py; see NOTICE.md.",
        "notice": "Copyright The Rust Project Developers (https://thanks.rust-lang.org). "
        "Licensed under Apache-2.0 or MIT, at your option.",
        "base": f"https://doc.rust-lang.org/{version}/",
        "pages": found,
    }
    json.dump(corpus, sys.stdout, ensure_ascii=False, indent=0)
    print()
    count = sum(len(section["passages"]) for page in found for section in page["sections"])
    print(f"{len(found)} pages, {count} passages", file=sys.stderr)


main()
