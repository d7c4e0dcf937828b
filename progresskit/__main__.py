"""`python -m progresskit`: the command line."""

from ._cli.entry import main

raise SystemExit(main())
