"""Load CSV files into Snowflake with a bar for each phase."""

from .progress import SnowflakeProgress

__all__ = ["SnowflakeProgress"]
