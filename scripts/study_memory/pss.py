# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory of a run under mpirun, seen from outside: proportional set sizes (PSS: a page shared
by k processes counts 1/k in each) of its ranks, from /proc/PID/smaps_rollup every 50 ms. Pages of
files that only the page cache holds are nobody's."""
import json
import os
import subprocess
import threading
import time

EVERY_S = 0.05
ENVIRONMENT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def children(pid):
    """Processes below pid, by /proc/PID/task/TID/children."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass
    return found + [grandchild for child in found for grandchild in children(child)]


def pss(pid):
    """Bytes; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0


def is_rank(pid, program):
    try:
        return os.path.samefile(f"/proc/{pid}/exe", program)
    except OSError:
        return False


class Peak:
    """Samples while `root` lives; `total` is the largest sum over ranks, `largest` a rank's most;
    `series` has a pair (seconds, sum) a sample."""

    def __init__(self, root, program):
        self.root, self.program = root, program
        self.total, self.largest, self.series = 0, 0, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        begin = time.monotonic()
        while not self.over.wait(EVERY_S):
            each = [pss(pid) for pid in [self.root] + children(self.root)
                    if is_rank(pid, self.program)]
            if not each:
                continue
            self.total = max(self.total, sum(each))
            self.largest = max(self.largest, max(each))
            self.series.append((time.monotonic() - begin, sum(each)))

    def stop(self):
        self.over.set()
        self.thread.join()


def run(program, ranks, words, json_line=True):
    """bevel with `words` under mpirun: (its --json line, peak). Fails with its messages."""
    command = ["mpirun", "--oversubscribe", "-n", str(ranks), program] + [str(w) for w in words]
    if json_line:
        command.append("--json")
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, **ENVIRONMENT}) as process:
        peak = Peak(process.pid, program)
        out, err = process.communicate()
        peak.stop()
    peak.seconds = time.monotonic() - begin
    peak.said = err
    if process.returncode not in (0, 4):
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{err}")
    return (json.loads(out.splitlines()[-1]) if json_line else out), peak
