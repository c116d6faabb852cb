"""What keeps a model from answering."""

from backend.errors import ConfigurationError, NotFoundError, ProcessError, UsageError


class AdapterNotFound(NotFoundError):
    """A folder without an adapter in it."""

    id = "chat-adapter-not-found"
    what = "There is no adapter in {path}."
    why = "The file {missing} is missing."
    fix = "Choose a finished run, or a folder with adapter_config.json and adapter_model.safetensors."


class AdapterDoesNotFit(ConfigurationError):
    """An adapter that was trained on another base model, or is damaged."""

    id = "chat-adapter-does-not-fit"
    what = "The adapter {path} cannot be put on the base model."
    why = "{reason}"
    fix = "Ask the base model that the adapter was trained on; adapter_config.json names it."


class TrainedWeightsDoNotFit(ConfigurationError):
    """A checkpoint with weights of the model itself, and a base model that cannot take them."""

    id = "chat-trained-weights-do-not-fit"
    what = "The trained weights in {path} cannot be put into the base model."
    why = "{reason}"
    fix = 'Load the weights "As in training" or in full, or ask another checkpoint or the result of the run.'


class TemplateRefused(ConfigurationError):
    """A chat template that does not take this conversation."""

    id = "chat-template-refused"
    what = "The chat template of the model does not take this conversation."
    why = "It says: {reason}"
    fix = "Try without a system message, and with turns that alternate between user and assistant."


class PromptTooLong(UsageError):
    """A conversation that leaves no room for an answer."""

    id = "chat-prompt-too-long"
    what = "The conversation is too long for the model."
    why = "It has {num_tokens} tokens, and the model reads at most {limit} including its answer."
    fix = "Start a new conversation, or shorten the messages."


class ChatOutOfMemory(ProcessError):
    """The model or the conversation does not fit into memory."""

    id = "chat-out-of-memory"
    what = "The model does not fit into memory."
    why = "{reason}"
    fix = "Choose nf4 or a smaller model, shorten the conversation, or wait until the running training is over."


class ChatUnexpected(ProcessError):
    """Something that nobody thought of."""

    id = "chat-unexpected"
    what = "The model could not answer."
    why = "{reason}"
    fix = "Look into logs/inference.log in the workspace, and report it with the id and the time."
