"""Writes config/samples/demo.jsonl, the dataset of the demo; run it after changing the demo's world."""

import json
from pathlib import Path

from backend.trainer.demo_corpus import demo_rows

FILE = Path(__file__).resolve().parent.parent / "config" / "samples" / "demo.jsonl"


def text() -> str:
    """The whole file: one conversation a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in demo_rows())


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8", newline="\n")
    print(f"{FILE}: {len(demo_rows())} rows")
