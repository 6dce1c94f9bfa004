"""Counts the instructions of each row of a program built from main.rs, and compares them with
baseline.json: `compare.py PROGRAM [--update]`.

Valgrind shows every program the same processor, so the counts do not depend on the machine. They do
depend on the compiler and on valgrind. The baseline names their versions, and under others the counts
are only printed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BASELINE = Path(__file__).parent / "baseline.json"
RENEW = "`make bench-instructions UPDATE=1` renews the baseline"
# In percent. The seeds of hash maps are random, and with them the layout of the heap and the work of
# memcmp, memcpy and malloc: the counts of tokenizing differ by up to 0.8 % between runs.
TOLERANCE = 2.0


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{result.stderr}")
    return result


def versions():
    rustc = dict(re.findall(r"^(host|release): (.+)$", run("rustc", "-vV").stdout, re.MULTILINE))
    valgrind = run("valgrind", "--version").stdout.strip().removeprefix("valgrind-")
    return {"rustc": rustc["release"], "target": rustc["host"], "valgrind": valgrind}


def count(program, row):
    options = ("--callgrind-out-file=/dev/null", "--toggle-collect=*instructions*counted*")
    # Without variables of the environment, which lie on the stack and move what follows.
    report = run("valgrind", "--tool=callgrind", *options, program, row, env={}).stderr
    collected = re.search(r"Collected : (\d+)", report)
    if not collected or collected[1] == "0":
        sys.exit(f"valgrind counted nothing in {row!r}: was the program built with symbols?\n{report}")
    return int(collected[1])


def count_all(program):
    rows = run(program).stdout.splitlines()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(rows, pool.map(lambda row: count(program, row), rows)))


def change(before, after):
    return (after / before - 1) * 100


def print_table(before, after):
    print(f"{'':36}{'baseline':>16}{'counted':>16}{'change':>10}")
    for row in after | before:
        cells = [f"{counts[row]:,}" if row in counts else "-" for counts in (before, after)]
        both = row in before and row in after
        percent = f"{change(before[row], after[row]):+.2f} %" if both else ""
        print(f"{row:36}{cells[0]:>16}{cells[1]:>16}{percent:>10}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()

    found, after = versions(), count_all(arguments.program)
    if arguments.update:
        BASELINE.write_text(json.dumps({"versions": found, "instructions": after}, indent=1) + "\n")
        print(f"instructions: wrote {len(after)} rows to {BASELINE.name}")
        return

    baseline = json.loads(BASELINE.read_text())
    before = baseline["instructions"]
    print_table(before, after)
    if found != baseline["versions"]:
        print(f"baseline: {baseline['versions']}; here: {found}")
        print(f"instructions: 0 of {len(after)} rows compared, because the versions differ")
        return

    both = [row for row in after if row in before]
    changes = {row: change(before[row], after[row]) for row in both}
    rises = {row: percent for row, percent in changes.items() if percent > TOLERANCE}
    falls = {row: percent for row, percent in changes.items() if percent < -TOLERANCE}
    for row, percent in falls.items():
        print(f"{row} fell by {-percent:.1f} %; {RENEW}")
    for row, percent in rises.items():
        print(f"{row} rose by {percent:.1f} %; at most {TOLERANCE:.0f} % is allowed")
    only = sorted(before.keys() ^ after.keys())
    for row in only:
        print(f"{row} was {'not counted' if row in before else 'not in the baseline'}; {RENEW}")
    print(
        f"instructions: {len(both)} rows compared; {len(rises)} rose and {len(falls)} fell by more than "
        f"{TOLERANCE:.0f} %"
    )
    sys.exit(1 if rises or only else 0)


main()
