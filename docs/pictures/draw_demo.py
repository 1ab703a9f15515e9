"""Draw what `make demo` shows as docs/pictures/demo.svg: run it in a terminal of our own and keep the text."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 112
ROOT = Path(__file__).resolve().parents[2]
SHOWN_AS = "pycarbon run --zone FRA -o digits.pcr -- python examples/train_digits.py"

DARK = TerminalTheme(
    (16, 20, 24),
    (220, 224, 228),
    [(16, 20, 24)] + [(220, 224, 228)] * 7,
    [(120, 128, 136)] + [(255, 255, 255)] * 7,
)

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
 role="img" aria-label="what pycarbon run prints">
<style>{styles} .{unique_id}-matrix {{ font: {char_height}px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }}
</style><defs>{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#101418"/>
<g transform="translate(18, 8)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""


def in_a_terminal(argv: list[str], folder: Path) -> str:
    """Run a command with a terminal for all its streams and give what it wrote there."""
    import fcntl
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYCARBON")}
    environ |= {"TERM": "xterm-256color", "XDG_CONFIG_HOME": str(folder)}
    process = subprocess.Popen(argv, cwd=folder, env=environ, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    written = bytearray()
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the terminal's last user has gone
            break
        if not part:
            break
        written += part
    if process.wait() != 0:
        raise SystemExit(f"the demo ended with {process.returncode}:\n{written.decode()}")
    return written.decode().replace("\r\n", "\n")


def main() -> None:
    """Run the demo and write the picture."""
    binaries = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        argv = [str(binaries / "pycarbon"), *SHOWN_AS.split()[1:]]
        argv[argv.index("python")] = str(binaries / "python")
        text = in_a_terminal(argv, Path(folder))
        text = text.replace(str(Path(folder).resolve()), "~").replace(str(binaries / "python"), "python")
    text = re.sub(r"\n{2,}$", "\n", text)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.assemble(("$ ", "dim"), (SHOWN_AS, "bold")))
        console.print(Text.from_ansi(text), soft_wrap=True)
        svg = console.export_svg(theme=DARK, code_format=SVG, unique_id="demo")
    target = ROOT / "docs" / "pictures" / "demo.svg"
    target.write_text(re.sub(r"[ \t]+\n", "\n", svg), encoding="utf-8")
    print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
