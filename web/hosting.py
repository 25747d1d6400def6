"""What a static host does with the files of the site: types, compression, caching."""

from __future__ import annotations

import zlib
from pathlib import Path

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/json",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
OTHER = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"
# Hosts that read a file of this name do so at the root of the site; others ignore it.
HEADERS_FILE = "_headers"
HEADERS = f"""\
# Under pyodide/ a file's address is made from its content.
/pyodide/*
  Cache-Control: {FOREVER}
/*
  X-Content-Type-Options: nosniff
"""


def compresses(path: Path) -> bool:
    """Say whether hosts compress the file on its way; wheels are compressed already."""
    return path.suffix in TYPES


def gzipped(content: bytes) -> bytes:
    """Return the content as gzip, at the level that hosts use by default."""
    compressor = zlib.compressobj(level=6, wbits=16 + zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def transfer(path: Path) -> int:
    """Return how many bytes of the file travel."""
    content = path.read_bytes()
    return len(gzipped(content) if compresses(path) else content)
