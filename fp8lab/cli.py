"""The command `fp8lab`: one table of subcommands, each loaded when it is called."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from fp8lab import __version__

BAD_USAGE = 2
INTERRUPTED = 130


class Command(NamedTuple):
    """A subcommand: the module whose `main(argv)` runs it, and its line of help."""

    module: str
    summary: str


COMMANDS = {
    "doctor": Command("fp8lab.doctor", "say what is installed here and what works"),
    "prove": Command("fp8lab.prove", "compare the codec with its oracles, every input"),
    "prove-gemm": Command(
        "fp8lab.prove_gemm", "compare matrix products with a Hopper GPU, every bit"
    ),
    "fetch-models": Command(
        "fp8lab.model.fetch", "install the small pretrained models of the lessons"
    ),
    "labs": Command("fp8lab.grading.students", "copy the labs to a folder"),
    "grade": Command(
        "fp8lab.grading.command", "grade the labs of a class, each in a sandbox"
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code of the process.

    2 is wrong usage, 1 a missing optional package or a failure of the subcommand,
    130 an interruption from the keyboard.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; by default those of this process.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    if not arguments:
        parser.print_help()
        return BAD_USAGE
    # What the top level does not know belongs to the subcommand, its --help included.
    chosen, rest = parser.parse_known_args(arguments)
    try:
        run = importlib.import_module(COMMANDS[chosen.command].module).main
        code: int = run(rest)
    except ModuleNotFoundError as missing:
        print(f"fp8lab {chosen.command}: {missing}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nfp8lab {chosen.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fp8lab", description="A teaching lab on FP8 inference."
    )
    parser.add_argument("--version", action="version", version=f"fp8lab {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="command", title="commands", required=True
    )
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.summary, add_help=False)
    return parser
