"""The version of tqdm's interface that this package has; programs compare it."""

__version__ = "4.70.1"
