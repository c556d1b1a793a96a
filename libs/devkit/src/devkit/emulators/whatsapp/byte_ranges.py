"""A part of a file, as browsers ask for it to move within a recording (RFC 9110, section 14).

One range from its start only; anything else gets the whole file, as the RFC allows.
"""

import re

from starlette.responses import Response

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def ranged(content: bytes, media_type: str, wanted: str, headers: dict[str, str]) -> Response:
    """`wanted`: the Range header, or ""."""
    headers = headers | {"Accept-Ranges": "bytes"}
    asked = RANGE.fullmatch(wanted)
    if asked is None:
        return Response(content, 200, headers, media_type)
    start, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    if start > last:
        return Response(b"", 416, headers | {"Content-Range": f"bytes */{len(content)}"})
    headers |= {"Content-Range": f"bytes {start}-{last}/{len(content)}"}
    return Response(content[start : last + 1], 206, headers, media_type)
