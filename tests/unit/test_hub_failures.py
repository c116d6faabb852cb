"""Failures of the hub's libraries: each is told apart, has an error of its own, and one policy for models and datasets."""

import errno
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.base_models.files import explain as explain_loading
from backend.base_models.hub import error_of, explain
from backend.data import hub as datasets_hub
from backend.data.choice import DatasetPart
from backend.errors import StudioError
from backend.network.failures import POLICIES, Failure, FailureKind
from backend.network.reading import read_failure, retry_after
from backend.network.retrying import Retrying

REQUEST = httpx2.Request("GET", "https://hub.example/api")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TRIED_AGAIN = {FailureKind.UNREACHABLE, FailureKind.TIMEOUT, FailureKind.RATE_LIMITED, FailureKind.SERVER}


def answered(status: int, kind: str = "HfHubHTTPError", **headers: str) -> Exception:
    from huggingface_hub import errors

    response = httpx2.Response(status, request=REQUEST, headers={k.replace("_", "-"): v for k, v in headers.items()})
    error: Exception = getattr(errors, kind)("refused", response=response)
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def examples() -> list[tuple[Exception, FailureKind]]:
    import requests
    from datasets.exceptions import ChecksumVerificationError, DatasetNotFoundError
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
    from safetensors import SafetensorError

    absent = LocalEntryNotFoundError("not in the cache")
    return [
        (OfflineModeIsEnabled("offline"), FailureKind.OFFLINE),
        (caused(LocalEntryNotFoundError("x"), OfflineModeIsEnabled("offline")), FailureKind.OFFLINE),
        (absent, FailureKind.UNREACHABLE),
        (httpx2.ConnectError("[Errno -3] Temporary failure in name resolution"), FailureKind.UNREACHABLE),
        (httpx2.RemoteProtocolError("peer closed connection"), FailureKind.UNREACHABLE),
        (ConnectionResetError(errno.ECONNRESET, "reset"), FailureKind.UNREACHABLE),
        (requests.exceptions.ConnectionError("refused"), FailureKind.UNREACHABLE),
        (httpx2.ReadTimeout("the read timed out"), FailureKind.TIMEOUT),
        (httpx2.ConnectTimeout("no answer"), FailureKind.TIMEOUT),
        (requests.exceptions.ReadTimeout("slow"), FailureKind.TIMEOUT),
        (TimeoutError(), FailureKind.TIMEOUT),
        (httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), FailureKind.INSECURE),
        (caused(httpx2.ConnectError("x"), ssl.SSLCertVerificationError("bad")), FailureKind.INSECURE),
        (ssl.SSLCertVerificationError("bad"), FailureKind.INSECURE),
        (requests.exceptions.SSLError("bad"), FailureKind.INSECURE),
        (httpx2.ProxyError("403 Forbidden"), FailureKind.PROXY),
        (requests.exceptions.ProxyError("no"), FailureKind.PROXY),
        (answered(407), FailureKind.PROXY),
        (answered(429), FailureKind.RATE_LIMITED),
        *((answered(code), FailureKind.SERVER) for code in (425, 500, 502, 503, 504)),
        (answered(408), FailureKind.TIMEOUT),
        (answered(404, "RepositoryNotFoundError"), FailureKind.MISSING),
        (answered(404, "RevisionNotFoundError"), FailureKind.REVISION),
        (DatasetNotFoundError("gone"), FailureKind.MISSING),
        (answered(403, "GatedRepoError"), FailureKind.GATED),
        (answered(401, "RepositoryNotFoundError"), FailureKind.UNAUTHORISED),
        (answered(403), FailureKind.UNAUTHORISED),
        (OSError(errno.ENOSPC, "No space left on device"), FailureKind.DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), FailureKind.DISK_FULL),
        (caused(RuntimeError("x"), OSError(errno.ENOSPC, "full")), FailureKind.DISK_FULL),
        (OSError("Consistency check failed: file should be of size 9 but has size 3"), FailureKind.INCOMPLETE),
        (SafetensorError("Error while deserializing header: incomplete metadata"), FailureKind.INCOMPLETE),
        (ChecksumVerificationError("bad"), FailureKind.INCOMPLETE),
    ]


