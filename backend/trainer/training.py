"""One attempt from the dataset to the adapter; it reads like its recipe."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase, TrainerState, set_seed
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils.logging import disable_progress_bar

from backend.base_models.files import BaseFiles, locate
from backend.base_models.mapped_files import let_go_of_files
from backend.data.loading import LoadedDataset, load
from backend.domain.heartbeat import Phase
from backend.domain.run_directory import RunDirectory
from backend.network.retrying import Retrying
from backend.recipes import Recipe
from backend.store.checkpoints import Checkpoint
from backend.store.leftovers import sweep
from backend.trainer import ranks
from backend.trainer.adapted import Adapted
from backend.trainer.adapters import adapt
from backend.trainer.arguments import training_arguments
from backend.trainer.calibration import calibration_of
from backend.trainer.callbacks import Rhythm
from backend.trainer.curves import EventFile, NoEventFile
from backend.trainer.ending import train_to_end
from backend.trainer.errors import DatasetChanged
from backend.trainer.hparams import hparams_of
from backend.trainer.lengthening import lengthened
from backend.trainer.lookouts import Lookouts, lookouts
from backend.trainer.model import check_method, choose_precision, load_model, load_tokenizer
from backend.trainer.parts import Desk, Parts, Rows, Work
from backend.trainer.programs import RecipeProgram, program_of
from backend.trainer.progress import Progress
from backend.trainer.readings import reading_of
from backend.trainer.result import Facts, save_result
from backend.trainer.resume import resume_point
from backend.trainer.row_child import try_template
from backend.trainer.system import Price, spent_before, system_curves
from config.catalog import DEMO_MODEL

ENV_MODELS = "PEFT_STUDIO_MODELS"
ENV_CACHE = "PEFT_STUDIO_CACHE"
ENV_THREADS = "PEFT_STUDIO_THREADS"


def train(work: Work, program_named: Callable[[Recipe], RecipeProgram] = program_of) -> Adapted:
    """Load, quantize, adapt, prepare, train, save; the trained model as it is in memory.

    `program_named` gives the program of a recipe. Raises StopRequested when ended early on request.
    """
    be_deterministic()
    ranks.meet()
    disable_progress_bar()  # type: ignore[no-untyped-call] # a log is no terminal
    config, run = work.config, work.attempt.run
    resumed = resume_together(run)
    folder = resumed.path if resumed else None
    work.heartbeat.beat(step=resumed.step if resumed else 0)

    dataset = read_dataset(work)
    progress = begin_or_go_on(dataset, resumed)

    retrying = patience(work)
    with ranks.first_goes_first():
        files = base_model(work)
    tokenizer = load_tokenizer(files)
    try_template(reading_of(config.recipe, tokenizer, config.training.max_length).read, dataset.train)
    program = program_named(config.recipe)
    rows = program.rows(work, dataset, tokenizer)

    work.begin(Phase.LOADING, "loading the base model")
    precision = choose_precision(config.training.precision)
    head = config.recipe.head
    if not files.has_code:  # peft looks the names up itself in a model that only its own code can build
        check_method(files, config.method, head)
    set_seed(config.training.seed)  # a score head begins with random weights
    with work.memory.loading():
        with ranks.first_goes_first():
            model = load_model(files, precision, config.quantization, head=head, retrying=retrying)

        work.begin(Phase.LOADING, f"preparing the method {config.method.name}")
        set_seed(config.training.seed)
        adapted = adapt(
            model,
            config.method,
            head=head,
            revision=config.base_model.revision,
            resumed=folder,
            tokenizer=tokenizer,
            calibration=calibration_of(config.method, rows, tokenizer),
            weights=files.origin,
        )
        let_go_of_files(adapted.model)
    work.memory.know(adapted.model, precision)
    work.begin(Phase.LOADING, "preparing the first step")
    state = resumed_state(resumed)
    progress = lengthened(state, progress, config.training)
    parts, looking = prepare(work, adapted, tokenizer, rows, progress, precision, state)
    trainer = program.loop(parts)
    with parts.desk.system:
        chosen = train_to_end(trainer, looking, config, folder, state)

    work.heartbeat.beat(Phase.ENDING, detail=f"writing the {adapted.place}")
    facts = Facts(
        files.name,
        trainer.progress,
        chosen,
        num_rows=len(rows.train),
        num_validation=len(rows.validation),
        pad_token_id=getattr(model.config, "pad_token_id", None),
    )
    if ranks.is_first():
        parts.desk.events.end_session(trainer.progress.step)
        save_result(work.attempt, config, adapted, tokenizer, facts)
    else:
        adapted.tensors()  # all take part in putting together a model that is shared out
    return adapted


def resume_together(run: RunDirectory) -> Checkpoint | None:
    """The first process tidies up and chooses the checkpoint for all of them."""
    found = None
    if ranks.is_first():
        sweep(run.root)
        found = resume_point(run.checkpoints)
    step = ranks.told(found.step if found else -1)
    return None if step < 0 else Checkpoint(step, run.checkpoints / f"checkpoint-{step}")


def be_deterministic() -> None:
    """Equal inputs give equal bits: the same kernels, and on the CPU the same number of threads.

    PEFT_STUDIO_THREADS sets that number; 0 or nothing leaves it to torch. Without the last line each new
    tensor would be filled with NaN first, which finds bugs and costs time.
    """
    threads = int(os.environ.get(ENV_THREADS, "0") or 0)
    if threads > 0:
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # a property


def read_dataset(work: Work) -> LoadedDataset:
    """The rows that the recipe can read, from the cache if they were read before. Raises DataError, StopRequested."""

    def progress(num_rows: int) -> None:
        work.begin(Phase.PREPARING, f"reading the dataset: {num_rows:,} rows so far")

    config, root = work.config, work.attempt.run.root
    work.begin(Phase.PREPARING, "reading the dataset")
    cache = Path(os.environ.get(ENV_CACHE) or root.parent.parent / "cache")
    seed = config.training.seed
    return load(config.dataset, root, seed, config.recipe.reads, cache=cache, progress=progress)


def begin_or_go_on(dataset: LoadedDataset, resumed: Checkpoint | None) -> Progress:
    """Nothing yet, or what the checkpoint knows. Raises DatasetChanged if it knows other rows."""
    if resumed is None:
        return Progress(step=0, dataset=dataset.fingerprint, num_tokens=0)
    progress = Progress.read(resumed.path)
    assert progress is not None, "resume_point has read it"
    if progress.dataset != dataset.fingerprint:
        raise DatasetChanged(step=resumed.step)
    return progress


def base_model(work: Work) -> BaseFiles:
    """The files of the base model; "demo" is built on its first use."""
    root = work.attempt.run.root
    if work.config.base_model.path != DEMO_MODEL:
        return locate(work.config.base_model, root, patience(work))
    from backend.trainer.demo_model import ensure_demo_model  # noqa: PLC0415 - most runs do not need it

    folder = Path(os.environ.get(ENV_MODELS) or root.parent.parent / "models")
    built = ensure_demo_model(folder, lambda share, text: work.report(Phase.BUILDING, share, text))
    return BaseFiles(str(built), built, built)


def patience(work: Work) -> Retrying:
    """Fetches go on, and are tried again, while nobody asks to stop."""
    return Retrying.watched(work.stop.check)


def resumed_state(resumed: Checkpoint | None) -> TrainerState:
    """Where Hugging Face's loop stood."""
    return TrainerState() if resumed is None else TrainerState.load_from_json(str(resumed.path / TRAINER_STATE_NAME))


