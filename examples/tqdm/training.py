"""Fit a line to points by gradient descent, with a bar for the epochs and one for the batches: a program written for tqdm.

    progresskit run --tqdm -- python examples/tqdm/training.py

Usage: training.py [--epochs N] [--seconds SECONDS], the time that a batch takes at the least.
"""

import argparse
import random
import time

from tqdm import tqdm, trange

BATCHES, BATCH = 20, 32


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.02)
    options = parser.parse_args()
    numbers = random.Random(1)
    slope = offset = 0.0
    epochs = trange(options.epochs, desc="Epochs", unit="epoch")
    for epoch in epochs:
        loss = 0.0
        with tqdm(
            total=BATCHES,
            desc=f"epoch {epoch + 1}",
            leave=False,
            bar_format="{l_bar}{bar}| batch {n_fmt}/{total_fmt}{postfix}",
        ) as bar:
            for _ in range(BATCHES):
                time.sleep(options.seconds)
                points = [numbers.uniform(-1, 1) for _ in range(BATCH)]
                errors = [slope * x + offset - (3 * x + 1) for x in points]
                slope -= 0.2 * sum(error * x for error, x in zip(errors, points, strict=True)) / BATCH
                offset -= 0.2 * sum(errors) / BATCH
                loss = sum(error**2 for error in errors) / BATCH
                bar.update()
                bar.set_postfix(loss=loss)
        epochs.set_postfix(loss=loss)
        tqdm.write(f"epoch {epoch + 1}: slope {slope:.2f}, offset {offset:.2f}")
    print("trained")


if __name__ == "__main__":
    main()
