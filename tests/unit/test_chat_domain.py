"""Sides in addresses, conversations of several models, blind judgement, prompt lists, and who is disturbed. Pure."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain import prompt_lists, prompt_results
from backend.domain.chat import Sampling
from backend.domain.chat_place import Claim, device_of, judge, sentence
from backend.domain.chat_sides import BASE, Side, read_sides, written
from backend.domain.conversation import MAX_TURNS, Answer, Conversation, Failure, as_jsonl, as_markdown, fenced
from backend.domain.places import Need, Place, Places
from backend.domain.prompt_results import PromptResult, Tally, Vote, next_unvoted, shuffled, tally
from backend.domain.states import RunState, Wish
from config.catalog import prompt_sets
from tests.fakes.runs import a_run

TUNED, OTHER = Side("a-run"), Side("b-run", 40)
GOOD = Answer(text="yes", num_tokens=2, seconds=0.5, finish="eos")
FAILED = Answer(failure=Failure(id="x", what="w", why="y", fix="f", at="now"))


@given(st.builds(Side, st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True), st.none() | st.integers(1, 10**9)))
def test_a_side_is_read_as_it_was_written(side: Side) -> None:
    assert Side.parse(side.address) == side


@given(st.text(max_size=40))
def test_any_other_text_is_no_side(text: str) -> None:
    side = Side.parse(text)
    assert side is None or side.address == text


def test_the_address_says_who_sits_beside_and_keeps_its_limits() -> None:
    assert read_sides(TUNED, []) == ((Side(), TUNED), ())
    assert read_sides(TUNED, [], with_base=False) == ((TUNED,), ())
    assert read_sides(TUNED, ["none"]) == ((TUNED,), ())
    asked = [OTHER.address, BASE, OTHER.address, "![x](http://y)", "run:c", "run:d"]
    sides, refused = read_sides(TUNED, asked)
    assert sides == (Side(), TUNED, OTHER, Side("c"))
    assert refused == ("![x](http://y)", "run:d")
    assert read_sides(TUNED, written(TUNED, sides))[0] == sides
    assert written(TUNED, [TUNED]) == ["none"]


def talked() -> Conversation:
    conversation = Conversation(system="Be brief.").asked("one?", 1, {"base": "Base model"})
    conversation = conversation.answered("base", GOOD).answered("run:a", FAILED)
    return conversation.asked("two?", 1, {"run:a": "Mine"}).answered("run:a", GOOD)


def test_each_side_remembers_only_what_it_answered_itself() -> None:
    said = {side: [m.content for m in talked().messages(side, "three?")] for side in ("base", "run:a", "run:new")}
    assert said == {
        "base": ["Be brief.", "one?", "yes", "three?"],
        "run:a": ["Be brief.", "two?", "yes", "three?"],
        "run:new": ["Be brief.", "three?"],
    }


def test_a_conversation_is_bounded_and_its_newest_question_replaceable() -> None:
    conversation = Conversation()
    for number in range(MAX_TURNS + 3):
        conversation = conversation.asked(f"q{number}", 1, {}).answered("base", GOOD)
    assert len(conversation.turns) == MAX_TURNS
    assert conversation.without_last().turns[-1].question == f"q{MAX_TURNS + 1}"
    assert Conversation.model_validate_json(conversation.model_dump_json()) == conversation


def test_exports_hold_the_conversation_of_each_side_and_nothing_breaks_out_of_them() -> None:
    rows = [json.loads(line) for line in as_jsonl(talked()).splitlines()]
    assert [(row["side"], len(row["messages"])) for row in rows] == [("base", 3), ("run:a", 3)]
    hostile = "```\n![x](http://127.0.0.1:9/beacon)\n````"
    text = as_markdown(Conversation().asked(hostile, 1, {"base": "`B`\n# x"}).answered("base", GOOD))
    assert "`````text\n" + hostile + "\n`````" in text
    assert "\n# x" not in text


@given(st.text("`x\n", max_size=30))
def test_no_text_ends_its_own_fence(text: str) -> None:
    fence = fenced(text).split("text\n", 1)[0]
    assert fence not in text
    assert len(fence) >= 3


def result(votes: tuple[Vote, ...] = ()) -> PromptResult:
    made = PromptResult(
        id="r", name="set", at="now", sides=("base", "run:a"), titles={}, sampling=Sampling(), prompts=("1", "2", "3")
    )
    for row in range(2):
        made = made.answered(row, "base", GOOD).answered(row, "run:a", GOOD)
    return made.answered(2, "base", GOOD).answered(2, "run:a", FAILED).model_copy(update={"votes": votes})


def test_votes_count_for_the_side_whichever_place_it_had() -> None:
    made = result().voted(Vote(row=0, first="run:a", second="base", choice="first"))
    made = made.voted(Vote(row=1, first="base", second="run:a", choice="first"))
    assert tally(made, "base", "run:a") == Tally(1, 1, 0)
    made = made.voted(Vote(row=1, first="run:a", second="base", choice="first"))
    assert tally(made, "base", "run:a") == Tally(0, 2, 0), "a second vote for the same prompt replaces the first"
    assert tally(made, "run:a", "base") == Tally(2, 0, 0)


def test_only_what_both_answered_is_judged() -> None:
    assert next_unvoted(result(), "base", "run:a") == 0
    votes = tuple(Vote(row=row, first="base", second="run:a", choice="same") for row in (0, 1))
    assert next_unvoted(result(votes), "base", "run:a") is None


def test_the_order_is_by_chance_but_the_same_at_every_look() -> None:
    orders = {shuffled("r", row, "a", "b") for row in range(40)}
    assert orders == {("a", "b"), ("b", "a")}
    assert all(shuffled("r", row, "a", "b") == shuffled("r", row, "b", "a") for row in range(10))


@pytest.mark.parametrize(
    ("found", "chance"),
    [(Tally(3, 0, 5), 0.25), (Tally(0, 6, 0), 0.03125), (Tally(5, 5, 0), 1.0), (Tally(9, 1, 0), 0.021484375)],
)
def test_chance_is_that_of_the_sign_test(found: Tally, chance: float) -> None:
    """scipy.stats.binomtest(3, 3).pvalue == 0.25, and so on."""
    assert found.chance == pytest.approx(chance)
    assert ("too often" in found.sentence()) == (chance > 0.05)


def test_no_votes_claim_nothing() -> None:
    assert Tally(0, 0, 0).sentence() == "No votes yet."
    assert Tally(0, 0, 4).sentence() == "No preference in 4 votes."


def test_results_are_exported_whole() -> None:
    made = result((Vote(row=0, first="base", second="run:a", choice="same"),))
    rows = [json.loads(line) for line in prompt_results.as_jsonl(made).splitlines()]
    assert [row["prompt"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["votes"][0]["choice"] == "same"
    assert rows[2]["answers"]["run:a"]["failure"]["id"] == "x"
    assert "## Prompt 3" in prompt_results.as_markdown(made)


def test_prompts_are_read_from_lines_yaml_and_jsonl() -> None:
    assert prompt_lists.from_file("a.txt", b"one\n\n two \n") == ("one", "two")
    assert prompt_lists.from_file("a.yaml", b"- one\n- 'two: 2'\n") == ("one", "two: 2")
    assert prompt_lists.from_file("a.yml", b"prompts: [one]") == ("one",)
    assert prompt_lists.from_file("a.jsonl", b'"one"\n{"prompt": "two"}\n\n{"id": 1, "question": "three"}') == (
        "one",
        "two",
        "three",
    )


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.txt", b"\n \n", "no prompt"),
        ("a.txt", b"\xff\xfe", "UTF-8"),
        ("a.txt", b"x\n" * 501, "501"),
        ("a.txt", b"x" * 20_001, "20,000"),
        ("a.yaml", b"- 1\n", "no text"),
        ("a.yaml", b"x: 1\n", "no list"),
        ("a.yaml", b"a: &a [x]\nb: *a\n", "alias"),
        ("a.jsonl", b'{"prompt": 1}', "Line 1"),
        ("a.jsonl", b'"x"\n{', "Line 2"),
    ],
)
def test_what_is_no_list_of_prompts_is_refused_with_a_reason(name: str, data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        prompt_lists.from_file(name, data)


@pytest.mark.parametrize("path", prompt_sets().values(), ids=lambda path: path.stem)
def test_the_shipped_sets_can_be_read(path: Path) -> None:
    assert len(prompt_lists.from_yaml(path.read_text(encoding="utf-8"))) >= 5


GPU = Places((Place("gpu:0"), Place("gpu:1"), Place("cpu:0")), has_gpus=True)


def test_the_chat_takes_the_first_gpu_unless_told_otherwise() -> None:
    assert device_of("auto", GPU) == "gpu:0"
    assert device_of("cpu", GPU) == "cpu"
    assert device_of("auto", Places((Place("cpu:0"),))) == "cpu"


RUNNING = a_run("busy", name="Busy", state=RunState.RUNNING, slots=("gpu:0",))
WAITING = a_run("next", name="Next", state=RunState.QUEUED)
DISTURBED = [
    ("gpu:0", [RUNNING], {}, ["busy"]),
    ("gpu:1", [RUNNING], {}, []),
    ("cpu", [RUNNING], {}, []),
    ("cpu", [a_run("busy", state=RunState.RUNNING, slots=("cpu:1",))], {}, ["busy"]),
    ("gpu:0", [WAITING], {"next": Need("gpu")}, ["next"]),
    ("cpu", [WAITING], {"next": Need("gpu")}, []),
    ("cpu", [WAITING], {"next": Need("cpu")}, ["next"]),
    ("gpu:0", [a_run("p", state=RunState.PAUSED, wish=Wish.PAUSE, slots=("gpu:0",), keeps_slot=True)], {}, []),
    ("gpu:0", [a_run("p", state=RunState.FINISHED, wish=Wish.STOP, slots=())], {}, []),
]


@pytest.mark.parametrize(("device", "runs", "needs", "disturbed"), DISTURBED)
def test_a_model_disturbs_the_runs_of_its_device(device: str, runs: list, needs: dict, disturbed: list[str]) -> None:  # type: ignore[type-arg]
    verdict = judge(device, runs, needs)
    assert [claim.run_id for claim in verdict.claims] == disturbed
    assert verdict.asks == bool(disturbed)


def test_who_agreed_is_not_asked_again_until_another_run_comes() -> None:
    assert not judge("gpu:0", [RUNNING], {}, ["busy"]).asks
    assert judge("gpu:0", [RUNNING, WAITING], {"next": Need("gpu")}, ["busy"]).asks


def test_the_processor_is_offered_only_where_it_is_free() -> None:
    assert judge("gpu:0", [RUNNING], {}).offers_cpu
    on_cpu = a_run("cpu", state=RunState.RUNNING, slots=("cpu:0",))
    assert not judge("gpu:0", [RUNNING, on_cpu], {}).offers_cpu
    assert not judge("cpu", [on_cpu], {}).offers_cpu


def test_the_sentence_names_who_trains_and_who_waits() -> None:
    both = judge("gpu:0", [RUNNING, WAITING], {"next": Need("gpu")})
    assert both.claims == (Claim("busy", "Busy", is_training=True), Claim("next", "Next", is_training=False))
    assert sentence(both) == "Busy trains on gpu:0 now. Next waits for a turn there."
    assert sentence(judge("cpu", [WAITING], {"next": Need("cpu")})) == "Next waits to train on the processor."
    assert sentence(judge("cpu", [], {})) == ""
