"""One container per process, whoever asks first."""

import threading
from collections.abc import Iterator

import pytest

from app import runtime
from app.runtime import close_container, get_container, get_services, use_container
from tests.fakes.dashboard import FakeContainer


@pytest.fixture(autouse=True)
def _nothing_left_over() -> Iterator[None]:
    use_container(None)
    yield
    use_container(None)


def test_many_threads_build_one_container(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[FakeContainer] = []
    barrier = threading.Barrier(8)

    def build() -> FakeContainer:
        built.append(FakeContainer())
        return built[-1]

    monkeypatch.setattr(runtime, "build_container", build)
    found = []

    def ask() -> None:
        barrier.wait()
        found.append(get_container())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert all(container is built[0] for container in found)


def test_a_container_can_be_put_in_place() -> None:
    container = FakeContainer()
    use_container(container)
    assert get_container() is container
    assert get_services() is container.the_services


def test_closing_releases_it_and_the_next_one_is_new() -> None:
    container = FakeContainer()
    use_container(container)
    close_container()
    assert container.is_shut_down
    another = FakeContainer()
    use_container(another)
    assert get_container() is another


def test_closing_without_a_container_does_nothing() -> None:
    close_container()
