"""One request to the hub, made only when a person asks for it."""

import urllib.error
import urllib.request

from backend.domain.surroundings import HubAccess
from backend.errors import EXIT_UNAVAILABLE, StudioError

SECONDS = 10.0


class HubNotAsked(StudioError):
    """The hub was to be asked while the studio is offline."""

    id = "hub-not-asked"
    what = "The hub was not asked."
    why = "The studio is offline: {reason}."
    fix = "Unset that, then ask again."
    exit_code = EXIT_UNAVAILABLE


class HubSilent(StudioError):
    """The hub does not answer, or not as a hub does."""

    id = "hub-silent"
    what = "The hub at {endpoint} did not answer."
    why = "{reason}."
    fix = "Check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT."
    exit_code = EXIT_UNAVAILABLE


def ask_hub(access: HubAccess, seconds: float = SECONDS) -> str:
    """What it answered, in words. No token is sent. Raises HubNotAsked, HubSilent."""
    if access.offline_because:
        raise HubNotAsked(reason=access.offline_because)
    if not access.endpoint.startswith(("https://", "http://")):
        raise HubSilent(endpoint=access.endpoint, reason="It is no address of the web")
    try:
        with urllib.request.urlopen(f"{access.endpoint}/api/models?limit=1", timeout=seconds) as answer:  # noqa: S310
            return f"The hub at {access.endpoint} answered ({answer.status})."
    except urllib.error.HTTPError as error:
        with error:
            raise HubSilent(endpoint=access.endpoint, reason=f"It answered {error.code}") from error
    except (OSError, ValueError) as error:
        raise HubSilent(endpoint=access.endpoint, reason=str(error) or type(error).__name__) from error
