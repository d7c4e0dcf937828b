"""Download files at the same time, each with a bar of its bytes: a program written for tqdm.

    progresskit run --tqdm -- python examples/tqdm/download.py URL...

Usage: download.py [--folder FOLDER] URL...
"""

import argparse
import threading
import urllib.request
from pathlib import Path

from tqdm import tqdm


def download(url, folder, position):
    name = url.rpartition("/")[2]
    with urllib.request.urlopen(url) as response, (folder / name).open("wb") as file:
        length = response.headers.get("Content-Length")
        with tqdm(
            total=int(length) if length else None,
            desc=name,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            position=position,
        ) as bar:
            while data := response.read(16_384):
                bar.update(file.write(data))
    tqdm.write(f"saved {name}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("urls", nargs="+", metavar="URL")
    options = parser.parse_args()
    threads = [
        threading.Thread(target=download, args=(url, options.folder, position))
        for position, url in enumerate(options.urls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
