"""`python -m progresskit.tqdm`."""

from progresskit.tqdm.cli import main

main()
