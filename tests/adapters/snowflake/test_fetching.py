"""Claims about reading rows in several threads at once."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

# The reader is the connector's own. The first thread that makes its logger stays there until the other is about to read, for up to
# half a second.
TWO_THREADS = """
    import base64, threading
    import pyarrow
    from snowflake.connector import result_batch, snow_logging
    from snowflake.connector.arrow_context import ArrowConverterContext
    from snowflake.connector.constants import IterUnit
    from progresskit_snowflake.versions import rows_of

    sink = pyarrow.BufferOutputStream()
    column = pyarrow.field("A", pyarrow.int64(), metadata={
        "logicalType": "FIXED", "scale": "0", "precision": "18", "charLength": "0", "finalType": "T"})
    batch = pyarrow.record_batch([pyarrow.array([1, 2])], schema=pyarrow.schema([column]))
    with pyarrow.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    rows = base64.b64encode(sink.getvalue().to_pybytes())
    make, making, coming = snow_logging.getSnowLogger, threading.Event(), threading.Event()

    def make_slowly(*arguments):
        making.set()
        coming.wait(0.5)
        return make(*arguments)

    snow_logging.getSnowLogger = make_slowly

    class Cursor:
        def fetchall(self):
            if making.is_set():
                coming.set()
            return result_batch._create_nanoarrow_iterator(
                base64.b64decode(rows), ArrowConverterContext(), False, False, False, IterUnit.ROW_UNIT)

    found = []
    first = threading.Thread(target=lambda: found.append(rows_of(Cursor())), daemon=True)
    first.start()
    assert making.wait(30)
    found.append(rows_of(Cursor()))
    first.join()
    print(found)
"""


def test_two_threads_read_their_first_rows() -> None:
    """Two threads that read rows for the first time do not wait for each other: connector 4.x would for ever."""
    pytest.importorskip(
        "snowflake.connector.nanoarrow_arrow_iterator", reason="connector 5.x reads rows in another way"
    )
    pytest.importorskip("pyarrow")
    command = [sys.executable, "-c", textwrap.dedent(TWO_THREADS)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.stderr) == ("[[(1,), (2,)], [(1,), (2,)]]\n", "")
