"""Sensors on trees of files as the kernel shows them, and on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.health.sensors import clock_synchronised, disk_free_bytes, read_sensors, resident_bytes, temperature_c, throttled


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path


def put(tree: Path, path: str, content: object) -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(f"{content}\n")


def zones(tree: Path, **temperatures: object) -> None:
    for number, (kind, value) in enumerate(temperatures.items()):
        put(tree, f"sys/class/thermal/thermal_zone{number}/type", kind.replace("_", "-"))
        put(tree, f"sys/class/thermal/thermal_zone{number}/temp", value)


def cooling(tree: Path, *devices: tuple[str, object]) -> None:
    for number, (kind, state) in enumerate(devices):
        put(tree, f"sys/class/thermal/cooling_device{number}/type", kind)
        put(tree, f"sys/class/thermal/cooling_device{number}/cur_state", state)


def test_the_hottest_processor_of_a_jetson_nano_is_told_and_not_its_power_chip(tree: Path) -> None:
    zones(tree, AO_therm=41500, CPU_therm=38000, GPU_therm=39500, PMIC_Die=100000)
    assert temperature_c(tree) == 39.5


def test_a_zone_that_is_powered_off_or_says_nonsense_is_passed_over(tree: Path) -> None:
    zones(tree, cpu_thermal=51250, gpu_thermal=-256000, cv0_thermal="", soc0_thermal="hot", tj_thermal=990000)
    (tree / "sys/class/thermal/thermal_zone5").mkdir()
    assert temperature_c(tree) == 51.25


@pytest.mark.parametrize("other", [{}, {"PMIC_Die": 100000}, {"acpitz": 27800, "iwlwifi_1": 50000}])
def test_without_a_processors_zone_the_temperature_is_not_known(tree: Path, other: dict[str, int]) -> None:
    zones(tree, **other)
    assert temperature_c(tree) is None


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ([("cpu-throttle-alert", 0), ("cpufreq-cpu0", 0), ("pwm-fan", 3)], False),
        ([("cpu-throttle-alert", 1), ("pwm-fan", 3)], True),
        ([("thermal-devfreq-0", 2)], True),
        ([("Processor", 0), ("intel_powerclamp", -1), ("TCC Offset", 63)], False),
        ([("pwm-fan", 3), ("intel_backlight", 1), ("TCC Offset", 63)], None),
        ([("cpufreq-cpu0", "")], None),
        ([], None),
    ],
)
def test_only_cooling_that_slows_the_processors_is_throttling(tree: Path, devices: list[tuple[str, object]], expected: bool | None) -> None:
    cooling(tree, *devices)
    assert throttled(tree) is expected


@pytest.mark.parametrize(("flags", "expected"), [("0", False), ("50005", True), ("50000", False), ("1", False), ("8", True), ("?", None)])
def test_a_raspberry_pi_throttles_now_or_did_once(tree: Path, flags: str, expected: bool | None) -> None:
    put(tree, "sys/devices/platform/soc/soc:firmware/get_throttled", flags)
    assert throttled(tree) is expected


def test_space_that_only_root_may_write_is_not_free(tmp_path: Path) -> None:
    assert disk_free_bytes(tmp_path, lambda _: SimpleNamespace(f_bavail=7, f_bfree=1000, f_frsize=4096)) == 7 * 4096
    assert disk_free_bytes(tmp_path / "gone") == 0


@pytest.mark.parametrize(
    ("kernel", "folder", "file", "expected"),
    [
        (True, False, False, True),
        (False, True, True, False),
        (None, True, True, True),
        (None, True, False, False),
        (None, False, False, None),
    ],
)
def test_the_kernels_word_on_the_clock_goes_before_timesyncds(
    tree: Path, kernel: bool | None, folder: bool, file: bool, expected: bool | None
) -> None:
    if folder:
        (tree / "run/systemd/timesync").mkdir(parents=True)
    if file:
        put(tree, "run/systemd/timesync/synchronized", "")
    assert clock_synchronised(tree, lambda: kernel) is expected


def test_memory_of_a_child_is_counted_with_the_agents(tree: Path) -> None:
    put(tree, "proc/10/statm", "9000 500 1 1 0 1 0")
    put(tree, "proc/10/task/10/children", "")
    put(tree, "proc/10/task/11/children", "20 21")
    put(tree, "proc/20/statm", "9000 30 1 1 0 1 0")
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    assert resident_bytes(10, tree) == 530 * page_bytes
    assert resident_bytes(20, tree) == 30 * page_bytes


def test_memory_of_this_process_is_what_the_kernel_says_elsewhere() -> None:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found = resident_bytes(os.getpid())
    assert found is not None
    assert found == pytest.approx(int(status["VmRSS"].split()[0]) * 1024, rel=0.2)


def test_a_machine_without_any_of_the_files_gives_readings_all_the_same(tree: Path) -> None:
    readings = read_sensors(tree, tree)
    assert (readings.temperature_c, readings.throttled, readings.resident_bytes) == (None, None, None)
    assert readings.disk_free_bytes > 0
