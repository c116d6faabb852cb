"""What can go wrong between a question and the inference process."""

from backend.errors import Action, DataError, NotFoundError, ProcessError, StorageError, UsageError


class ChatBusy(ProcessError):
    """Another answer is being written, and did not end in time."""

    id = "chat-busy"
    what = "The question was not asked."
    why = "Another answer is still being written after {seconds:.0f} seconds of waiting."
    fix = "Stop the other answer, or unload the model, and ask again."


class ChatClosed(ProcessError):
    """A question to a studio that is shutting down."""

    id = "chat-closed"
    what = "The question was not asked."
    why = "The studio is shutting down."
    fix = "Start the studio again, then ask."


class ChatNotStarted(ProcessError):
    """The inference program could not be started at all."""

    id = "chat-not-started"
    what = "The inference process could not be started."
    why = "The system says: {reason}."
    fix = "Look whether Python and the workspace's logs folder are usable: peft-studio doctor"


class ChatCrashed(ProcessError):
    """The inference process ended in the middle of an answer."""

    id = "chat-crashed"
    what = "The inference process ended before the answer was complete."
    why = "It {ending}. The last line of its log: {last_words}"
    fix = "Ask again: a new process is started. If it happens again, choose a smaller model or nf4."


class ChatSilent(ProcessError):
    """The inference process lives and says nothing."""

    id = "chat-silent"
    what = "The answer was given up."
    why = "The inference process said nothing for {seconds:.0f} seconds; it was ended."
    fix = "Ask again, or choose a smaller model; logs/inference.log in the workspace may say more."


class DemoModelMissing(NotFoundError):
    """The demo model was asked before it was made."""

    id = "demo-model-missing"
    what = "The demo model does not exist yet."
    why = "The studio makes it on first use, and nothing was trained on it yet."
    fix = "Run `peft-studio demo`, or start a run with the base model demo."


class RoundRunning(UsageError):
    """A question to models that have not answered the one before."""

    id = "chat-round-running"
    what = "The question was not asked."
    why = "The models are still answering the one before."
    fix = "Wait for the answers, or stop them."


class QuestionEmpty(UsageError):
    """Nothing to answer."""

    id = "chat-question-empty"
    what = "There is nothing to ask."
    why = "The question is empty, or longer than {limit:,} characters."
    fix = "Write a question."


class BaseMismatch(UsageError):
    """An adapter of one base model beside those of another."""

    id = "chat-base-mismatch"
    what = "{side} cannot answer beside the others."
    why = "It was trained on {theirs}, and the others stand on {ours}."
    fix = "Put only results of the same base model side by side; ask this one on a page of its own."


class CheckpointGone(NotFoundError):
    """A checkpoint that is not there, or that holds no weights."""

    id = "chat-checkpoint-gone"
    action = Action.OPEN_MODELS
    what = "The checkpoint of step {step} of {run_id} cannot answer."
    why = "It is not there any more, was not finished, or holds no weights."
    fix = "Choose another checkpoint of the run, or its result."


class GivesScores(UsageError):
    """A question to a reward model, whose head for words was never trained, or is not there."""

    id = "chat-gives-scores"
    what = "{run_id} cannot answer."
    why = "It trained a reward model, which gives a text a number and writes none."
    fix = "Ask a run of another recipe."


class ConversationNotKept(StorageError):
    """A conversation, prompt set or result that could not be written."""

    id = "chat-not-kept"
    what = "What was said in Chat could not be kept."
    why = "It could not be written to {folder}: {reason}."
    fix = "Make room on the disk, or give yourself the right to write there; then ask again."


class PromptSetRefused(DataError):
    """A list of prompts that cannot be used."""

    id = "prompt-set-refused"
    action = None
    what = "The prompt set was not kept."
    why = "{reason}."
    fix = "Give one prompt per line, a YAML list, or JSONL with a prompt in each line."


class PromptSetMissing(NotFoundError):
    """A prompt set or result that is gone."""

    id = "prompt-set-missing"
    what = "There is no {name} among the prompt sets and results."
    why = "It was deleted or renamed, or its file cannot be read."
    fix = "Choose another one."