def test_each_kind_of_failure_is_recognised_by_the_libraries_own_classes() -> None:
    for error, kind in examples():
        found = read_failure(error)
        assert found is not None, repr(error)
        assert found.kind is kind, repr(error)
    assert {kind for _, kind in examples()} == set(FailureKind)


def test_what_has_nothing_to_do_with_fetching_is_no_failure_of_the_hub() -> None:
    for error in (ValueError("bad"), KeyError("x"), KeyboardInterrupt(), RuntimeError("CUDA error"), PermissionError()):
        assert read_failure(error) is None


def test_only_what_passes_by_itself_is_tried_again() -> None:
    assert set(POLICIES) == set(FailureKind)
    assert {kind for kind, policy in POLICIES.items() if policy.is_tried_again} == TRIED_AGAIN


def test_every_kind_has_an_error_of_its_own_for_models_and_for_datasets() -> None:
    models = {kind: error_of(Failure(kind, "said"), "org/tiny") for kind in FailureKind}
    datasets = {kind: datasets_hub._ERRORS[kind](path="hub:org/x", reason="said") for kind in FailureKind}
    for told in (models, datasets):
        assert len({error.id for error in told.values()}) == len(FailureKind)
        for error in told.values():
            words = error.explain()
            assert words.what
            assert words.fix
            assert "{" not in words.sentence(), words


def test_models_and_datasets_are_told_apart_the_same_way() -> None:
    part = DatasetPart(path="hub:org/x")
    for error, _ in examples():
        failure = read_failure(error)
        assert failure is not None
        of_model = explain(error, "org/tiny", None)
        of_dataset = datasets_hub.explain(part, error)
        assert isinstance(of_model, StudioError)
        assert type(of_dataset) is datasets_hub._ERRORS[failure.kind]


def test_a_damaged_file_of_a_local_model_is_told_as_such() -> None:
    from safetensors import SafetensorError

    assert explain_loading("/models/tiny", SafetensorError("incomplete metadata")).id == "model-incomplete"
    assert explain_loading("/models/tiny", OSError(errno.ENOSPC, "full")).id == "model-disk-full"
    assert explain_loading("/models/tiny", OSError("no file named config.json")).id == "model-unusable"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_a_wait_that_was_asked_for_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_the_reading(text: str) -> None:
    found = retry_after(text, NOW)
    assert found is None or found >= 0


class World:
    """A clock that waits move; whatever is done fails as scripted."""

    def __init__(self, failure: Failure, jitter: float) -> None:
        self.now = 0.0
        self.began: list[float] = []
        self.waits: list[float] = []
        self.failure = failure
        self.jitter = jitter

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def fail(self) -> None:
        self.began.append(self.now)
        raise TimeoutError

    def run(self, **limits: Any) -> None:
        patient = Retrying(
            sleep=self.sleep,
            clock=lambda: self.now,
            jitter=lambda low, high: low + self.jitter * (high - low),
            **limits,
        )
        with pytest.raises(TimeoutError):
            patient.call(self.fail, lambda _: self.failure)


@given(
    kind=st.sampled_from(sorted(FailureKind)),
    asked=st.none() | st.floats(0, 10_000),
    jitter=st.floats(0, 1),
    attempts=st.integers(1, 12),
    first=st.floats(0, 60),
    longest=st.floats(0, 120),
    most=st.floats(0, 2_000),
)
def test_waits_grow_within_their_bounds_and_nothing_begins_too_late(
    kind: FailureKind, asked: float | None, jitter: float, attempts: int, first: float, longest: float, most: float
) -> None:
    world = World(Failure(kind, retry_after_seconds=asked), jitter)
    world.run(max_attempts=attempts, first_wait_seconds=first, longest_wait_seconds=longest, max_seconds=most)

    assert 1 <= len(world.began) <= attempts
    if kind not in TRIED_AGAIN:
        assert len(world.began) == 1
    assert all(at < most for at in world.began[1:])
    is_kept_to = POLICIES[kind].keeps_to_the_wait and asked is not None
    for number, wait in enumerate(world.waits):
        bound = min(longest, first * 2**number)
        if is_kept_to:
            assert asked is not None
            assert asked <= wait <= max(asked, bound)
        else:
            assert 0 <= wait <= bound


def test_a_wait_longer_than_the_patience_is_not_begun() -> None:
    world = World(Failure(FailureKind.RATE_LIMITED, retry_after_seconds=3_600), 1.0)
    world.run()
    assert world.waits == []