def prepare(
    work: Work,
    adapted: Adapted,
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows,
    progress: Progress,
    precision: str,
    state: TrainerState,
) -> tuple[Parts, Lookouts]:
    """What the loop is made of, to go on from `state`, and who looks on."""
    training, run = work.config.training, work.attempt.run
    rhythm = Rhythm(training, work.stop, has_validation=bool(len(rows.validation)))
    step = state.global_step
    is_owed = rhythm.is_evaluation_due(step, state.max_steps) and progress.evaluated_step != step
    system = system_curves(run.root, spent_before(run.tensorboard) if ranks.is_first() else None, os.environ)
    events = EventFile(run.tensorboard, first_step=step + 1 if step else 0) if ranks.is_first() else NoEventFile()
    events.begin_session(run.root.name, hparams_of(work.config))
    if price := Price.of(os.environ):
        events.add_text(step, {"system/energy_price": price.sentence()})
    arguments = training_arguments(training, precision=precision, folder=run.checkpoints, evaluate_first=is_owed)
    arguments["dataloader_num_workers"] = work.config.speed.dataloader_workers
    looking = lookouts(work, adapted, tokenizer, events)
    parts = Parts(
        config=work.config,
        adapted=adapted,
        tokenizer=tokenizer,
        arguments=arguments,
        rows=rows,
        progress=progress,
        desk=Desk(
            work.attempt,
            work.heartbeat,
            events,
            rhythm,
            work.stop,
            training.keep_checkpoints,
            looking.watchers,
            looking.stopping.protected,
            system,
            work.memory,
        ),
    )
    return parts, looking
