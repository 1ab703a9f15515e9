"""Which machine this is: what a run records about it, and what the model of its power starts from.

Read once when a recording starts. Whatever cannot be read or makes no sense is None: nothing here
raises, whatever the files hold.
"""

import os
import platform
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pycarbon.microarchitecture import arm_name, arm_vendor, x86_name

try:
    from _blake2 import (
        blake2b,
    )  # without OpenSSL, which hashlib loads: that would take every start a few milliseconds
except ImportError:
    from hashlib import blake2b

_MAX_BYTES = 8 << 20  # /proc/cpuinfo of a 1024-thread machine has about 2 MB
_LINE_BYTES = 1 << 16  # the kernel refuses to be asked for megabytes of what lies under /proc/sys
_CONTAINER_WORDS = ("docker", "kubepods", "containerd", "libpod", "lxc", "garden", "/ecs/")
_VM_WORDS = re.compile(
    r"kvm|qemu|amazon ec2|google compute engine|vmware|virtualbox|virtual machine|xen|bochs|"
    r"openstack|droplet|hvm domu|parallels|alibaba cloud ecs",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as seen from inside: on a virtual machine the counts are the guest's share.

    `vendor` is the x86 vendor string or the designer of an arm64 core, whose part number is
    `model`. `boot` is the same for all that runs under one kernel from one start of it to the next, in
    containers too, and for nothing else: those share counters and CLOCK_MONOTONIC. It is a digest, since the
    kernel's own id is for software on the machine to know. Whatever nothing tells is None.
    """

    arch: str | None = None
    vendor: str | None = None
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    brand: str | None = None
    microarchitecture: str | None = None
    n_threads: int | None = None
    n_cores: int | None = None
    n_packages: int | None = None
    memory_bytes: int | None = None
    os: str | None = None
    kernel: str | None = None
    hostname: str | None = None
    hypervisor: bool | None = None
    hypervisor_name: str | None = None
    container: bool | None = None
    boot: str | None = None

    @property
    def threads_per_core(self) -> int | None:
        """Logical CPUs per core, None where either count is unknown."""
        if not self.n_threads or not self.n_cores:
            return None
        return max(1, round(self.n_threads / self.n_cores))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; `from_dict` gives the machine back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Machine":
        """The machine that `to_dict` wrote, of this version or another: what it lacks is None."""
        return cls(**{field.name: data.get(field.name) for field in fields(cls)})


def identify(proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Machine:
    """Identify the machine from its /proc and /sys, or from Python's `platform` without them."""
    processors = _processors(_read(proc / "cpuinfo"))
    online = _online(sys)
    n_threads = len(online) or len(processors) or os.cpu_count()
    n_cores, n_packages = _topology(processors, sys, online)
    return replace(
        _host(proc, sys, processors, _cpu(processors)),
        n_threads=n_threads,
        n_cores=n_cores,
        n_packages=n_packages,
        memory_bytes=_memory_bytes(proc),
    )


def clock_ticks_per_s() -> int:
    """How many of /proc/stat's ticks make a second."""
    try:
        return os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError):
        return 100


def _read(path: Path, most_bytes: int = _MAX_BYTES) -> str:
    try:
        with path.open("rb") as file:
            return file.read(most_bytes).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _line(path: Path) -> str | None:
    text = _read(path, _LINE_BYTES).replace("\x00", "").strip()
    return text.splitlines()[0].strip()[:256] if text else None


def _number(text: str | None) -> int | None:
    """A small non-negative integer, decimal or 0x, else None."""
    if text is None or not re.fullmatch(r"(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,9})", text.strip()):
        return None
    text = text.strip().lower()
    return int(text, 16) if text.startswith("0x") else int(text)


def _processors(cpuinfo: str) -> list[dict[str, str]]:
    """The `key: value` blocks of /proc/cpuinfo, one per logical CPU that names its number."""
    blocks: list[dict[str, str]] = []
    for line in cpuinfo.splitlines():
        key, colon, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if not colon:
            continue
        if key == "processor" and value.isdecimal():
            blocks.append({})
        if blocks:
            blocks[-1].setdefault(key, value)
    return blocks


