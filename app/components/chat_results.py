"""What models answered to a set of prompts: a table, and judging two of them without knowing which is which."""

import re
from collections.abc import Callable

import pyarrow as pa
import streamlit as st

from app.components.chat_answer import draw_said
from app.components.markdown_escape import escape
from app.session import show_in_widget, widget_value
from backend.domain.conversation import Answer
from backend.domain.prompt_results import Choice, PromptResult, Vote, next_unvoted, shuffled, tally

TABLE_PIXELS, LINE_PIXELS, MOST_ROWS_WHOLE = 480, 90, 4
_PAIR = "chat-blind-pair"
_ID = re.compile(r"(?P<day>\d{8})-(?P<time>\d{6})-(?P<name>.+)-[0-9a-f]{4}", re.ASCII)


def result_title(result_id: str) -> str:
    """A result as people know it: the set and when it was put to the models."""
    found = _ID.fullmatch(result_id)
    if found is None:
        return result_id
    day, time = found["day"], found["time"]
    return f"{found['name']}, {day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"


def results_table(result: PromptResult) -> None:
    """A row per prompt, a column per side."""
    columns: dict[str, list[str]] = {"prompt": list(result.prompts)}
    for place, side in enumerate(result.sides):
        columns[str(place)] = [_cell(result, row, side) for row in range(len(result.prompts))]
    config = {"prompt": st.column_config.TextColumn("Prompt", width="medium")}
    for place, side in enumerate(result.sides):
        config[str(place)] = st.column_config.TextColumn(result.titles.get(side, side), width="medium")
    st.dataframe(
        pa.table(columns),
        hide_index=True,
        column_config=config,
        row_height=LINE_PIXELS,
        height="auto" if len(result.prompts) <= MOST_ROWS_WHOLE else TABLE_PIXELS,
        alt=f"{len(result.prompts)} prompts and the answers of {len(result.sides)} sides",
    )


def speeds(result: PromptResult) -> list[str]:
    """Measured figures, a sentence per side."""
    lines = []
    for side in result.sides:
        answers = [row[side] for row in result.answers if side in row]
        good = [answer for answer in answers if answer.is_usable]
        seconds, tokens = sum(answer.seconds for answer in good), sum(answer.num_tokens for answer in good)
        line = f"{result.titles.get(side, side)}: {len(good):,} answers"
        if len(answers) > len(good):
            line += f", {len(answers) - len(good):,} failed"
        if seconds > 0:
            line += f", {tokens / max(1, len(good)):,.0f} tokens each, {tokens / seconds:,.1f} tokens per second"
        lines.append(line + ".")
    return lines


def judge_blind(result: PromptResult, vote: Callable[[Vote], None]) -> None:
    """Two answers in an order that nobody knows; then how often each was preferred, of how many."""
    if len(result.sides) < 2:  # noqa: PLR2004 - two are compared
        st.caption("With two sides or more you can judge their answers here without knowing whose they are.")
        return
    a, b = _pair(result)
    row = next_unvoted(result, a, b)
    if row is not None:
        _choice(result, row, shuffled(result.id, row, a, b), vote)
    else:
        st.caption("Every prompt that both have answered is judged.")
    if row is None or st.toggle("Show the counts so far", key="chat-blind-counts"):
        _counts(result, a, b)


def _pair(result: PromptResult) -> tuple[str, str]:
    pairs = [(a, b) for i, a in enumerate(result.sides) for b in result.sides[i + 1 :]]
    if len(pairs) == 1:
        return pairs[0]
    if widget_value(_PAIR) not in range(len(pairs)):
        show_in_widget(_PAIR, 0)
    chosen = st.selectbox(
        "Compare",
        range(len(pairs)),
        key=_PAIR,
        format_func=lambda place: " and ".join(result.titles.get(side, side) for side in pairs[place]),
    )
    return pairs[chosen]


def _choice(result: PromptResult, row: int, order: tuple[str, str], vote: Callable[[Vote], None]) -> None:
    st.caption(f"Prompt {row + 1} of {len(result.prompts)}. The order is by chance for each prompt.")
    st.text(result.prompts[row])
    choices: tuple[tuple[str, Choice], ...] = (("Left is better", "first"), ("Right is better", "second"))
    for side, (label, choice), name, column in zip(order, choices, ("Left", "Right"), st.columns(2), strict=True):
        with column, st.container(border=True):
            st.markdown(f"**{name}**")
            draw_said(st.container(), result.answers[row][side].text)
            _vote_button(label, Vote(row=row, first=order[0], second=order[1], choice=choice), vote)
    _vote_button("No difference", Vote(row=row, first=order[0], second=order[1], choice="same"), vote)


def _vote_button(label: str, made: Vote, vote: Callable[[Vote], None]) -> None:
    st.button(label, key=f"chat-vote-{made.choice}", on_click=vote, args=(made,))


def _counts(result: PromptResult, a: str, b: str) -> None:
    found = tally(result, a, b)
    with st.container(horizontal=True):
        for name, number in ((a, found.a), (b, found.b)):
            st.metric(f"{escape(result.titles.get(name, name))} preferred", f"{number} of {found.n}", border=True)
        st.metric("No difference", f"{found.same} of {found.n}", border=True)
    st.caption(escape(found.sentence()))


def _cell(result: PromptResult, row: int, side: str) -> str:
    answer: Answer | None = result.answers[row].get(side) if row < len(result.answers) else None
    if answer is None:
        return ""
    return answer.text if answer.failure is None else f"({answer.failure.what})"
