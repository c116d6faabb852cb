"""What keeps a base model from being fetched or trusted, or its chat template from being used."""

from backend.errors import EXIT_UNAVAILABLE, ConfigurationError, DataError


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


class TemplateTooSlow(DataError):
    """A chat template that does not come to an end."""

    id = "template-too-slow"
    what = "The chat template of the base model does not come to an end on {row}."
    why = "A template is a program; this one took more than {seconds:g} seconds and was broken off."
    fix = "Do not use this model's chat template; take the original of the model, from its own repository."


class TemplateTooBig(DataError):
    """A chat template that fills the memory."""

    id = "template-too-big"
    what = "The chat template of the base model takes too much memory on {row}."
    why = "A template is a program; this one took more than {megabytes:,.0f} MB and was broken off."
    fix = "Do not use this model's chat template; take the original of the model, from its own repository."
