"""What every call of Streamlit in the dashboard keeps to, read from the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "app").rglob("*.py"))
}
# These read their first argument, their help and their caption as Markdown.
MARKDOWN = frozenset(
    re.findall(
        r"\w+",
        "title header subheader caption markdown write button download_button link_button checkbox toggle radio selectbox"
        " multiselect slider select_slider text_input text_area number_input file_uploader segmented_control pills expander"
        " tabs popover metric toast success info warning error badge status spinner progress page_link menu_button"
        " form_submit_button chat_input dialog image",
    )
)
OPTIONS = frozenset({"radio", "segmented_control", "pills"})  # theirs are Markdown too; those of selectboxes are not
# What people, models and files have named or said, by the names that our records have for it.
FOREIGN = frozenset(
    re.findall(
        r"\w+",
        "name title message path folder notes why what fix advice refusal base_model method dataset reason problem error"
        " tag tags text question said run_id details description summary use_when template format role licence",
    )
)
HARMLESS = frozenset({"escape", "len", "in_bytes", "bool"})


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Every call of a method, with its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.attr


def read_as_markdown(call: ast.Call, name: str) -> list[ast.expr]:
    """The arguments that a browser gets as Markdown."""
    if name in MARKDOWN:
        told = [*call.args[:1], *(word.value for word in call.keywords if word.arg in ("label", "help", "caption"))]
        if name == "metric":
            told += [*call.args[1:3], *(word.value for word in call.keywords if word.arg in ("value", "delta"))]
        if name in OPTIONS:
            told += [word.value.body for word in call.keywords if isinstance(word.value, ast.Lambda)]
        return told
    is_column = name.endswith("Column") and ast.unparse(call.func).startswith("st.column_config.")
    return [word.value for word in call.keywords if is_column and word.arg == "help"]


def unescaped(node: ast.AST) -> Iterator[str]:
    """Foreign text in an expression that no escape() stands around; what is only asked about is not shown."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in HARMLESS:
        return
    if isinstance(node, ast.Compare | ast.Lambda):
        return
    if isinstance(node, ast.Attribute) and node.attr in FOREIGN:
        yield ast.unparse(node)
        return
    if isinstance(node, ast.IfExp):
        parts: list[ast.AST] = [node.body, node.orelse]
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        parts = [node.elt]
    elif isinstance(node, ast.Call):
        inner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts = [*inner, *node.args, *(word.value for word in node.keywords)]
    else:
        parts = list(ast.iter_child_nodes(node))
    for part in parts:
        yield from unescaped(part)


def leaks(tree: ast.AST) -> list[str]:
    """Places where foreign text would be Markdown."""
    return [
        f"{call.lineno} {name}: {found}"
        for call, name in calls(tree)
        for argument in read_as_markdown(call, name)
        for found in unescaped(argument)
    ]


def test_no_foreign_text_reaches_markdown_unescaped() -> None:
    found = {path: places for path, tree in TREES.items() if (places := leaks(tree))}
    found.pop("app/dataset_pages/mapping.py")  # the descriptions of our own fields
    assert found == {}


def test_the_rule_sees_what_it_looks_for() -> None:
    """In labels, helps, values, options and inside other words; not where it is escaped, asked about or plain text."""
    bad = (
        'st.button("a", help=run.name); st.title(f"x {run.notes}"); st.metric("a", run.tag); x.caption(run.name or "-")'
    )
    good = (
        'st.caption(escape(run.name)); st.text(run.notes); st.badge("a" if run.tag == "x" else "b"); st.code(run.name)'
    )
    options = 'st.pills("a", ids, format_func=lambda one: known[one].title)'
    assert len(leaks(ast.parse(bad))) == 4
    assert leaks(ast.parse(good)) == []
    assert len(leaks(ast.parse(options))) == 1


def test_no_column_shows_links_or_markdown_of_files() -> None:
    """A link column would lead to addresses that a dataset or a model has written."""
    used = {name for tree in TREES.values() for _, name in calls(tree)}
    assert not used & {"LinkColumn", "MarkdownColumn", "html"}
    assert not any("unsafe_allow_html" in ast.unparse(tree) for tree in TREES.values())


def test_every_table_chart_and_picture_has_words_for_those_who_do_not_see_it() -> None:
    shown = {"dataframe", "image", "vega_lite_chart", "data_editor"}
    found = [
        f"{path}:{call.lineno}"
        for path, tree in TREES.items()
        for call, name in calls(tree)
        if name in shown and "alt" not in {word.arg for word in call.keywords}
    ]
    assert found == []


def test_what_is_remembered_between_draws_is_bounded() -> None:
    """Each remembered function says how many answers it keeps, lest a server that runs for months fills its memory."""
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            for one in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                told = ast.unparse(one)
                if "cache_data" in told or "cache_resource" in told:
                    words = {word.arg for word in one.keywords} if isinstance(one, ast.Call) else set()
                    found += [] if "max_entries" in words else [f"{path}: {told}"]
    assert found == []


def timers(tree: ast.AST) -> list[str]:
    """What is drawn by timers: calls of live() whose second argument can be a number."""
    return [
        ast.unparse(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "live"
        and ast.unparse(node.args[1]) != "None"
    ]


def test_what_ticks_is_little() -> None:
    """A tab has one page, and a page has one timer at most; only views may have one, and fewer than five of them do."""
    ticking = {path: found for path, tree in TREES.items() if (found := timers(tree))}
    assert {path.rpartition("/")[0] for path in ticking} == {"app/views"}
    assert set(map(len, ticking.values())) == {1}
    assert len(ticking) < 5, sorted(ticking)
    assert not any(
        name == "fragment" for path, tree in TREES.items() if path != "app/frame.py" for _, name in calls(tree)
    )
