"""Load CSV files into Snowflake with a bar for each phase."""

from .copier import copy_into
from .progress import SnowflakeProgress
from .uploading import UploadError, Uploads, put

__all__ = ["SnowflakeProgress", "UploadError", "Uploads", "copy_into", "put"]
