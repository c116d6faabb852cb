"""The one escape function for foreign text (of people, files, models) that Streamlit reads as Markdown."""

import re

MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>:$~^=&@/\"'])")
# Control characters, line and paragraph separators, overrides of the writing direction, lone surrogates.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def escape(text: str) -> str:
    r"""One line of Markdown that shows `text` as it is, in titles, labels, buttons, tabs, metrics and toasts.

    `![](http://...)` would make the browser fetch an address, `:red[...]` and `$...$` would change the page.
    Characters that cannot be shown, line breaks among them, become U+FFFD. Bare addresses may still turn into
    links, which nothing follows by itself. For more than a line use `st.text` or `st.code`.
    """
    return MARKDOWN.sub(r"\\\1", UNPRINTABLE.sub(REPLACEMENT, text))
