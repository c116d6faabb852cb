"""The program that forecasts a run's memory: one order in, one JSON document out.

Usage: python -m backend.trainer.forecast < order.json. The document is {"trace": ...}, or {"error": ...,
"exit_code": ...}. Nothing is trained and no weight is read; of a model on the hub only the small files are fetched.
"""

import os
import resource
import sys
import traceback
from pathlib import Path

from backend.domain.memory_forecast import MemoryOrder
from backend.executors.heap import importing_for_good
from backend.trainer.one_answer import Say, answer_one
from backend.trainer.order import hide_bitsandbytes

PROCESSOR_SECONDS = 300
# what torch and the libraries raise where something needs the numbers in a tensor
FOLLOWED_NO_FURTHER = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, NotImplementedError)
MOST_BYTES = 4 * 1024**3  # of its own memory; shared libraries do not count


def main() -> int:
    """Forecast what the first line of the input orders; the exit code."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # nothing is computed: a GPU is only thought of
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    return answer_one(MemoryOrder, _answer, PROCESSOR_SECONDS)


def _answer(order: MemoryOrder, _say: Say) -> dict[str, object]:
    hide_bitsandbytes(order.config, Path(order.folder), sys.modules)  # type: ignore[arg-type] # typeshed has no None
    with importing_for_good():
        import backend.trainer.tracing.trace  # noqa: F401, PLC0415 - seconds of imports

    return answered(order)


def answered(order: MemoryOrder) -> dict[str, object]:
    """The document. Raises MemoryNotTraced where something needs the numbers in a tensor, and as `trace`."""
    from backend.trainer.errors import MemoryNotTraced  # noqa: PLC0415
    from backend.trainer.tracing.trace import trace  # noqa: PLC0415

    try:
        return {"trace": trace(order).model_dump(mode="json")}
    except MemoryError as error:
        why = f"The program that forecasts took more than {MOST_BYTES // 1024**3} GiB itself."
        raise MemoryNotTraced(why=why) from error
    except FOLLOWED_NO_FURTHER as error:
        traceback.print_exc()
        told = str(error).strip().partition("\n")[0] or "no more is known"
        raise MemoryNotTraced(why=f"{type(error).__name__}: {told}") from error


if __name__ == "__main__":
    sys.exit(main())
