"""What can go wrong between a question and the inference process."""

from backend.errors import NotFoundError, ProcessError


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
