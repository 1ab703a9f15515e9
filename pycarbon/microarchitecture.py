"""Which microarchitecture a CPU's identification numbers mean: facts typed from the vendors' lists.

x86: family and model as /proc/cpuinfo prints them (display values, decimal). Sources: Linux
arch/x86/include/asm/intel-family.h and arch/x86/kernel/cpu/amd.c; for arm64 the implementer and
part numbers of the MIDR register, Linux arch/arm64/include/asm/cputype.h.
"""

_INTEL_6 = {
    15: "Core", 22: "Core", 23: "Core", 29: "Core",
    26: "Nehalem", 30: "Nehalem", 31: "Nehalem", 46: "Nehalem",
    37: "Westmere", 44: "Westmere", 47: "Westmere",
    42: "Sandy Bridge", 45: "Sandy Bridge",
    58: "Ivy Bridge", 62: "Ivy Bridge",
    60: "Haswell", 63: "Haswell", 69: "Haswell", 70: "Haswell",
    61: "Broadwell", 71: "Broadwell", 79: "Broadwell", 86: "Broadwell",
    78: "Skylake", 94: "Skylake",
    142: "Kaby Lake", 158: "Coffee Lake",
    165: "Comet Lake", 166: "Comet Lake", 102: "Cannon Lake",
    125: "Ice Lake", 126: "Ice Lake", 106: "Ice Lake-SP", 108: "Ice Lake-SP",
    140: "Tiger Lake", 141: "Tiger Lake", 167: "Rocket Lake",
    151: "Alder Lake", 154: "Alder Lake", 138: "Lakefield",
    183: "Raptor Lake", 186: "Raptor Lake", 191: "Raptor Lake",
    170: "Meteor Lake", 172: "Meteor Lake",
    181: "Arrow Lake", 197: "Arrow Lake", 198: "Arrow Lake",
    189: "Lunar Lake", 204: "Panther Lake",
    143: "Sapphire Rapids", 207: "Emerald Rapids",
    173: "Granite Rapids", 174: "Granite Rapids",
    175: "Sierra Forest", 221: "Clearwater Forest",
    28: "Bonnell", 38: "Bonnell", 39: "Bonnell", 53: "Bonnell", 54: "Bonnell",
    55: "Silvermont", 74: "Silvermont", 77: "Silvermont", 90: "Silvermont", 93: "Silvermont",
    76: "Airmont", 92: "Goldmont", 95: "Goldmont", 122: "Goldmont Plus",
    134: "Tremont", 150: "Tremont", 156: "Tremont", 190: "Gracemont",
    87: "Knights Landing", 133: "Knights Mill",
}  # fmt: skip

# (family, first model, last model, name); ranges do not overlap except where the first one wins.
_AMD = (
    (0x10, 0x00, 0xFF, "K10"), (0x11, 0x00, 0xFF, "K10"), (0x12, 0x00, 0xFF, "K10"),
    (0x14, 0x00, 0xFF, "Bobcat"),
    (0x15, 0x02, 0x02, "Piledriver"), (0x15, 0x00, 0x0F, "Bulldozer"),
    (0x15, 0x10, 0x2F, "Piledriver"), (0x15, 0x30, 0x5F, "Steamroller"),
    (0x15, 0x60, 0x7F, "Excavator"),
    (0x16, 0x00, 0xFF, "Jaguar"),
    (0x17, 0x08, 0x08, "Zen+"), (0x17, 0x18, 0x18, "Zen+"), (0x17, 0x00, 0x2F, "Zen"),
    (0x17, 0x30, 0xAF, "Zen 2"),
    (0x18, 0x00, 0xFF, "Zen"),  # Hygon Dhyana, a licensed Zen
    (0x19, 0x00, 0x0F, "Zen 3"), (0x19, 0x10, 0x1F, "Zen 4"), (0x19, 0x20, 0x3F, "Zen 3"),
    (0x19, 0x40, 0x4F, "Zen 3+"), (0x19, 0x50, 0x5F, "Zen 3"), (0x19, 0x60, 0x9F, "Zen 4"),
    (0x19, 0xA0, 0xAF, "Zen 4c"),
    (0x1A, 0x10, 0x1F, "Zen 5c"), (0x1A, 0x00, 0x4F, "Zen 5"), (0x1A, 0x60, 0x7F, "Zen 5"),
    (0x1A, 0x50, 0xCF, "Zen 6"),
)  # fmt: skip

_ARM_IMPLEMENTERS = {
    0x41: "ARM", 0x42: "Broadcom", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon",
    0x4E: "NVIDIA", 0x51: "Qualcomm", 0x53: "Samsung", 0x61: "Apple", 0x6D: "Microsoft",
    0xC0: "Ampere",
}  # fmt: skip

_ARM_PARTS = {
    (0x41, 0xD03): "Cortex-A53", (0x41, 0xD04): "Cortex-A35", (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57", (0x41, 0xD08): "Cortex-A72", (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75", (0x41, 0xD0B): "Cortex-A76", (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD41): "Cortex-A78", (0x41, 0xD44): "Cortex-X1", (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710", (0x41, 0xD48): "Cortex-X2", (0x41, 0xD4D): "Cortex-A715",
    (0x41, 0xD4E): "Cortex-X3", (0x41, 0xD80): "Cortex-A520", (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD82): "Cortex-X4",
    (0x41, 0xD0C): "Neoverse N1", (0x41, 0xD49): "Neoverse N2", (0x41, 0xD8E): "Neoverse N3",
    (0x41, 0xD40): "Neoverse V1", (0x41, 0xD4F): "Neoverse V2", (0x41, 0xD84): "Neoverse V3",
    (0x41, 0xD83): "Neoverse V3", (0x41, 0xD4A): "Neoverse E1",
    (0x43, 0x0A1): "ThunderX", (0x43, 0x0AF): "ThunderX2", (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "TSV110", (0x48, 0xD02): "TSV200", (0x4E, 0x004): "Carmel",
    (0x51, 0x001): "Oryon", (0x51, 0xC00): "Falkor",
    (0x6D, 0xD49): "Neoverse N2", (0xC0, 0xAC3): "Ampere-1", (0xC0, 0xAC4): "Ampere-1A",
}  # fmt: skip


def x86_name(vendor: str | None, family: int, model: int, stepping: int | None) -> str | None:
    """The microarchitecture of an x86 CPU, or None where the numbers are not known."""
    if vendor == "GenuineIntel" and family == 6:
        if model == 85:
            # One model number for three server generations: only the stepping tells them apart.
            return _model_85(stepping)
        return _INTEL_6.get(model)
    if vendor in ("AuthenticAMD", "HygonGenuine"):
        for known_family, first, last, name in _AMD:
            if family == known_family and first <= model <= last:
                return name
    return None


def _model_85(stepping: int | None) -> str:
    if stepping is None or stepping <= 4:
        return "Skylake-SP"
    return "Cascade Lake" if stepping <= 9 else "Cooper Lake"


def arm_vendor(implementer: int) -> str | None:
    """Who designed an arm64 core."""
    return _ARM_IMPLEMENTERS.get(implementer)


def arm_name(implementer: int, part: int) -> str | None:
    """The core that an arm64 implementer and part number name, or None."""
    if implementer == 0x61:
        return "Apple"
    return _ARM_PARTS.get((implementer, part))


def names() -> frozenset[str]:
    """Every microarchitecture that identification can give."""
    amd = {name for *_, name in _AMD}
    intel = set(_INTEL_6.values()) | {"Skylake-SP", "Cascade Lake", "Cooper Lake"}
    return frozenset(amd | intel | set(_ARM_PARTS.values()) | {"Apple"})
