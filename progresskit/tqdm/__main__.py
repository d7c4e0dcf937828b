"""`python -m progresskit.tqdm`."""

from .cli import main

main()
