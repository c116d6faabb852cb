"""The kernel's count of processes killed for want of memory: of our own control group where one counts."""

from pathlib import Path

from backend.probes.oom import oom_kills
from backend.probes.system_files import SystemFiles
from tests.fakes.machines import Files, write

MACHINE = {"proc/vmstat": "pgpgin 12\noom_kill 7\nnr_dirty 1\n"}
EVENTS = "low 0\nhigh 0\nmax 41\noom 2\noom_kill 1\noom_group_kill 0\n"


def count(folder: Path, files: Files) -> int | None:
    write(folder, files)
    return oom_kills(SystemFiles(folder))


def test_without_a_group_that_counts_those_of_the_machine_are_told(tmp_path: Path) -> None:
    own = {"proc/self/cgroup": "4:memory:/old\n0::/user.slice/studio.scope\n"}
    assert count(tmp_path, MACHINE | own) == 7


def test_a_kernel_that_does_not_count_or_count_in_numbers_is_unknown(tmp_path: Path) -> None:
    assert oom_kills(SystemFiles(tmp_path)) is None
    assert count(tmp_path, {"proc/vmstat": "pgpgin 12\n"}) is None
    assert count(tmp_path, {"proc/vmstat": "oom_kill many\n"}) is None


def test_those_of_our_own_group_count_before_those_of_the_machine(tmp_path: Path) -> None:
    scope = "sys/fs/cgroup/user.slice/studio.scope"
    own = {"proc/self/cgroup": "4:memory:/old\n0::/user.slice/studio.scope\n", f"{scope}/memory.events": EVENTS}
    outer = {"sys/fs/cgroup/user.slice/memory.events": "oom_kill 5\n"}
    assert count(tmp_path, MACHINE | own | outer) == 1


def test_where_the_own_group_has_no_memory_controller_the_one_around_it_counts(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/outer/inner\n", "sys/fs/cgroup/outer/inner/cgroup.procs": "1\n"}
    assert count(tmp_path, MACHINE | files | {"sys/fs/cgroup/outer/memory.events": EVENTS}) == 1


def test_in_a_container_that_sees_the_hosts_path_its_own_group_is_the_root_of_what_is_mounted(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/memory.events": EVENTS}
    assert count(tmp_path, MACHINE | files) == 1


def test_version_1_counts_in_a_file_of_its_own(tmp_path: Path) -> None:
    control = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"
    files = {"proc/self/cgroup": "4:memory:/jobs/a\n0::/\n", "sys/fs/cgroup/memory/jobs/a/memory.oom_control": control}
    assert count(tmp_path, MACHINE | files) == 3
    assert count(tmp_path, {"sys/fs/cgroup/memory/jobs/a/memory.oom_control": "under_oom 0\n"}) == 7, (
        "before Linux 4.13"
    )
