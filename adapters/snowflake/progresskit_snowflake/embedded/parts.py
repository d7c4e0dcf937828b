"""Uploads in parts, as S3 takes them: begun, sent part by part in any order, and completed to one file, or given up.

Knows what S3 answers, and files. Must not know SQL, nor how bytes come in: who takes them hands over a file for each part.
"""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from xml.sax.saxutils import escape

BUCKET = "s3_bucket"
_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


class Parts:
    """The uploads in parts that are under way.

    Args:
        folder: Where the parts lie until they are completed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._under_way: dict[str, dict[int, Path]] = {}  # number of the upload -> its parts

    def begin(self, key: str) -> str:
        """Begin an upload of `key`, and return what is to be answered."""
        number = str(next(self._numbers))
        self._under_way[number] = {}
        return (
            f"<InitiateMultipartUploadResult {_NAMESPACE}><Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key>"
            f"<UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
        )

    def place(self, upload: str, part: int) -> Path | None:
        """Return the file that a part is to become; None where no such upload is under way."""
        return None if upload not in self._under_way else self._folder / f"part-{upload}-{part}"

    def take(self, upload: str, part: int, path: Path) -> None:
        """Take a part that has come in whole; a second time it takes the place of the first."""
        self._under_way[upload][part] = path

    def complete(self, upload: str, key: str, target: Path) -> str | None:
        """Make one file of the parts, and return what is to be answered; None where no such upload is under way."""
        parts = self._under_way.pop(upload, None)
        if parts is None:
            return None
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / f"whole-{upload}").open("wb") as whole:
            for _, path in sorted(parts.items()):
                with path.open("rb") as part:
                    shutil.copyfileobj(part, whole, 1 << 20)
                path.unlink()
        Path(whole.name).replace(target)
        return (
            f"<CompleteMultipartUploadResult {_NAMESPACE}><Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key>"
            f'<ETag>"{upload}"</ETag></CompleteMultipartUploadResult>'
        )

    def give_up(self, upload: str) -> None:
        """Forget an upload and its parts."""
        for path in self._under_way.pop(upload, {}).values():
            path.unlink(missing_ok=True)
