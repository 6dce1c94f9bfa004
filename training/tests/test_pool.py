import random

from crossrank_training import markdown, pool, teach

PAGE = """---
title: "Widgets"
---
Intro [link](https://example.org) with `code` and enough words to be a passage of its own, surely more than twelve.

## Install a widget {/*install*/}

Run this command in a terminal, wait for it to end, and then look at what it has printed there:

```sh
widget install   # not a heading
```

### Notes

> [!NOTE]
> Widgets <b>can</b> be removed again by running the same command with another word in place of the first one.
"""


def test_pages_become_sections():
    intro, install, notes = markdown.page_sections(PAGE)
    assert (intro.title, intro.heading) == ("Widgets", "")
    assert intro.body.startswith("Intro link with code and enough")
    assert install.heading == "Install a widget"
    assert "widget install   # not a heading" in install.body and "```" not in install.body
    assert notes.body.startswith("Widgets can be removed")


def test_sections_become_passages_and_queries():
    rng = random.Random(1)
    intro, install, notes = markdown.page_sections(PAGE)
    (passage,) = markdown.pieces(install, rng)
    assert "widget install # not a heading" in passage
    asked = {pool.query_of(install, random.Random(seed)) for seed in range(40)}
    assert {"Install a widget", "how to install a widget", "how do I install a widget Widgets"} <= asked
    assert pool.query_of(notes, rng) is None


def test_command_pages_become_passages_and_queries():
    page = "# tar\n\n> Archiving.\n> More information: <x>.\n\n- E[x]tract a [f]ile from it:\n\n`tar xf {{path}}`\n"
    passage, wishes = pool.command_page(page)
    assert passage == "tar: Archiving. Extract a file from it: tar xf path"
    assert wishes == ["tar extract a file from it"]


def test_candidates_hold_an_answer_and_no_passage_twice():
    for seed in range(20):
        chosen = teach.candidates(list(range(60)), list(range(30, 100)), [3, 95], random.Random(seed))
        assert chosen[0] in (3, 95) and len(chosen) == 10
        assert len(set(chosen)) == 10 and len({3, 95} & set(chosen)) == 1


def test_queries_lose_the_marks_of_their_set():
    assert teach.plain("What is (are) gout ?") == "What is gout?"
