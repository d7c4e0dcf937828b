"""How many bytes of an upload have arrived: by the kernel, by a proxy, by the bodies that the connector sends, and how one is stopped.

Knows sockets and the connector's ways of sending. Does not know files' contents or bars.
"""
