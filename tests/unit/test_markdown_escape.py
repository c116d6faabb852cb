"""Foreign text stays text: nothing in it becomes an image, a formula, a colour, a link or HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.components.markdown_escape import REPLACEMENT, escape

NASTY = [
    "![x](http://127.0.0.1:9/x)",
    "![x][1]\n[1]: http://127.0.0.1:9/x",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</span><iframe src='http://evil.example'>",
    "&lt;b&gt; &amp; &#x41;",
    "$\\href{http://evil.example}{x}$ and $$x^2$$",
    ":red[danger] :material/delete: :streamlit: :smile: :color[x]{foreground='red'}",
    ":blue-background[x] :small[x] :shimmer[x]",
    "# heading",
    "> quote",
    "- list",
    "1. list",
    "1) list",
    "* * *",
    "---",
    "===",
    "`code` ``` fence ```",
    "**bold** __bold__ ~~gone~~ _it_",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "\\[x\\] \\(x\\) \\* already escaped",
    "http://evil.example www.evil.example a@b.example",
    "<http://evil.example>",
    "^sup^ ==mark== @mention",
    "\u202eevil\u2066",
    "\x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "a\u2028b\u2029c\x85d",
    "\ud800lone",
    "\"quoted\" 'single' (c) -> --",
]


def blocks_and_text(text: str) -> tuple[list[str], set[str], str]:
    """Kinds of blocks, kinds of inline pieces, and the text that a Markdown reader makes of it."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [child for token in tokens for child in token.children or []]
    return (
        [token.type for token in tokens if token.nesting >= 0 and token.type != "inline"],
        {child.type for child in inline},
        "".join(child.content for child in inline),
    )


def shown(text: str) -> str:
    """What escaped text looks like to a reader."""
    blocks, kinds, content = blocks_and_text(escape(text))
    assert blocks == ["paragraph_open"]
    assert kinds <= {"text", "text_special"}
    return content


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_is_shown_as_it_is(text: str) -> None:
    printable = "".join(one if one.isprintable() else REPLACEMENT for one in text)
    assert shown(text) == printable
    escape(text).encode("utf-8")


@pytest.mark.parametrize("text", NASTY)
def test_no_special_character_is_left_unescaped(text: str) -> None:
    bare = escape(text).replace("\\\\", "")
    for special in "*_`[]()<>$:!#|~&":
        assert bare.count(special) == bare.count(f"\\{special}")


def test_plain_words_stay_as_they_are() -> None:
    assert escape("Größe 12 кот 猫 🐈") == "Größe 12 кот 猫 🐈"
    assert escape("") == ""


def test_line_breaks_cannot_start_a_block() -> None:
    assert escape("a\n# b\r\n- c\td") == f"a{REPLACEMENT}\\# b{REPLACEMENT * 2}\\- c{REPLACEMENT}d"


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_any_text_is_one_paragraph_of_text(text: str) -> None:
    blocks, kinds, _ = blocks_and_text(escape(text))
    assert blocks == ["paragraph_open"]
    assert kinds <= {"text", "text_special"}
    escape(text).encode("utf-8")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).map(str.strip).filter(bool))
def test_any_ascii_text_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text
