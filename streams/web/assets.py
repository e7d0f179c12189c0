"""The files of the page, and the chart library as its Python package ships it.

The chart library is read from the installed package's directory, found without importing the
package: a worker never runs its Python code. Its version is part of its URL, so that a browser
fetches its 1.4 MB (1.2 MB with brotli) once, when a reader points at the chart, and not again until
it is upgraded.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import cramjam
import deflate

from streams.web.bundle import bundled

STATIC = Path(__file__).parent / "static"
PAGE_MODULE = "page"
CHART_LIBRARY = "plotly"
CHART_LIBRARY_FILE = "package_data/plotly.min.js"
# The page's placeholders: the URL of the chart library, and the id of a style sheet for maps that
# the library adds on loading unless an element with that id exists. The page has no maps and allows
# no style but its own, so it gives the id to one of its own elements. The id changes with the
# library, so it is read from there.
CHART_LIBRARY_MARK = "%CHART_LIBRARY%"
MAP_STYLE_MARK = "%MAP_STYLE%"
MAP_STYLE_ID = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')

# Comments and indentation are for readers of the source: they are a sixth of the transfer size. No
# text of a module goes over lines.
COMMENTS = {
    ".js": re.compile(r"^[ \t]*//.*\n", re.MULTILINE),
    ".css": re.compile(r"/\*.*?\*/\n?", re.DOTALL),
}
INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)

# Half a second for the chart library; 11 takes ten seconds and saves a tenth more.
BROTLI_LEVEL = 9
# A third of a second for the chart library; 12 takes twice that and saves nothing.
GZIP_LEVEL = 10

# The page's own files change with a deployment under the same name: revalidate, usually a 304.
REVALIDATE = "no-cache"
# A file with its version in its name never changes.
FOREVER = "public, max-age=31536000, immutable"

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file as sent over HTTP."""

    body: bytes
    content_type: str
    cache_control: str

    @cached_property
    def etag(self) -> str:
        """Return the ETag of the body, without the quotes."""
        return hashlib.sha256(self.body).hexdigest()[:32]

    @cached_property
    def gzipped(self) -> bytes:
        """Return the gzip-compressed body, computed once, at its first request."""
        return bytes(deflate.gzip_compress(self.body, GZIP_LEVEL))

    @cached_property
    def brotli(self) -> bytes:
        """Return the brotli-compressed body; browsers accept brotli over https and on localhost."""
        return bytes(cramjam.brotli.compress(self.body, level=BROTLI_LEVEL))

    def encoded(self, coding: str) -> bytes:
        """Return the body in a content coding: `br`, `gzip`, or anything else for plain."""
        if coding == "br":
            return self.brotli
        return self.gzipped if coding == "gzip" else self.body


def chart_library() -> tuple[str, Asset] | None:
    """Return path below `static/` and file of the chart library, or None if not installed."""
    return _library(CHART_LIBRARY)


@cache
def _library(package: str) -> tuple[str, Asset] | None:
    # Once for all servers of a process: reading is quick, compressing is not.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    file = Path(spec.submodule_search_locations[0]) / CHART_LIBRARY_FILE
    try:
        body, release = file.read_bytes(), version(package)
    except (OSError, PackageNotFoundError):
        return None
    asset = Asset(body, CONTENT_TYPES[".js"], FOREVER)
    return f"vendor/{package}-{release}.min.js", asset


def _on_the_wire(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix not in COMMENTS:
        return text
    return INDENTATION.sub("", COMMENTS[path.suffix].sub("", text))


def _files() -> dict[str, str]:
    """Return the texts of the page's own files by name, its modules as one."""
    texts = {
        path.name: _on_the_wire(path)
        for path in sorted(STATIC.iterdir())
        if path.suffix in CONTENT_TYPES and path.suffix != ".html"
    }
    modules = {name.removesuffix(".js"): texts.pop(name) for name in [*texts] if ".js" in name}
    return texts | {f"{name}.js": text for name, text in bundled(modules, PAGE_MODULE).items()}


def page_and_assets() -> tuple[Asset, dict[str, Asset]]:
    """Read the page and the files it loads: path below `static/` -> file.

    Without the chart library the page still works; it shows a notice in place of the chart.
    """
    assets = {
        name: Asset(text.encode(), CONTENT_TYPES[Path(name).suffix], REVALIDATE)
        for name, text in _files().items()
    }
    library = chart_library()
    if library is not None:
        assets[library[0]] = library[1]
    address = f"static/{library[0]}" if library else ""
    found = MAP_STYLE_ID.search(library[1].body) if library else None
    html = (STATIC / "index.html").read_text("utf-8")
    html = html.replace(CHART_LIBRARY_MARK, address)
    html = html.replace(MAP_STYLE_MARK, found[1].decode() if found else "no-map-style")
    return Asset(html.encode(), CONTENT_TYPES[".html"], REVALIDATE), assets
