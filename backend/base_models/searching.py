"""Searching the hub through its own library: one question, no token, nothing downloaded."""

from collections.abc import Iterable
from typing import Any

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from backend.base_models.errors import HubNotSearched
from backend.domain.hub_search import HubHit, HubQuery

MODEL_FACTS = ["downloads", "likes", "gated", "safetensors", "cardData", "lastModified", "tags"]
DATASET_FACTS = ["downloads", "likes", "gated", "cardData", "lastModified", "tags"]
LICENCE = "license:"
LONGEST = 100  # characters of a licence


def search(query: HubQuery) -> tuple[HubHit, ...]:
    """The hits in the hub's order, most downloads first. Raises HubNotSearched."""
    try:
        return tuple(_hit(found) for found in _found(query))
    except OfflineModeIsEnabled as error:
        raise HubNotSearched(why="The libraries are offline (HF_HUB_OFFLINE)") from error
    except HfHubHTTPError as error:
        raise HubNotSearched(why=f"The hub answered {error.response.status_code}") from error
    except (httpx2.HTTPError, OSError) as error:
        raise HubNotSearched(why=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise HubNotSearched(why=f"What it answered cannot be read ({type(error).__name__})") from error


def _found(query: HubQuery) -> Iterable[Any]:
    api = HfApi(token=False)
    words = {"search": query.words, "sort": "downloads", "limit": query.limit}
    if query.kind == "dataset":
        return api.list_datasets(**words, expand=DATASET_FACTS)  # type: ignore[arg-type]
    return api.list_models(
        **words,  # type: ignore[arg-type]
        filter="safetensors",
        pipeline_tag="text-generation",
        expand=MODEL_FACTS,  # type: ignore[arg-type]
    )


def _hit(found: Any) -> HubHit:  # noqa: ANN401 - ModelInfo or DatasetInfo
    weights = getattr(found, "safetensors", None)
    changed = getattr(found, "last_modified", None)
    return HubHit(
        id=str(found.id),
        downloads=getattr(found, "downloads", None),
        likes=getattr(found, "likes", None),
        parameters=getattr(weights, "total", None),
        licence=_licence(found)[:LONGEST],
        is_gated=bool(getattr(found, "gated", False)),
        changed=changed.date().isoformat() if changed is not None else "",
    )


def _licence(found: Any) -> str:  # noqa: ANN401 - ModelInfo or DatasetInfo
    """As the card states it, else the tag."""
    stated = getattr(getattr(found, "card_data", None), "license", None)
    if stated:
        return ", ".join(map(str, stated)) if isinstance(stated, list) else str(stated)
    tags = getattr(found, "tags", None) or ()
    return next((str(tag).removeprefix(LICENCE) for tag in tags if str(tag).startswith(LICENCE)), "")
