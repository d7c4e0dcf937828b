"""Count the bytes of an upload that have arrived, by the kernel, by a proxy, or by the bodies that the connector sends;
and stop an upload.

Knows sockets and the connector's ways of sending. Does not know files' contents or bars.
"""
