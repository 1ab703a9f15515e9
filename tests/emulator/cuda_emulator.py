"""Builds the emulated CUDA driver: a libcuda.so.1 whose device is busy for as long as a test says.

library = ctypes.CDLL(cuda_emulator.build(folder))
library.cuda_emulator_launch(ctypes.c_int64(1_000_000))     # a millisecond of work, queued
library.cuCtxSynchronize()                                  # waits for it
"""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("cuda_emulator.c")
GCC = ("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-shared", "-fPIC")


def build(folder: Path) -> Path:
    """Compile it into a folder, under the name by which programs find the driver."""
    library = folder / "libcuda.so.1"
    subprocess.run([*GCC, f"-Wl,-soname,{library.name}", str(SOURCE), "-o", str(library)], check=True)
    return library
