"""A local server for the jobs of a script, until it is ended by SIGTERM or Ctrl-C.

    python examples/local_server.py FOLDER

writes FOLDER/connections.toml when the server is there: with SNOWFLAKE_HOME=FOLDER, `--connection local` leads to it.
"""

import json
import os
import signal
import sys
from pathlib import Path

from progresskit_snowflake.embedded import embedded_server


def main(folder: Path) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with embedded_server() as server:
            plain = {name: value for name, value in server.arguments.items() if not isinstance(value, dict)}
            lines = ["[local]", *(f"{name} = {json.dumps(value)}" for name, value in plain.items())]
            partial = folder / "connections.partial"
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            partial.replace(folder / "connections.toml")
            signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
