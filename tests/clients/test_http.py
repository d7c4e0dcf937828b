"""Downloads and uploads with requests, urllib3, httpx, aiohttp and urllib, over loopback."""

from __future__ import annotations

import asyncio
import io
import urllib.request
from typing import Any

import pytest
from needed import need
from serving import BODY, PACKED

from progresskit import wrap_file, wrap_response

PATHS = {"/plain.bin": len(BODY), "/gzip.bin": len(PACKED), "/chunked.bin": None, "/chunked-gzip.bin": None}


def check(tracked: Any, path: str, data: bytes, *, decoded: bool = True, total: Any = ...) -> None:
    """Check that the whole body arrived, and that the task ended at its bytes on the wire if there is a length."""
    assert data == (BODY if decoded or "gzip" not in path else PACKED)
    length = PATHS[path] if total is ... else total
    description, done, known, state = tracked.ended()[-1]
    assert (description, known, state) == (path[1:], length, "finished")
    assert done == (length or done) and done > 0


@pytest.mark.parametrize("path", PATHS)
def test_requests(tracked: Any, served: Any, path: str) -> None:
    """requests: by iteration and by `read`, and an upload."""
    requests = need("requests")
    with requests.get(served.url + path, stream=True, timeout=60) as response:
        check(tracked, path, b"".join(wrap_response(response)))
    with requests.get(served.url + path, stream=True, timeout=60) as response:
        check(tracked, path, wrap_response(response).read())
    with tracked.add_task("up", total=len(BODY), unit="B") as task:
        requests.put(served.url, data=wrap_file(io.BytesIO(BODY), task), timeout=60)
    assert (served.bodies.pop(), task.completed) == (BODY, len(BODY))


@pytest.mark.parametrize("path", PATHS)
def test_urllib3(tracked: Any, served: Any, path: str) -> None:
    """urllib3: by iteration and by `read` in pieces."""
    urllib3 = need("urllib3")
    response = urllib3.request("GET", served.url + path, preload_content=False)
    whole = b"".join(wrap_response(response, path[1:]))
    check(
        tracked, path, whole, decoded=path != "/chunked-gzip.bin"
    )  # which `stream` does not decode unless it is told to
    body, data = wrap_response(urllib3.request("GET", served.url + path, preload_content=False), path[1:]), b""
    while piece := body.read(50_000):
        data += piece
    check(tracked, path, data)


@pytest.mark.parametrize("path", PATHS)
def test_httpx(tracked: Any, served: Any, path: str) -> None:
    """httpx: both of its clients, and an upload."""
    httpx = need("httpx")
    with httpx.stream("GET", served.url + path) as response:
        check(tracked, path, b"".join(wrap_response(response)))

    async def download() -> bytes:
        async with httpx.AsyncClient() as client, client.stream("GET", served.url + path) as response:
            return b"".join([data async for data in wrap_response(response)])

    check(tracked, path, asyncio.run(download()))
    with tracked.add_task("up", total=len(BODY), unit="B") as task:
        headers = {"Content-Length": str(len(BODY))}
        httpx.put(served.url, content=wrap_file(io.BytesIO(BODY), task), headers=headers)
    assert (served.bodies.pop(), task.completed) == (BODY, len(BODY))


@pytest.mark.parametrize("path", PATHS)
def test_aiohttp(tracked: Any, served: Any, path: str) -> None:
    """aiohttp: a download; an upload by `wrap_file`."""
    aiohttp = need("aiohttp")

    async def transfer() -> bytes:
        async with aiohttp.ClientSession() as session:
            async with wrap_response(await session.get(served.url + path)) as response:
                data = b"".join([data async for data in response])
            with tracked.add_task("up", total=len(BODY), unit="B") as task:
                headers = {"Content-Length": str(len(BODY))}
                async with session.put(served.url, data=wrap_file(io.BytesIO(BODY), task), headers=headers):
                    pass
            assert task.completed == len(BODY)
            tracked.added.pop()
            return data

    data = asyncio.run(transfer())
    assert served.bodies.pop() == BODY
    check(tracked, path, data, total=tracked.added[-1].total)
    assert tracked.added[-1].total in (PATHS[path], None)


@pytest.mark.parametrize("path", ["/plain.bin", "/gzip.bin"])
def test_urllib(tracked: Any, served: Any, path: str) -> None:
    """urllib, which decodes nothing: by iteration, and a hook of `urlretrieve`."""
    with wrap_response(urllib.request.urlopen(served.url + path)) as response:
        check(tracked, path, b"".join(response), decoded=False)
    with tracked.add_task("retrieved", unit="B") as task:
        urllib.request.urlretrieve(
            served.url + path, reporthook=lambda blocks, size, total: task.report(min(blocks * size, total), total)
        )
    assert (task.completed, task.total) == (PATHS[path], PATHS[path])


def test_ended_early(tracked: Any, served: Any) -> None:
    """A truncated body is not finished, and a loop that is left has not failed; errors are the library's own."""
    response = wrap_response(urllib.request.urlopen(f"{served.url}/cut.bin"))
    data = b""
    while piece := response.read(50_000):
        data += piece
    assert tracked.ended()[-1] == ("cut.bin", len(BODY) // 2, len(BODY), "failed")
    for _ in wrap_response(urllib.request.urlopen(f"{served.url}/plain.bin")):
        break
    assert (tracked.added[-1].state, tracked.added[-1].reason) == ("cancelled", "stopped early")
    requests = need("requests")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(wrap_response(requests.get(f"{served.url}/cut.bin", stream=True, timeout=60)))
    assert tracked.added[-1].state == "failed"
