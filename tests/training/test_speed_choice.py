"""The levers that "auto" pulls, and the reasons it gives."""

from dataclasses import replace

import pytest

from backend.domain.speed import Speed
from backend.trainer.engine.settle import CPU_TOKENS, Facts, settle
from backend.trainer.errors import SpeedUnsuitable

FACTS = Facts(device="cpu", rows_per_micro_batch=4, longest=512, mean=128.0, lora_layers=56)


def test_by_default_everything_that_works_is_used_and_each_lever_has_its_reason() -> None:
    chosen = settle(Speed(), FACTS)

    assert (chosen.is_flat, chosen.is_learned, chosen.is_lean) == (True, True, True)
    assert (chosen.is_liger, chosen.order) == (False, "shuffled")
    assert chosen.budget == CPU_TOKENS
    assert len(chosen.reasons) == 6
    assert "75%" in chosen.reasons[0]


def test_what_the_model_does_not_do_is_not_used_and_the_reason_says_why() -> None:
    facts = replace(FACTS, no_flat="rows see one another", no_learned="a head of its own", lora_layers=0)
    chosen = settle(Speed(), facts)

    assert (chosen.is_flat, chosen.is_learned, chosen.is_lean) == (False, False, False)
    assert "batches padded: rows see one another" in chosen.reasons
    assert "logits all: a head of its own" in chosen.reasons


def test_what_is_asked_for_by_name_is_done_or_refused() -> None:
    asked = Speed(batches="padded", logits="all", layers="library", order="grouped", micro_batch_tokens=99)
    chosen = settle(asked, FACTS)
    assert (chosen.is_flat, chosen.is_learned, chosen.is_lean, chosen.order) == (False, False, False, "grouped")
    assert chosen.budget == 99

    facts = replace(FACTS, own_forward="the method adds virtual tokens to each row")
    for refused in (Speed(batches="flat"), Speed(logits="learned"), Speed(liger="on")):
        with pytest.raises(SpeedUnsuitable):
            settle(refused, facts)


def test_a_gpu_gets_room_for_the_longest_rows_and_half_the_rows_half_the_room() -> None:
    facts = replace(FACTS, device="cuda", has_liger=True)

    assert settle(Speed(), facts).budget == 4 * 512
    assert settle(Speed(), replace(facts, rows_per_micro_batch=2)).budget == 2 * 512
    assert settle(Speed(), facts).is_liger


def test_where_weights_are_shared_out_the_library_computes_in_step_for_all_processes() -> None:
    chosen = settle(Speed(), replace(FACTS, is_shared_out=True))

    assert (chosen.is_flat, chosen.is_learned, chosen.is_lean) == (False, False, False)
    assert chosen.rows_at_once == FACTS.rows_per_micro_batch
    assert sum("share" in reason for reason in chosen.reasons) == 3