def _cpu(processors: list[dict[str, str]]) -> Machine:
    first = processors[0] if processors else {}
    implementer, part = _number(first.get("CPU implementer")), _number(first.get("CPU part"))
    if implementer is not None:
        # The fastest cluster comes last on big.LITTLE parts and takes most of the power.
        part = _number(processors[-1].get("CPU part")) or part
        name = None if part is None else arm_name(implementer, part)
        brand = first.get("model name") or first.get("Model")
        return Machine(
            arch="aarch64",
            vendor=arm_vendor(implementer),
            model=part,
            brand=brand,
            microarchitecture=name,
        )
    vendor = first.get("vendor_id")
    family, model = _number(first.get("cpu family")), _number(first.get("model"))
    stepping = _number(first.get("stepping"))
    if family is None and os.name == "nt":
        vendor, family, model, stepping = _windows(platform.processor())
    name = None
    if family is not None and model is not None:
        name = x86_name(vendor, family, model, stepping)
    arch = _arch() if vendor is None else "x86_64"
    if name is None and arch == "aarch64" and platform.system() == "Darwin":
        vendor, name = "Apple", "Apple"
    return Machine(arch, vendor, family, model, stepping, first.get("model name"), name)


def _windows(text: str) -> tuple[str | None, int | None, int | None, int | None]:
    match = re.match(r"\w+ Family (\d+) Model (\d+) Stepping (\d+), (\w+)", text)
    if match is None:
        return None, None, None, None
    return match[4], int(match[1]), int(match[2]), int(match[3])


def _arch() -> str | None:
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine) or None


def _online(sys: Path) -> list[int]:
    """The logical CPUs that are switched on, from a list such as `0-3,8`."""
    cpus: list[int] = []
    for part in (_line(sys / "devices/system/cpu/online") or "").split(","):
        first, _, last = part.partition("-")
        low, high = _number(first), _number(last or first)
        if low is None or high is None or not low <= high < 1 << 16:
            return []
        cpus.extend(range(low, high + 1))
    return cpus


def _topology(processors: list[dict[str, str]], sys: Path, online: list[int]) -> tuple[int | None, int | None]:
    pairs = [(_number(p.get("physical id")), _number(p.get("core id"))) for p in processors]
    if not pairs or any(None in pair for pair in pairs):
        folder = sys / "devices/system/cpu"
        pairs = [
            (_number(_line(at / "physical_package_id")), _number(_line(at / "core_id")))
            for at in (folder / f"cpu{cpu}" / "topology" for cpu in online)
        ]
    cores = set(pairs)
    packages = {package for package, _ in pairs}
    # arm64 firmware without a topology table says package -1: then only the cores can be counted.
    n_cores = len(cores) if cores and all(core is not None for _, core in cores) else None
    n_packages = len(packages) if packages and None not in packages else None
    return n_cores, n_packages


def _memory_bytes(proc: Path) -> int | None:
    match = re.search(r"^MemTotal:\s*(\d{1,15}) kB", _read(proc / "meminfo"), re.MULTILINE)
    if match is not None:
        return int(match[1]) * 1024 or None
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _host(proc: Path, sys: Path, processors: list[dict[str, str]], cpu: Machine) -> Machine:
    names = (_line(sys / "class/dmi/id" / name) for name in ("sys_vendor", "product_name"))
    dmi = " ".join(name for name in names if name)
    hypervisor = _hypervisor(processors, sys, dmi)
    name = _line(sys / "hypervisor/type") or dmi or None
    return replace(
        cpu,
        os=platform.system() or None,
        kernel=_line(proc / "sys/kernel/osrelease") or platform.release() or None,
        hostname=_line(proc / "sys/kernel/hostname") or platform.node() or None,
        hypervisor=hypervisor,
        hypervisor_name=name if hypervisor else None,
        container=_container(proc),
        boot=_boot(proc),
    )


def _boot(proc: Path) -> str | None:
    boot_id = _line(proc / "sys/kernel/random/boot_id")
    return None if boot_id is None else blake2b(boot_id.encode(), digest_size=16, person=b"pycarbon").hexdigest()


def _hypervisor(processors: list[dict[str, str]], sys: Path, dmi: str) -> bool | None:
    flags = processors[0].get("flags") if processors else None
    if flags is not None:
        return "hypervisor" in flags.split()
    if ".metal" in dmi:
        return False
    if _line(sys / "hypervisor/type") or _VM_WORDS.search(dmi):
        return True
    return None


def _container(proc: Path) -> bool | None:
    cgroup, mounts = _read(proc / "1/cgroup"), _read(proc / "self/mountinfo")
    if any(word in cgroup for word in _CONTAINER_WORDS):
        return True
    for line in mounts.splitlines():
        fields = line.split(" - ", 1)
        if len(fields) == 2 and fields[0].split()[4:5] == ["/"]:
            return fields[1].startswith("overlay ")
    return None
