"""Load CSV files into Snowflake with a bar for each phase."""

from .progress import SnowflakeProgress
from .uploading import put

__all__ = ["SnowflakeProgress", "put"]
