"""Count primes in ranges, in a pool of processes that have bars of their own: a program written for tqdm.

    progresskit run --tqdm -- python examples/tqdm/pool.py

Usage: pool.py [--ranges N] [--size N] [--workers N]
"""

import argparse
from functools import partial

from tqdm import tqdm
from tqdm.contrib.concurrent import process_map


def primes(size, number):
    first = number * size
    count = 0
    for candidate in tqdm(range(first, first + size), desc=f"range {number}", unit="number", leave=False):
        count += candidate > 1 and all(candidate % divisor for divisor in range(2, int(candidate**0.5) + 1))
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ranges", type=int, default=6)
    parser.add_argument("--size", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    counts = process_map(
        partial(primes, options.size), range(options.ranges), max_workers=options.workers, desc="Ranges", unit="range"
    )
    print(f"{sum(counts)} primes below {options.ranges * options.size}")


if __name__ == "__main__":
    main()
