"""The command `python -m app`: start Streamlit on this machine only, with settings of our own.

Streamlit takes settings and secrets from `.streamlit/` in the current folder, which may be a folder
of documents from a stranger. So it is started in this package's own folder, before it is imported,
and every setting that matters is given as a flag, which wins over files and environment.
"""

import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from encoder.console import INTERRUPTED, run, stdout
from encoder.errors import UsageError

ADDRESS = "127.0.0.1"
HERE = Path(__file__).resolve().parent
PAGE = HERE / "page.py"

app = typer.Typer(add_completion=False)

Index = Annotated[Path, typer.Option("--index", help="Folder of the index.")]
Port = Annotated[int, typer.Option("--port", help="Where the page is on this machine.")]

Encoder = Annotated[
    str | None,
    typer.Option(help="The index's encoder, or a server that runs it. [default: its own]"),
]

Serve = Callable[[Path, Path, int, str | None], int]
"""Script, index, port and encoder; returns the exit code when the page has ended."""


def flags(port: int) -> list[str]:
    """Streamlit's settings as flags of `streamlit run`."""
    settings = (
        ("global.developmentMode", "false"),
        ("logger.level", "warning"),
        ("logger.hideWelcomeMessage", "true"),  # it would name the address a second time
        ("server.address", ADDRESS),
        ("server.port", str(port)),
        ("server.baseUrlPath", ""),
        ("server.headless", "true"),
        ("server.showEmailPrompt", "false"),
        ("server.enableCORS", "true"),
        ("server.enableXsrfProtection", "true"),
        # A page elsewhere may give its own host name this machine's address (DNS rebinding).
        ("server.allowedHosts", ADDRESS),
        ("server.allowedHosts", "localhost"),
        ("server.corsAllowedOrigins", f"http://{ADDRESS}:{port}"),
        ("client.allowedOrigins", f"http://{ADDRESS}:{port}"),
        ("server.enableStaticServing", "false"),
        ("server.enableAgentApi", "false"),
        ("server.fileWatcherType", "none"),
        ("server.maxUploadSize", "1"),
        ("server.sslCertFile", ""),
        ("server.sslKeyFile", ""),
        ("browser.gatherUsageStats", "false"),
        ("client.toolbarMode", "minimal"),
        ("client.showErrorDetails", "none"),
        ("client.showErrorLinks", "false"),
        ("runner.magicEnabled", "false"),
        ("theme.light.primaryColor", "#0f766e"),
        ("theme.dark.primaryColor", "#2dd4bf"),
        ("theme.baseRadius", "large"),
    )
    return [f"--{name}={value}" for name, value in settings]


def serve(script: Path, index: Path, port: int, encoder: str | None = None) -> int:
    """Run a Streamlit script until it is interrupted; this changes the current folder."""
    index, home = index.absolute(), str(HERE.parent)
    if encoder is not None and Path(encoder).is_dir():
        encoder = str(Path(encoder).absolute())
    os.chdir(HERE)
    os.environ["PYTHONSAFEPATH"] = "1"  # for processes that are started from here
    if home not in sys.path:
        sys.path.insert(0, home)
    try:
        import click
        from streamlit import net_util
        from streamlit.web.cli import main as streamlit

        # Streamlit 1.67 asks a server on the internet for this machine's address when a page from
        # elsewhere knocks. Whoever knows the answer does not ask.
        net_util._external_ip = net_util._internal_ip = ADDRESS
        stdout.print(f"Open http://{ADDRESS}:{port} (Ctrl-C ends it)")
        arguments = ["run", *flags(port), str(script), "--", str(index)]
        arguments += [] if encoder is None else [encoder]
        try:
            streamlit(arguments, standalone_mode=False)
        except click.Abort:  # what click makes of Ctrl-C
            return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def check_port(port: int) -> None:
    """Say in one sentence why the page cannot have this port.

    Raises:
        UsageError: It is out of range, taken, or not allowed to this account.
    """
    if not 1 <= port <= 65535:
        raise UsageError(f"{port} is not a port.", "Take one from 1024 to 65535: --port 8501")
    with socket.socket() as probe:
        if os.name == "posix":  # as Streamlit binds it: a port that was just left is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except PermissionError as error:
            raise UsageError(
                f"Port {port} is not allowed to this account.",
                "Take one from 1024 to 65535: --port 8501",
            ) from error
        except OSError as error:
            raise UsageError(
                f"Port {port} is taken, perhaps by another of these pages.",
                f"Open http://{ADDRESS}:{port} to see, or take another: --port "
                f"{port + 1 if port < 65535 else 8501}",
            ) from error


def open_page(index: Path, port: int, encoder: str | None = None, serve: Serve = serve) -> int:
    """Serve the page of an index; returns the exit code.

    Raises:
        UsageError: The port cannot be had.
    """
    check_port(port)
    return serve(PAGE, index, port, encoder)


@app.command(epilog="Example: python -m app --index ./index --port 8501")
def page(index: Index = Path("index"), port: Port = 8501, encoder: Encoder = None) -> int:
    """Search an index in the browser, on this machine only."""
    return open_page(index, port, encoder)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return run(app, argv, "python -m app")
