"""`python -m progresskit`: the command line."""

from .cli import main

raise SystemExit(main())
