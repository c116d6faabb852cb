"""The real trainer in a narrow address space: python hungry_trainer.py RUN_DIR.

Three rows of a micro-batch fit. Each takes 256 MiB while it is learned, as in a larger model, and from the first
micro-batch on the kernel grants no more than that (RLIMIT_AS): torch's allocator fails for real.
Every row that is fetched is a line of rows.txt: attempt, number of the training row from 1.
"""

import os
import resource
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer

from backend.domain.run_directory import RunDirectory
from backend.trainer import __main__ as program
from backend.trainer.order import read_order
from backend.trainer.parts import Rows
from backend.trainer.recipes import sft

FITTING_ROWS = 3
ROW_BYTES = 256 * 1024 * 1024  # of address space; nothing of it is touched


class Recording(list[Any]):
    """A dataset that says which of its rows are fetched."""

    def __getitem__(self, index: Any) -> Any:
        with Path(sys.argv[1], "rows.txt").open("a") as file:
            file.write(f"{os.environ['PEFT_STUDIO_ATTEMPT']} {index + 1}\n")
        return super().__getitem__(index)


def hungry_step(self: Any, *inputs: Any, **named: Any) -> Any:
    narrow(FITTING_ROWS)
    rows = read_order(RunDirectory(Path(sys.argv[1]))).training.batch_size
    ballast = torch.empty(rows * ROW_BYTES, dtype=torch.uint8)
    loss = plain_step(self, *inputs, **named)
    del ballast
    return loss


def narrow(rows: int) -> None:
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + (rows + 2) * ROW_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def rows_of(*parts: Any) -> Rows:
    found = plain_rows(*parts)
    return Rows(Recording(found.train), found.validation)


plain_rows, plain_step = sft.rows, Trainer.training_step

if __name__ == "__main__":
    sft.rows, Trainer.training_step = rows_of, hungry_step  # type: ignore[method-assign]
    sys.exit(program.main(sys.argv[1:]))
