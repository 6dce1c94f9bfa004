import random

import numpy as np
import pytest

from crossrank_training import files, odd_texts, queries
from crossrank_training.lists import LIMITS, Lists
from crossrank_training.pairs import batches_of, join, load_tokenizer


@pytest.fixture
def lists(toy) -> Lists:
    return Lists([toy / "data"], load_tokenizer(toy / "tokenizer.json"), 1)


def test_a_position_always_has_the_same_list(toy, lists):
    again = Lists([toy / "data"], lists.tokenizer, 1)
    for position in (30, 3, 17):
        one, two = lists.at(position), again.at(position)
        assert one.pairs == two.pairs
        assert np.array_equal(one.target, two.target)


def test_a_pass_holds_every_list_once_and_varies_it(lists):
    first = [lists.at(position).pairs for position in range(12)]
    second = [lists.at(position).pairs for position in range(12, 24)]
    assert sorted(lists._order[1]) == list(range(12))
    assert sum(pairs in first for pairs in second) < 6


def test_lists_are_whole_and_within_their_limits(lists):
    for position in range(100):
        each = lists.at(position)
        assert len(each.pairs) == len(each.target) == len(each.label) >= 5
        assert max(len(ids) for ids, _ in each.pairs) <= LIMITS[-1]
        assert all(len(ids) == len(types) for ids, types in each.pairs)
        assert each.target.min() > -8 and 0 <= each.label.min() and each.label.max() <= 1


def test_a_lengthened_passage_keeps_its_own_tokens(lists):
    for seed in range(50):
        rng = random.Random(seed)
        id = rng.randrange(30)
        own = lists.passages[id].tolist()
        tokens = lists._lengthen(id, [id], LIMITS[-1], rng)
        assert any(tokens[at : at + len(own)] == own for at in range(len(tokens) - len(own) + 1))


def test_passages_of_the_development_sets_are_refused(toy, lists):
    record = {"query": "x", "passages": [31, 1], "target": [0, -1], "label": [1, 0]}
    files.write_lines(toy / "data" / "lists.jsonl.gz", [record])
    with pytest.raises(ValueError, match="development"):
        Lists([toy / "data"], lists.tokenizer, 1)


def test_pairs_are_cut_and_batched():
    ids, types = join(list(range(200)), list(range(1000, 1600)), 512)
    assert len(ids) == len(types) == 512
    assert ids[:2] == [101, 0] and ids[97] == ids[-1] == 102
    assert types[:98] == [0] * 98 and set(types[98:]) == {1}
    pairs = [([0] * length, []) for length in (5, 100, 7, 95, 90)]
    assert batches_of(pairs, 200) == [[0, 2], [4, 3], [1]]


def test_queries_vary_and_stay_queries():
    rng = random.Random(1)
    variants = {queries.vary("How do I install Rust on Windows?", rng) for _ in range(200)}
    assert {"How do I install Rust on Windows?", "how do i install rust on windows", "install rust windows"} <= variants
    assert all(variant.strip() for variant in variants)
    assert queries.vary("?", random.Random(3))


def test_odd_texts_are_of_all_kinds():
    rng = random.Random(2)
    texts = [odd_texts.odd_text("install rust windows", rng) for _ in range(500)]
    assert {"", "|---|---|---|"} & {text for text, _ in texts}
    assert any("```" in text for text, _ in texts)
    hard = [text.lower() for text, hard in texts if hard]
    assert len(hard) > 60 and all("rust" in text for text in hard)
