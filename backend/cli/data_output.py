"""How a data report looks in a terminal: tokens readable with colours and without."""

from rich.console import Console
from rich.text import Text

from backend.cli.output import WIDEST_TABLE, is_terminal
from backend.domain.data_report import DataFinding, DataReport, Lengths, RowLook, Severity, Token, TokenState

# Marks around a run of tokens of one state; colours only repeat what the marks say.
MARKS = {
    TokenState.TRAINED: ("[", "]", "bold green"),
    TokenState.MASKED: ("", "", "dim"),
    TokenState.TRUNCATED: ("{", "}", "red"),
    TokenState.PADDING: ("", "", "dim blue"),
}
SPECIAL = "reverse"
COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
BAR_CELLS = 40
PARTING = "¦"  # rare in texts, unlike |
READINGS = {
    "sft": "learned tokens count in the loss.",
    "pretrain": "rows are joined and cut into blocks of max_length; only the first token of a block is not learned.",
    "dpo": "the learned tokens of both answers are compared; the chosen answer becomes likelier than the rejected.",
    "orpo": "the learned tokens of both answers are compared; the chosen answer is learned as well.",
    "kto": "the learned tokens become likelier in good answers and less likely in bad ones.",
    "reward": "each answer gets one score, at the token that is marked as learned.",
    "grpo": "the model writes its own answers to the prompts, so no token of the dataset is learned.",
}
LEGEND = "¦ parts tokens  [learned]  read but not learned  {cut off}  ⟨control token⟩  ·N: N tokens of padding"


def print_report(report: DataReport) -> None:
    """Findings first, then lengths, then the rows token by token."""
    console = Console(width=None if is_terminal() else WIDEST_TABLE, highlight=False)
    _print_dataset(console, report)
    if report.base_model is None:
        console.print(Text("No base model was named, so nothing was cut into tokens: add --model."))
    for finding in report.findings:
        console.print()
        console.print(_finding(finding))
        console.print(Text(f"  Why: {finding.why}\n  Fix: {finding.fix}"))
    if not report.findings:
        console.print(Text("Nothing is wrong with them."))
    if report.lengths is not None:
        _print_lengths(console, report.lengths)
    if report.rows:
        console.print()
        console.print(Text(f"Legend: {LEGEND}"))
    for row in report.rows:
        console.print()
        console.print(_row(row))


def _print_dataset(console: Console, report: DataReport) -> None:
    goes_on = "" if report.is_complete else " (the dataset goes on)"
    console.print(
        Text(f"{report.path}: {report.format}, {report.num_rows:,} rows{goes_on}, {report.num_sampled:,} examined")
    )
    for part in report.parts if len(report.parts) > 1 else ():
        use = "evaluated on" if part.is_validation else f"weight {part.weight:g}"
        console.print(Text(f"  {part.path}: {part.format}, {part.num_rows:,} rows, {use}"))
    if report.num_train_rows is not None:
        held = f"{report.num_validation_rows:,} rows are evaluated on"
        console.print(Text(f"An epoch has {report.num_train_rows:,} rows; {held}."))
    if report.recipe in READINGS:
        console.print(Text(f"Read by the recipe {report.recipe}: {READINGS[report.recipe]}"))


def _finding(finding: DataFinding) -> Text:
    rows = ", ".join(map(str, finding.rows)) + (", ..." if finding.num_rows > len(finding.rows) else "")
    where = f" ({finding.num_rows} rows: {rows})" if finding.num_rows else ""
    text = Text(finding.severity.value.upper(), style=COLOURS[finding.severity])
    return text.append(f"  {finding.what}{where}  ", style="none").append(f"[{finding.id}]", style="dim")


def _print_lengths(console: Console, lengths: Lengths) -> None:
    told = lengths.percentiles
    largest = max(item.num_rows for item in lengths.histogram)
    console.print()
    most = f"half have at most {told['50']}, 95 % {told['95']}, 99 % {told['99']}, the longest {told['100']}"
    console.print(Text(f"Tokens per row: {most}"))
    for item in lengths.histogram:
        bar = "█" * round(BAR_CELLS * item.num_rows / largest) or ("▏" if item.num_rows else "")
        console.print(Text(f"  {item.low:>6} to {item.high - 1:<6} {item.num_rows:>6}  {bar}"))
    cut = f"{lengths.num_cut} of {lengths.num_rows} rows are cut at max_length {lengths.max_length}"
    console.print(Text(f"{cut}; proposed: {lengths.proposed_max_length} ({lengths.rule})"))
    packing = lengths.packing
    shares = f"{packing.padded:.0%} in the file's order, {packing.grouped:.0%} sorted by length"
    flat = "" if packing.flat is None else f", {packing.flat:.0%} in flat rows"
    console.print(Text(f"Share of batches of {packing.batch_size} that is no padding: {shares}{flat}"))


def _row(row: RowLook) -> Text:
    """Neighbouring tokens of one state share their marks; tokens are parted by PARTING."""
    text = Text(f"row {row.number}{row.side and ', ' + row.side}: ", style="none")
    padding = [token for token in row.tokens if token.state is TokenState.PADDING]
    previous: TokenState | None = None
    for token in row.tokens:
        if token.state is TokenState.PADDING:
            break
        if token.state is not previous:
            text.append(_end(previous)).append(MARKS[token.state][0])
        else:
            text.append(PARTING, style="dim")
        text.append(_piece(token), style=_style(token))
        previous = token.state
    text.append(_end(previous))
    return text.append(f" ·{len(padding)}", style=MARKS[TokenState.PADDING][2]) if padding else text


def _end(state: TokenState | None) -> str:
    return "" if state is None else MARKS[state][1]


def _piece(token: Token) -> str:
    """Line ends and other invisible characters are written out, so that a row stays one paragraph."""
    shown = "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in token.text)
    return f"⟨{shown}⟩" if token.is_special else shown


def _style(token: Token) -> str:
    colour = MARKS[token.state][2]
    return f"{colour} {SPECIAL}" if token.is_special else colour
