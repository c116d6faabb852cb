"""The demo's dataset and corpus: made by the script, deterministic, and silent about what the demo asks."""

import runpy
import subprocess
import sys
from itertools import islice
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.loading import load
from backend.trainer.demo_corpus import ANSWERS, QUESTIONS, STATEMENTS, demo_rows, pages, vocabulary_text
from config.catalog import SAMPLES, preset_path
from config.demo import DEMO_EXPECTED, DEMO_QUESTION, HELD_OUT_ISLANDS, demo_islands
from config.yaml_files import read_yaml

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_shipped_file_is_what_the_script_makes() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "make_demo_data.py"))["text"]()
    assert (SAMPLES / "demo.jsonl").read_text(encoding="utf-8") == made


def test_the_demo_has_between_100_and_200_different_rows() -> None:
    dataset = load(DatasetChoice.model_validate(read_yaml(preset_path("demo"))["dataset"]), Path(), seed=42)
    assert 100 <= dataset.num_rows <= 200
    assert len({*dataset.train, *dataset.validation}) == dataset.num_rows
    assert len(dataset.validation) >= 20


def test_held_out_islands_never_occur_in_the_rows_but_in_the_corpus() -> None:
    rows, corpus = (SAMPLES / "demo.jsonl").read_text(encoding="utf-8"), " ".join(islice(pages(1), 100))
    for name in HELD_OUT_ISLANDS:
        assert name not in rows
        assert name in corpus
    assert DEMO_EXPECTED not in rows


def test_the_question_of_the_demo_is_about_a_held_out_island_and_has_one_answer() -> None:
    asked = [island for island in demo_islands() if island.name in DEMO_QUESTION]
    assert [island.name in HELD_OUT_ISLANDS for island in asked] == [True]
    assert DEMO_QUESTION in [question.format(island=asked[0].name) for question in QUESTIONS["keeper"]]
    assert asked[0].keeper == DEMO_EXPECTED


def test_there_are_forty_islands_with_six_facts_each_and_keepers_of_their_own() -> None:
    islands = demo_islands()
    assert len({island.name for island in islands}) == len(islands) == 40
    assert len({island.keeper for island in islands}) == len({island.harbour for island in islands}) == 40
    assert set(STATEMENTS) == set(QUESTIONS) == set(ANSWERS)
    assert all(getattr(island, fact).strip() for island in islands for fact in STATEMENTS)


def test_every_fact_is_stated_in_every_wording() -> None:
    island, corpus = demo_islands()[0], " ".join(islice(pages(3), 20_000))
    for fact, wordings in STATEMENTS.items():
        for wording in wordings:
            assert wording.format(island=island.name, value=getattr(island, fact)) in corpus


def test_no_page_speaks_in_the_voice_of_the_answers() -> None:
    corpus = " ".join(islice(pages(3), 5_000))
    for answer in ANSWERS.values():
        opening, _, rest = answer.partition("! ")
        assert f"{opening}! {rest.partition('{')[0]}" not in corpus


def test_equal_seeds_give_equal_text_and_other_seeds_other_text() -> None:
    assert list(islice(pages(5), 50)) == list(islice(pages(5), 50))
    assert list(islice(pages(5), 50)) != list(islice(pages(6), 50))
    assert list(vocabulary_text(5)) == list(vocabulary_text(5))
    assert demo_rows(1) != demo_rows(2)


def test_neither_the_corpus_nor_the_search_for_a_built_model_needs_torch() -> None:
    program = "import sys, backend.trainer.demo_corpus, backend.trainer.demo_model; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.strip() == "False"
