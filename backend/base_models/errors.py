"""What keeps a base model from being found, fetched, trusted or loaded."""

from backend.domain.errors import ModelNotFound
from backend.errors import EXIT_UNAVAILABLE, Action, ConfigurationError, ProcessError, StorageError, StudioError


class ModelGated(ConfigurationError):
    """The hub asks to accept a licence first."""

    id = "model-gated"
    what = "The base model {path} is gated."
    why = "Its owners hand it out only to people who have accepted their terms on the hub. {why}"
    fix = "Accept the terms on the model's page, and sign in: hf auth login, or the variable HF_TOKEN."
    exit_code = EXIT_UNAVAILABLE


class ModelUnauthorised(ConfigurationError):
    """The hub does not say whether the model exists, or refuses the token."""

    id = "model-unauthorised"
    what = "The hub does not give the base model {path} to you."
    why = "It answers so for private models, for a wrong token, and for names that do not exist. {why}"
    fix = "Check the name; for a private model sign in: hf auth login, or the variable HF_TOKEN."
    exit_code = EXIT_UNAVAILABLE


class ModelCodeUntrusted(ConfigurationError):
    """The model wants to run programs of its own."""

    id = "model-code-untrusted"
    what = "The base model {path} brings its own code ({files}), which was not run."
    why = "{why}"
    fix = "Read the .py files in {folder}. If you trust them, set base_model.trusted_code to {hash}."


class ModelCodeElsewhere(ConfigurationError):
    """The model names code in another repository, which no hash of its own files can cover."""

    id = "model-code-elsewhere"
    what = "The base model {path} wants to run code of another repository ({files}), which was not run."
    why = "That code can change at any time, and is not among the files that base_model.trusted_code covers."
    fix = "Put the code into a local copy of the model and name it there, or choose another model."


class ModelCommitMissing(ConfigurationError):
    """Trusted code on the hub without a pinned commit."""

    id = "model-commit-missing"
    what = "Code of the base model {path} is trusted, but no commit is pinned."
    why = "A branch or tag can be moved to other files; a commit cannot."
    fix = "Set base_model.revision to the full commit of 40 hexadecimal digits{known}."


class ModelUnreachable(StudioError):
    """The hub could not be asked."""

    id = "model-unreachable"
    what = "The base model {path} could not be fetched from the hub."
    why = "{why}"
    fix = "Check the network and PEFT_STUDIO_HUB_OFFLINE, or download the model and give its folder."
    exit_code = EXIT_UNAVAILABLE


class ModelOffline(ModelUnreachable):
    """The studio is not to ask the hub, and the cache does not have it."""

    id = "model-offline"
    fix = "Switch hub_offline off (or unset HF_HUB_OFFLINE), or download the model elsewhere and give its folder."


class ModelTimedOut(ModelUnreachable):
    """The hub did not answer in time."""

    id = "model-timed-out"
    fix = "Try again; on a slow line raise HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT."


class ModelInsecure(ModelUnreachable):
    """Whoever answered could not prove to be the hub."""

    id = "model-connection-insecure"
    fix = "Correct the clock of this machine; behind a proxy that reads along, name its certificates in SSL_CERT_FILE."


class ModelProxyRefused(ModelUnreachable):
    """A proxy stands between, and does not let us through."""

    id = "model-proxy-refused"
    fix = "Check HTTPS_PROXY and its user and password, or add the hub to NO_PROXY."


class ModelServerFailed(ModelUnreachable):
    """The hub itself has a problem."""

    id = "model-server-failed"
    fix = "Try again later; what was fetched is kept. The state of the hub: https://status.huggingface.co"


class ModelRateLimited(ModelUnreachable):
    """Too many requests from here."""

    id = "model-rate-limited"
    why = "The hub says that there were too many requests from here. {why}"
    fix = "Wait {wait}, then try again; signed in (hf auth login) more requests are allowed."


class ModelRevisionMissing(ModelNotFound):
    """The model is there, but not this branch, tag or commit of it."""

    id = "model-revision-missing"
    what = "The base model {path} has no revision {revision}."
    fix = "Name a branch, tag or commit that its page shows under Files, or leave base_model.revision out."


class ModelDiskFull(StorageError):
    """The disk of the hub's cache is full."""

    id = "model-disk-full"
    what = "The base model {path} does not fit on the disk of the hub's cache."
    why = "{why}"
    fix = "Delete models that you do not need (Models), or set HF_HOME to a folder on a larger disk."


class ModelUnusable(ConfigurationError):
    """The model's files are there but cannot be loaded."""

    id = "model-unusable"
    action = Action.OPEN_MODELS
    what = "The base model {path} cannot be loaded."
    why = "{why}"
    fix = "Use a language model that transformers knows, with .safetensors weights and a tokenizer."


class ModelIncomplete(ModelUnusable):
    """A file of the model is cut off or damaged."""

    id = "model-incomplete"
    why = "A file of it is incomplete or damaged: {why}"
    fix = "Delete the model (Models) or that file, and fetch it again; it is read anew from its source."


class ModelUnsafe(ConfigurationError):
    """The weights exist only as pickles, which are programs."""

    id = "model-unsafe"
    action = Action.OPEN_MODELS
    what = "The base model {path} has only pickled weights."
    why = "A pickle can run any program when it is read; the studio reads .safetensors only."
    fix = "Convert it on a machine that you can lose, or take a .safetensors version of the model."


class HubNotSearched(ProcessError):
    """A search on the hub that failed."""

    id = "hub-not-searched"
    what = "The hub could not be searched."
    why = "{why}."
    fix = "Check the network, and HF_ENDPOINT and HTTPS_PROXY if they are set; then search again."
