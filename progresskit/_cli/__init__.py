"""The `progresskit` command and its subcommands.

Knows arguments, exit statuses and the text of reports. Does not know how a frame is drawn. No other module of the library imports
this package.
"""
