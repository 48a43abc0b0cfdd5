"""``python -m proofs.kills KILLS [--seed SEED] [--workers N]``: one line, and what went wrong."""

import argparse
import sys

from proofs.kills.run import run


def main() -> int:
    """Run it; 1 where anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m proofs.kills", description=__doc__)
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    result = run(asked.kills, asked.seed, asked.workers)
    sys.stdout.write("\n".join([str(result), *result.problems, ""]))
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
