"""Name the mutants that no test has seen, and fail if one is new.

``make mutants`` runs this after mutmut, which changes one thing in the code
at a time and runs the tests that reach it. ``mutants.toml`` lists the mutants
that may survive, each with the reason why it does no harm. A mutant is known
by its function and its changed lines, since its number shifts.
"""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

HARMLESS = Path(__file__).with_suffix(".toml")
SEEN = ("killed", "timeout", "segfault")


def mutmut(*arguments: str) -> list[str]:
    """Return the lines that a command of mutmut prints."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    done.check_returncode()
    return done.stdout.splitlines()


def described(name: str) -> str:
    """Return a mutant's function and its new lines, or those it lacks."""
    mangled, _, _ = name.partition("__mutmut_")
    function = re.sub(r"\.x_|\.xǁ|ǁ", ".", mangled).partition(".")[2]
    diff = mutmut("show", name)
    before, after = (
        # The first of them is the name of the file
        [line[1:].strip() for line in diff if line[:1] == sign][1:]
        for sign in "-+"
    )
    new = [line for line in after if line not in before]
    gone = [line for line in before if line not in after]
    return f"{function}: {' '.join(new) or 'without ' + ' '.join(gone)}"


def report(
    statuses: Counter[str], alive: set[str], harmless: dict[str, str]
) -> tuple[str, int]:
    """Return what there is to say, and how many survivors are new."""
    killed = sum(statuses[status] for status in SEEN)
    lines = [
        f"{killed} of {statuses.total()} mutants were killed, "
        f"{statuses['timeout']} of them by running too long"
    ]
    for mutant, why in harmless.items():
        lines.append(f"harmless: {mutant}\n    {why}")
        if mutant not in alive:
            lines.append("    It is now killed, or gone: delete its entry")
    new = sorted(alive - harmless.keys())
    lines += [f"SURVIVED: {mutant}" for mutant in new]
    return "\n".join(lines), len(new)


def main() -> int:
    """Report; return 1 if a mutant survives that the list does not have."""
    lines = mutmut("results", "--all", "true")
    results = dict(line.strip().rsplit(": ", 1) for line in lines)
    alive = {described(n) for n, s in results.items() if s not in SEEN}
    groups = tomllib.loads(HARMLESS.read_text(encoding="utf-8"))["harmless"]
    harmless = {m: group["why"] for group in groups for m in group["mutants"]}
    text, new = report(Counter(results.values()), alive, harmless)
    print(text)
    return min(new, 1)


if __name__ == "__main__":
    sys.exit(main())
