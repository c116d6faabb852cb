"""What is missing or does not fit is named, with the command that repairs it."""

import shlex

from backend.domain.dependencies import DependencyCheck, Verdict
from backend.domain.machine import PythonRuntime, TorchBuild
from backend.domain.optional_packages import NAMES
from backend.services.dependencies import CUDA_HELP, DependencyService
from tests.fakes.machine import CUDA_TORCH, ONE_GPU, FakeMachine, FakePackages

NEEDED = ("torch>=2.13,<2.14", "peft>=0.21,<0.22", "transformers>=5.23,<5.24")
INSTALLED = {"torch": "2.13.0+cpu", "peft": "0.21.2", "transformers": "5.23.0"}


def service(machine: FakeMachine | None = None, **packages: object) -> DependencyService:
    given = {"installed": INSTALLED, "needed": NEEDED} | packages
    return DependencyService(FakePackages(**given), machine or FakeMachine())


def check(report_of: DependencyService, name: str) -> DependencyCheck:
    return next(one for one in report_of.check_all().checks if one.name == name)


def test_a_complete_environment_passes() -> None:
    report = service().check_all()
    assert report.all_passed
    assert [one.name for one in report.checks if one.required] == ["python", "torch", "peft", "transformers"]


def test_a_missing_package_is_named_with_its_range_and_the_command_that_installs_it() -> None:
    missing = service(installed={"torch": "2.13.0", "transformers": "5.23.0"})
    peft = check(missing, "peft")
    assert not missing.check_all().all_passed
    assert (peft.installed, peft.version, peft.expected_version) == (False, None, "<0.22,>=0.21")
    assert peft.error == "peft is not installed."
    assert shlex.split(peft.fix_instructions)[1:] == [
        "/venv/bin/python", "-m", "pip", "install", "peft<0.22,>=0.21",
    ]  # fmt: skip


def test_a_wrong_version_is_named_with_both_versions() -> None:
    old = service(installed=INSTALLED | {"peft": "0.19.0"})
    peft = check(old, "peft")
    assert peft.installed
    assert not peft.passed
    assert peft.error == "peft 0.19.0 is installed, but <0.22,>=0.21 is needed."


def test_a_version_that_is_none_does_not_fit() -> None:
    assert not check(service(installed=INSTALLED | {"peft": "of today"}), "peft").passed


def test_a_build_of_the_right_version_fits_whatever_its_local_part() -> None:
    assert check(service(installed=INSTALLED | {"torch": "2.13.0+cu130"}), "torch").passed


def test_a_path_with_spaces_stays_one_word_of_the_command() -> None:
    spaced = service(installed={}, runtime=PythonRuntime("3.11.7", "/my venv/bin/python"))
    assert shlex.split(check(spaced, "peft").fix_instructions)[1] == "/my venv/bin/python"


def test_requirements_of_other_platforms_and_extras_do_not_count() -> None:
    needed = ("torch", "pywin32; sys_platform == 'nowhere'", "sphinx; extra == 'docs'")
    names = [one.name for one in service(needed=needed).check_packages()]
    assert names == ["torch", *NAMES]


def test_a_studio_without_metadata_says_how_to_install_it() -> None:
    report = service(needed=None).check_all()
    assert not report.all_passed
    assert "pip install -e ." in report.recommendations[0]


def test_an_old_python_fails() -> None:
    old = service(runtime=PythonRuntime("3.9.1", "/usr/bin/python3"))
    python = check(old, "python")
    assert not python.passed
    assert "3.9.1" in python.error
    assert ">=3.11" in python.fix_instructions


def test_a_machine_without_a_gpu_passes_and_is_told_that_training_is_slower() -> None:
    report = service().check_all()
    cuda = next(one for one in report.checks if one.name == "cuda")
    assert (cuda.required, cuda.installed, cuda.passed) == (False, False, True)
    assert any(CUDA_HELP in line and "No NVIDIA driver" in line for line in report.recommendations)


def test_a_gpu_with_a_cuda_torch_is_available() -> None:
    report = service(FakeMachine(ONE_GPU), build=CUDA_TORCH)
    assert check(report, "cuda").installed
    assert report.check_all().recommendations == ()
    cuda = report.status().cuda
    assert (cuda.available, cuda.version, cuda.driver_version) == (True, "13.0", "580.65")
    assert (cuda.devices, cuda.torch_variant, cuda.note) == (("NVIDIA H200",), "cuda 13.0", "")


def test_a_gpu_with_a_cpu_torch_is_not_available_and_the_torch_is_named() -> None:
    mixed = service(FakeMachine(ONE_GPU))
    cuda = check(mixed, "cuda")
    assert not cuda.installed
    assert "torch 2.13.0+cpu is a cpu build" in cuda.error
    assert cuda.verdict is Verdict.WARNING
    assert cuda.fix_command[-3:] == ("torch==2.13.0", "-i", "https://download.pytorch.org/whl/cu130")
    assert shlex.join(cuda.fix_command) in cuda.fix_instructions
    assert mixed.summary().cuda_available is False


def test_no_torch_means_no_cuda() -> None:
    without = service(FakeMachine(ONE_GPU), build=None)
    assert without.status().cuda.available is False
    assert without.status().cuda.torch_variant is None


def test_an_optional_package_is_reported_but_never_recommended() -> None:
    report = service().check_all()
    unsloth = next(one for one in report.checks if one.name == "unsloth")
    assert (unsloth.required, unsloth.installed, unsloth.passed) == (False, False, True)
    assert not any("unsloth" in line for line in report.recommendations)
    assert service(installed=INSTALLED | {"unsloth": "2026.1"}).summary().unsloth_available


def test_the_summary_has_the_fields_of_the_interface() -> None:
    summary = service(installed={"torch": "2.13.0", "peft": "0.21.2"}).summary()
    assert summary.python_version == "3.11.7"
    assert summary.torch_available
    assert summary.transformers_version is None
    assert summary.peft_version == "0.21.2"
    assert summary.missing_packages == ("transformers",)


def test_a_torch_that_does_not_fit_is_not_available() -> None:
    assert service(installed=INSTALLED | {"torch": "1.13.0"}).summary().torch_available is False


def test_the_status_groups_the_facts_by_kind() -> None:
    status = service(installed=INSTALLED | {"peft": "0.1"}).status()
    assert (status.python.installed, status.python.path) == (True, "/venv/bin/python")
    peft = status.packages["peft"]
    assert (peft.installed, peft.version, peft.required, peft.compatible) == (True, "0.1", True, False)
    assert status.packages["torch"].compatible


def test_a_torch_build_names_its_variant() -> None:
    assert CUDA_TORCH.variant == "cuda 13.0"
    assert TorchBuild("2.13.0", None, "7.1").variant == "rocm 7.1"
    assert TorchBuild("2.13.0", None, None).variant == "cpu"
