"""Try many inputs and say what came of them by kind; stopped, the same command goes on."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.amser.fuzz.campaign import BATCH, KINDS, Campaign, tried


def main() -> None:
    """Exit code 1 where an input was a defect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=50_000, help="in all")
    parser.add_argument("--campaign", type=int, default=1, help="another number makes up other inputs")
    parser.add_argument("--kind", choices=sorted(KINDS), help="of one kind only")
    parser.add_argument("--log", type=Path, help="one line for each batch that was done; default: fuzz-CAMPAIGN.jsonl")
    parser.add_argument("--repeat", type=int, metavar="SEED", help="one batch of --kind again, its defects made small")
    asked = parser.parse_args()
    if asked.repeat is not None:
        with tempfile.TemporaryDirectory(prefix="amser-fuzz-") as place:
            sys.stdout.write(f"{dict(tried(asked.kind, BATCH, Path(place), asked.repeat))}\n")
        return
    log = asked.log or Path(f"fuzz-{asked.campaign}.jsonl")
    kinds = (asked.kind,) if asked.kind else tuple(KINDS)
    campaign = Campaign(asked.cases, asked.campaign, log, kinds)
    campaign.run(lambda text: sys.stderr.write(text + "\n"))
    for kind, codes in campaign.done.items():
        told = ", ".join(f"{count} with {code}" for code, count in sorted(codes.items()))
        found = sum(entry["kind"] == kind for entry in campaign.defects)
        sys.stdout.write(f"{kind:<13}{sum(codes.values()):>7} cases; exit codes: {told}; defects: {found}\n")
    sys.exit(bool(campaign.defects))


if __name__ == "__main__":
    main()
