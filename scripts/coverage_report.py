#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The table and the list of scripts/coverage, from the counts that gcov left in a build folder.

    coverage_report.py BUILD

Every object's notes (.gcno) are read by `gcov --json-format`, with its counts (.gcda) where the object ever ran.
A source that is compiled more than once, and a header, counts as run where any of them ran. A line is what gcov
calls one: it has code. Lines that only end a function or a block have none. A function of a template (.inc) counts
once for every object it is made in.
"""
import collections
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Source:
    """Of a file: line -> times run, line -> function, function -> times called."""

    def __init__(self):
        self.lines = collections.Counter()
        self.owner = {}
        self.calls = collections.Counter()

    def missed(self):
        return sorted(number for number, count in self.lines.items() if count == 0)


def read_counts(build):
    """Path under the root -> Source, for the files of src/ and apps/."""
    notes = [os.path.join(folder, name) for folder, _, names in os.walk(build) for name in names if name.endswith(".gcno")]
    if not notes:
        sys.exit(f"coverage: nothing counted in {build} (CMake's BVL_COVERAGE)")
    sources = collections.defaultdict(Source)
    for note in sorted(notes):
        out = subprocess.run(["gcov", "--json-format", "--stdout", os.path.abspath(note)], cwd=build, check=True,
                             capture_output=True, text=True).stdout
        for line in out.splitlines():
            report = json.loads(line)
            for file in report["files"]:
                path = os.path.relpath(os.path.join(report["current_working_directory"], file["file"]), ROOT)
                if path.startswith(("src/", "apps/")):
                    maker = os.path.basename(note).removesuffix(".c.gcno") if path.endswith(".inc") else ""
                    add(sources[path], file, maker)
    return sources


def add(source, file, maker):
    made = " of " + maker if maker else ""
    for line in file["lines"]:
        number = line["line_number"]
        source.lines[number] += line["count"]
        source.owner[number] = line.get("function_name", "") + made
    for function in file["functions"]:
        source.calls[function["name"] + made] += function["execution_count"]


def room(path):
    """src/solver/group/pass.c -> solver/group; apps/examples/train.c -> apps/examples."""
    return os.path.dirname(path).removeprefix("src/")


def table(sources):
    """Rows (room, files, lines, run, functions, never called), src/'s rooms first, then its total, then apps/."""
    rows = collections.defaultdict(lambda: [0] * 5)
    for path, source in sources.items():
        for name in (room(path), "src/ in all") if path.startswith("src/") else (room(path),):
            for place, more in enumerate((1, len(source.lines), len(source.lines) - len(source.missed()),
                                          len(source.calls), sum(n == 0 for n in source.calls.values()))):
                rows[name][place] += more
    return [(name, *rows[name]) for name in sorted(rows, key=lambda name: (name.startswith("apps"), name == "src/ in all", name))]


def percent(run, lines):
    return 100 * run / lines if lines else 100.0


def ranges(numbers):
    """[3, 4, 5, 9] -> '3-5, 9'."""
    runs = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def write_list(sources, out):
    for path in sorted(sources):
        source = sources[path]
        missed = source.missed()
        never_made = [name for name, calls in source.calls.items() if calls == 0 and " of " in name]
        if not missed and not never_made:
            continue
        out.write(f"\n{path}: {len(missed)} of {len(source.lines)} lines not run\n")
        by_function = collections.defaultdict(list)
        for number in missed:
            by_function[source.owner[number]].append(number)
        text = open(os.path.join(ROOT, path)).read().splitlines()
        for function, numbers in by_function.items():
            never = " (never called)" if source.calls[function] == 0 else ""
            out.write(f"  {function}{never}: {ranges(numbers)}\n")
            if not never:
                out.writelines(f"    {number:5} {text[number - 1].strip()}\n" for number in numbers)
        if never_made:
            out.write(f"  never called: {', '.join(sorted(never_made))}\n")


def main():
    build = sys.argv[1]
    sources = read_counts(build)
    rows = table(sources)
    print(f"{'room':18} {'files':>5} {'lines':>6} {'run':>6} {'%':>6}   {'functions':>9} never called")
    for name, files, lines, run, functions, never in rows:
        print(f"{name:18} {files:5} {lines:6} {run:6} {percent(run, lines):6.1f}   {functions:9} {never:5}")
    listing = os.path.join(build, "uncovered.txt")
    with open(listing, "w") as out:
        out.write("Lines that no test ran, by file and function; scripts/coverage makes this.\n")
        write_list(sources, out)
        total = next(row for row in rows if row[0] == "src/ in all")
        out.write(f"\nsrc/: {total[3]} of {total[2]} lines run, {percent(total[3], total[2]):.1f} %;"
                  f" {total[5]} of {total[4]} functions never called\n")
    print(f"not run: {listing}")


if __name__ == "__main__":
    main()
