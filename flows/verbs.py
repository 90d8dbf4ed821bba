"""What every verb of the command line shares: its options, its workspace, how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from configs.errors import InfrastructureError, RociError

if TYPE_CHECKING:
    from flows.context import Context

Json = Annotated[bool, typer.Option("--json", help="Print records as JSON.")]
District = Annotated[str | None, typer.Option(help="District id that the files belong to.")]


def told(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a verb so that an error reaches the person as its message and its exit code."""

    @wraps(verb)
    def run(*args: Any, **kwargs: Any) -> None:
        from flows.crash_guard import guard

        guard()
        try:
            code = verb(*args, **kwargs)
        except RociError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            sys.stderr.close()  # whoever reads us has had enough
            raise typer.Exit(0) from None
        except BaseException as error:  # a fault of ours: told plainly, and never with a value
            from flows.faults import is_panic, unexpected

            if not (isinstance(error, Exception) or is_panic(error)):
                raise
            typer.echo(str(unexpected(error)), err=True)
            raise typer.Exit(InfrastructureError.exit_code) from None
        raise typer.Exit(code or 0)

    return run


def opened() -> Context:
    """Return the opened workspace, its log started; what is made from now on is its owner's only.

    Libraries make files of student rows too, by the umask: it must not be left to chance.
    """
    from flows.console import start_logging
    from flows.context import open_context
    from warehouse.workspace import PRIVATE_UMASK, Workspace

    Workspace.from_environment(os.environ).ensure()  # the folders that others read, by their umask
    os.umask(PRIVATE_UMASK)
    context = open_context()
    start_logging(context.workspace)
    return context
