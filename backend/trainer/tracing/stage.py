"""What a training loop is put together from, when nobody shall see what it does."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast, TrainerControl, TrainerState, TrainingArguments

from backend.domain.heartbeat import Phase
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.trainer.adapted import Adapted
from backend.trainer.arguments import training_arguments
from backend.trainer.attempt import OwnAttempt
from backend.trainer.callbacks import Rhythm
from backend.trainer.curves import NoEventFile
from backend.trainer.heartbeat import NoHeartbeat
from backend.trainer.parts import Desk, Parts, Rows
from backend.trainer.progress import Progress
from backend.trainer.stop import StopFlag
from backend.trainer.watching import Watcher

STEPS = 2  # the first one makes what the optimizer keeps
OWN_WORDS = 2


class Quiet(Rhythm):
    """Nothing is logged, evaluated or saved; it ends with the last step."""

    def is_evaluation_due(self, step: int, last: int) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the signature is Hugging Face's
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> TrainerControl:
        """Only the end is told."""
        control.should_log = control.should_evaluate = control.should_save = False
        control.should_training_stop = state.global_step >= state.max_steps
        return control


class AnyTokenizer(PreTrainedTokenizerFast):
    """A tokenizer of two words that finds a number for whatever it is asked."""

    def convert_tokens_to_ids(self, tokens: Any) -> Any:  # noqa: ANN401
        """Of lists the numbers behind its own words in turn: a table's rows are all of one size."""
        return (
            list(range(OWN_WORDS, OWN_WORDS + len(tokens)))
            if isinstance(tokens, list)
            else super().convert_tokens_to_ids(tokens)
        )

    def encode(self, *_: Any, **__: Any) -> list[int]:  # noqa: ANN401
        """A single token that each made-up row has."""
        return [2]


def any_tokenizer() -> AnyTokenizer:
    """A tokenizer for loops that ask for one."""
    words = Tokenizer(WordLevel({"<pad>": 0, "<eos>": 1}, unk_token="<pad>"))  # noqa: S106 - no password
    names = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<pad>"}
    return AnyTokenizer(tokenizer_object=words, **names)  # type: ignore[no-untyped-call]


def parts_of(
    config: RunConfig, adapted: Adapted, rows: Rows, precision: str, root: Path, watchers: tuple[Watcher, ...]
) -> Parts:
    """The parts of a loop that takes two steps; `root` is an empty folder."""
    run, stop = RunDirectory(root), StopFlag()
    run.logs.mkdir(parents=True, exist_ok=True)
    heartbeat = NoHeartbeat(run.heartbeat, token="", attempt=1)
    heartbeat.beat(Phase.TRAINING)
    arguments = training_arguments(config.training, precision=precision, folder=run.checkpoints, evaluate_first=False)
    return Parts(
        config=config,
        adapted=adapted,
        tokenizer=any_tokenizer(),
        arguments=arguments | {"max_steps": STEPS, "dataloader_num_workers": 0},
        rows=rows,
        progress=Progress(step=0, dataset="", num_tokens=0),
        desk=Desk(
            attempt=OwnAttempt(run, 1, ""),
            heartbeat=heartbeat,
            events=NoEventFile(),
            rhythm=Quiet(config.training, stop, has_validation=False),
            stop=stop,
            keep_checkpoints=config.training.keep_checkpoints,
            watchers=watchers,
        ),
    )
