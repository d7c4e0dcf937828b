"""The `progresskit` command and its subcommands.

Knows arguments, exit statuses and the text of reports. No other module of the library imports this package.
"""
