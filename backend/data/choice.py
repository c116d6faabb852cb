"""Which dataset a run trains on and how its rows are read."""

from typing import Literal

from pydantic import Field, field_validator

from backend.spec import Frozen

FormatName = Literal[
    "auto", "messages", "sharegpt", "alpaca", "prompt_completion", "text", "preference", "kto", "prompt"
]


class Columns(Frozen):
    """Names of the columns that play a part; None means the format's own name."""

    prompt: str | None = Field(default=None, description="Column with the question, instruction or prompt.")
    input: str | None = Field(default=None, description="Column with extra input for the instruction (alpaca).")
    completion: str | None = Field(default=None, description="Column with the answer.")
    system: str | None = Field(default=None, description="Column with the system prompt.")
    messages: str | None = Field(default=None, description="Column with a list of turns.")
    text: str | None = Field(default=None, description="Column with plain text.")
    chosen: str | None = Field(default=None, description="Column with the preferred answer (preference pairs).")
    rejected: str | None = Field(default=None, description="Column with the other answer (preference pairs).")
    label: str | None = Field(default=None, description="Column that says whether the answer is good (kto).")
    answer: str | None = Field(default=None, description="Column with the answer that rewards compare with (prompt).")


class DatasetChoice(Frozen):
    """A dataset file and how to read it. A relative path is relative to the run.yaml that names it."""

    path: str = Field(
        min_length=1,
        title="Dataset",
        description="A file: .jsonl, .json, .csv, .tsv, .parquet or .txt; or sample:NAME for a shipped one.",
    )
    format: FormatName = Field(
        default="auto",
        title="Format",
        description="How rows become conversations; auto looks at the columns.",
    )
    columns: Columns = Field(default_factory=Columns, description="Column mapping, for files with other names.")
    validation_path: str | None = Field(
        default=None, title="Validation file", description="A second file for evaluation, instead of a split."
    )
    validation_fraction: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        title="Validation split",
        description="Share of the rows that is never trained on and measures eval/loss; 0 for none.",
    )

    @field_validator("path", "validation_path")
    @classmethod
    def _no_nul(cls, value: str | None) -> str | None:
        if value is not None and "\x00" in value:
            raise ValueError("a path cannot contain a NUL character")
        return value
