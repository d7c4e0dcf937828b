"""The `progresskit` command: `demo`, `renderers`, `run`, `pipe` and `report`.

Knows arguments, exit statuses and what a person reads. Nothing of the library imports from here.
"""
