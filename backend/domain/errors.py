"""Errors that more than one room finds."""

from backend.errors import Action, NotFoundError


class ModelNotFound(NotFoundError):
    """The base model is neither a folder with a model nor a hub id."""

    id = "model-not-found"
    action = Action.OPEN_MODELS
    what = "There is no base model {path}."
    why = "{why}"
    fix = "Give a folder that holds config.json and .safetensors weights, a hub id such as org/name, or demo."
