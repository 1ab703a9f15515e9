"""What a CPU's brand string tells: one key however it is spelled, and the microarchitecture."""

import re

TIERS = ("platinum", "gold", "silver", "bronze")

# Patterns are texts, compiled by re when first used: most runs start without any of them.

# Applied in order to the lower-cased brand. What is dropped says nothing about power.
_REWRITES = (
    (r"[®™]|\((r|tm)\)", " "),
    (r"@.*$|\bwith .*$|\bw/.*$|\[[^]]*\]|\([^)]*\)", " "),
    (r"\b(\w+-core|\d+ cores?|64-bit|processor|cpu|apu|soc|dell sku)\b", " "),
    (r"\b\d+th gen\b", " "),
    (r"[,:;_/]", " "),
    (r"\b(amd|intel|ampere|genuine)\b", " "),
    (r"\bcore ?2\b", "core 2"),
    (r"\bfx -(?=\d)", "fx-"),
    (r"\bfx -(?=\d)", "fx-"),
    (r"\bxeon-d\b", "xeon d"),
    (r"\bxeon ([de]) (?:\1-)?(?=\d)", r"xeon \1-"),
    (r"(?<=\d)(l?) ?v(\d)\b", r"\1 v\2"),
    (r"(?<=\d) ?(he|ee|se)\b", r" \1"),
    (r"\baltra max m", "altra m"),
)

# First match wins; the keys are what brand_key returns.
_MICROARCHITECTURES = (
    (r"epyc 7\d\w1p?$", "Zen"),
    (r"epyc 7[\w]\w2p?$", "Zen 2"),
    (r"epyc 7\w\w3[px]?$", "Zen 3"),
    (r"epyc (97\d4s?|8\d\d4pn?)$", "Zen 4c"),
    (r"epyc [49]\d\d4(p|px|f|x)?$", "Zen 4"),
    (r"epyc 9(645|745|825|845|965)p?$", "Zen 5c"),
    (r"epyc [49]\d\d5(p|px|f)?$", "Zen 5"),
    (r"xeon e[357]-\w+ v6$|xeon e3-\w+ v5$", "Skylake"),
    (r"xeon e[357]-\w+ v4$", "Broadwell"),
    (r"xeon e[357]-\w+ v3$", "Haswell"),
    (r"xeon e[357]-\w+ v2$", "Ivy Bridge"),
    (r"xeon e7-[248]8\d\dl?$", "Westmere"),
    (r"xeon e[357]-\d+l?$", "Sandy Bridge"),
    (r"xeon (platinum|gold|silver|bronze) \d1\d\d\w*$", "Skylake-SP"),
    (r"xeon (platinum|gold|silver|bronze) \d2\d\d\w*$", "Cascade Lake"),
    (r"xeon (platinum|gold) \d3\d\dhl?$", "Cooper Lake"),
    (r"xeon (platinum|gold|silver|bronze) \d3\d\d\w*$", "Ice Lake-SP"),
    (r"xeon (platinum|gold|silver|bronze) \d4\d\d[\w+]*$", "Sapphire Rapids"),
    (r"xeon (platinum|gold|silver|bronze) \d5\d\d[\w+]*$", "Emerald Rapids"),
    (r"xeon 8480\+$", "Sapphire Rapids"),
    (r"xeon 8592\+$", "Emerald Rapids"),
    (r"xeon (\w+ )?6[79]\d\de$", "Sierra Forest"),
    (r"xeon 63\d\dp$", "Raptor Lake"),
    (r"xeon 6[579]\d\dp$", "Granite Rapids"),
    (r"xeon d-[12]7\d\d\w*$", "Ice Lake-SP"),
    (r"xeon e-2[12]\d\d\w*$", "Coffee Lake"),
    (r"xeon e-23\d\d\w*$", "Rocket Lake"),
    (r"xeon e-24\d\d\w*$", "Raptor Lake"),
    (r"xeon [elxw]55\d\d$|xeon x34\d\d$|xeon [elx]75\d\d$", "Nehalem"),
    (r"xeon [elxw]?56\d\d$", "Westmere"),
    (r"altra ", "Neoverse N1"),
    (r"grace ", "Neoverse V2"),
    (r"arm cortex-a53\b|cortex a53\b", "Cortex-A53"),
    (r"core i\d-4\d{3}\w?$", "Haswell"),
    (r"core ultra \d 2\d\d\w*$", "Arrow Lake"),
)

_SERVER = r"epyc|opteron|xeon|altra|neoverse|graviton|grace|cobalt|axion"


def brand_key(brand: str) -> str:
    """One spelling for every spelling of a CPU's name: `AMD EPYC 7742 64-Core Processor` and
    `EPYC 7742` both give `epyc 7742`."""
    key = brand.lower()
    for pattern, replacement in _REWRITES:
        key = re.sub(pattern, replacement, key)
    return " ".join(key.split())


def sibling_keys(key: str) -> tuple[str, ...]:
    """The same Xeon with another tier word or none, for lists and vendors that mix them up."""
    words = key.split()
    if len(words) < 2 or words[0] != "xeon":
        return ()
    number = [word for word in words[1:] if word not in TIERS]
    if not number or not re.match(r"\d{4}", number[0]):
        return ()
    spellings = (["xeon", *number], *(["xeon", tier, *number] for tier in TIERS))
    return tuple(" ".join(spelling) for spelling in spellings if spelling != words)


def find_tdp_w(key: str, tdp_w: dict[str, float]) -> float | None:
    """The design power listed for a key, or for its siblings where they all agree, else None."""
    if key in tdp_w:
        return tdp_w[key]
    found = {tdp_w[sibling] for sibling in sibling_keys(key) if sibling in tdp_w}
    return found.pop() if len(found) == 1 else None


def microarchitecture_of(key: str) -> str | None:
    """The microarchitecture that a brand key names, where the name alone tells."""
    for pattern, name in _MICROARCHITECTURES:
        if re.match(pattern, key):
            return name
    return None


def is_server(key: str) -> bool:
    """Whether a brand key names a server part: those keep to their design power."""
    return re.match(_SERVER, key) is not None
