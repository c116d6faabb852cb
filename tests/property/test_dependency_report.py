"""Whatever is missing is reported, by its exact name and with instructions; and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.optional_packages import NAMES
from backend.services.dependencies import DependencyService
from tests.fakes.machine import FakeMachine, FakePackages

names = st.from_regex(r"[a-z]([a-z0-9_.-]{0,12}[a-z0-9])?", fullmatch=True).filter(lambda name: name not in NAMES)


@given(needed=st.sets(names, min_size=1, max_size=12), data=st.data())
def test_exactly_the_missing_packages_are_reported_with_instructions(needed: set[str], data: st.DataObject) -> None:
    missing = data.draw(st.sets(st.sampled_from(sorted(needed))))
    packages = FakePackages(
        installed=dict.fromkeys(needed - missing, "1.5"), needed=[f"{name}>=1,<2" for name in sorted(needed)]
    )
    service = DependencyService(packages, FakeMachine())
    report = service.check_all()
    failed = {check.name: check for check in report.checks if not check.passed}
    assert set(failed) == missing
    assert report.all_passed is (not missing)
    assert set(service.summary().missing_packages) == missing
    for name, check in failed.items():
        assert f"{name}<2,>=1" in check.fix_instructions
        assert f"{check.error} {check.fix_instructions}" in report.recommendations
        assert f"{name}<2,>=1" in report.repair
    assert len(report.repair) == (4 + len(missing) if missing else 0)  # python -m pip install


@given(major=st.integers(0, 9), minor=st.integers(0, 99))
def test_a_version_passes_exactly_if_it_is_in_the_range(major: int, minor: int) -> None:
    packages = FakePackages(installed={"torch": f"{major}.{minor}"}, needed=["torch>=2.5,<3"])
    report = DependencyService(packages, FakeMachine()).check_all()
    assert report.all_passed is ((2, 5) <= (major, minor) < (3, 0))
