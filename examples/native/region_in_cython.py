"""Estimate pi in threads: a Python region around a Cython loop, which marks its own without the GIL."""

from concurrent.futures import ThreadPoolExecutor

import pi_by_chance

import pycarbon

THREADS, BATCHES = 2, 5000


def main() -> None:
    """Estimate pi in each thread, and print the mean."""
    estimate = pycarbon.region("estimate")

    def work(seed: int) -> float:
        with estimate:
            return pi_by_chance.pi(BATCHES, seed=seed)

    with ThreadPoolExecutor(THREADS) as pool:
        estimates = list(pool.map(work, range(1, THREADS + 1)))
    print(f"pi is about {sum(estimates) / THREADS:.3f}")


if __name__ == "__main__":
    main()
