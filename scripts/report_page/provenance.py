# SPDX-License-Identifier: BSD-3-Clause
"""Where a result comes from: its command line, and every attribute of its root."""
import numpy as np

from report_page.page import Section, Table, said


def shown(value):
    if isinstance(value, np.ndarray):
        return ", ".join(str(v.decode() if isinstance(v, bytes) else v) for v in value.ravel()[:50])
    return repr(value) if isinstance(value, float) else str(value)


def section(result):
    a = result.attributes
    parts = []
    if "command_line" in a:
        parts.append(f"<pre><code>{said(a['command_line'])}</code></pre>")
    if "plan" in a:  # of a study
        parts.append(f'<div class="wide"><h3>plan</h3><pre><code>{said(a["plan"])}</code></pre></div>')
    rows = [[name, shown(value)] for name, value in sorted(a.items()) if name not in ("command_line", "plan")]
    half = (len(rows) + 1) // 2
    parts += [Table([], rows[:half]), Table([], rows[half:])]
    return Section("Provenance", parts, f"Every root attribute of <code>{said(result.file)}</code>, enough to run it "
                   "again. NaN and none: not given.")
