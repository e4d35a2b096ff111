"""The third engine: a real server and real phones in real time, which fill the same rows as the simulated ones."""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amser.live.errors import LiveError
from amser.live.netns import SERVER_IP, Network
from amser.live.phone import Entry
from amser.live.plan import Plan
from devices.ledger import RadioLedger
from sim.outcomes import DELIVERED, LATE, LOST, REJECTED, UNFINISHED
from sim.site import Site
from sim.upload_log import ROW, Figures, Rows

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
STOP_S = 150.0  # a server answers what it has taken within its time-outs


@dataclass(frozen=True)
class Stage:
    """Where an observation takes place; without a network, on loopback."""

    network: Network | None
    threads: int = 1

    @property
    def host(self) -> str:
        """Where the server listens."""
        return "127.0.0.1" if self.network is None else SERVER_IP

    def command(self, end: str, *words: str) -> list[str]:
        """A command of this program in the namespace of ``client`` or ``server``."""
        program = [sys.executable, "-m", "amser", *words]
        if self.network is None:
            return program
        return ["ip", "netns", "exec", getattr(self.network, end), *program]


def perform(plan: Plan, stage: Stage, log: Path, tick: Callable[[float], None]) -> list[Entry]:
    """Start the plan's server and phones, let them live through it, and return the phones' log.

    ``tick`` is told the finished share.  Raises ``LiveError`` with what a process said before it failed.  Ctrl-C
    stops both in order and is raised again.
    """
    token = secrets.token_urlsafe(24)
    environment = {**os.environ, "AMSER_TOKEN": token, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with _server(plan, stage, environment) as url:
        words = ("phone", "--plan", str(plan.folder), "--server", url, "--log", str(log))
        phones, lines = _started(stage.command("client", *words), environment), _Lines(log)
        try:
            while phones.poll() is None:
                time.sleep(0.25)
                tick(min(1.0, lines.count() / max(1, len(plan.spoken))))
        except BaseException:
            _stop(phones)
            raise
        if phones.returncode:
            raise LiveError(f"the phones failed: {_last_words(phones)}")
    return [Entry(**json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


@contextmanager
def _server(plan: Plan, stage: Stage, environment: dict[str, str]) -> Iterator[str]:
    words = ("serve", "--plan", str(plan.folder), "--host", stage.host, "--port", "0", "--threads", str(stage.threads))
    process = _started(stage.command("server", *words), environment)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("http"):
            process.wait(STOP_S)
            raise LiveError(f"the server did not start: {_last_words(process)}")
        yield line.partition(": ")[0]
    finally:
        _stop(process)


def _started(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    # A session of its own: Ctrl-C comes to us alone, who stop phones first and then the server.
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=_end_with_parent,
    )  # fmt: skip


def _end_with_parent() -> None:
    """Have the kernel send SIGINT when the observer is gone, however it ended: a server would serve for ever."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored by what a script starts in the background, and inherited
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _last_words(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    lines = process.stderr.read().strip().splitlines()
    return lines[-1] if lines else f"exit code {process.returncode}"


class _Lines:
    """Counts the lines of a file that grows, without reading any twice: the phones need the processor."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._found = path, 0, 0

    def count(self) -> int:
        """Lines by now."""
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
            self._read += len(new)
            self._found += new.count(b"\n")
        return self._found


def rows_of(entries: Sequence[Entry], plan: Plan, site: Site) -> Rows:
    """The upload log of an observation.

    Backhaul and reply are what the path's delay is known to be; the kernel does not say when the last bit left.
    Joules are those of the scenario's device and radio at the observed times: no meter is attached.
    """
    rows = np.zeros(len(plan.spoken), dtype=ROW)
    seen = {entry.upload: entry for entry in entries}
    for number, spoken in enumerate(plan.spoken):
        entry = seen.get(number)
        group = site.groups[spoken.group]
        row = rows[number]
        row["upload"], row["group"], row["device"] = number, group.index, group.first + spoken.device
        row["utterance"], row["spoken_s"], row["codec"] = spoken.utterance, spoken.spoken_s, group.codecs[0]
        row["batch"], row["outcome"] = 1, UNFINISHED
        for name in ("ready_s", "left_s", "sent_s", "arrived_s", "started_s", "served_s", "replied_s"):
            row[name] = np.nan
        if entry is not None:
            _fill(row, entry, site)
    _charge(rows, site)
    return rows


def _fill(row: Any, entry: Entry, site: Site) -> None:
    group = site.groups[entry.group]
    cell = site.cells[group.cell]
    onward_s = cell.propagation_s + cell.backhaul_s
    row["codec"] = site.tables.codecs.index(entry.codec) if entry.codec else group.codecs[0]
    row["batch"], row["payload_bytes"], row["wire_bytes"] = entry.batch, entry.payload_bytes, entry.sent_bytes
    for name in ("ready_s", "left_s", "arrived_s", "started_s", "served_s", "replied_s"):
        row[name] = getattr(entry, name)
    row["sent_s"] = max(row["left_s"], row["arrived_s"] - onward_s)
    row["outcome"] = _outcome(entry, float("inf") if cell.retry is None else cell.retry.deadline_s)
    row["encode_j"] = np.nan_to_num(entry.encode_cpu_s) * group.cpu_active_w


def _outcome(entry: Entry, deadline_s: float) -> int:
    if entry.status == 200:
        return DELIVERED if entry.replied_s - entry.spoken_s <= deadline_s else LATE
    return REJECTED if entry.status else LOST


def _charge(rows: Rows, site: Site) -> None:
    """What each device's radio would have used, by the ledger that simulated devices have."""
    for device in np.unique(rows["device"]).tolist():
        mine = np.flatnonzero((rows["device"] == device) & ~np.isnan(rows["left_s"]))
        if not mine.size:
            continue
        ledger = RadioLedger(site.groups[int(rows["group"][mine[0]])].radio)
        events = [(rows["left_s"][i], 0, i) for i in mine]
        events += [(np.nan_to_num(rows["sent_s"][i], nan=rows["left_s"][i]), 1, i) for i in mine]
        events += [(rows["replied_s"][i], 2, i) for i in mine if not np.isnan(rows["replied_s"][i])]
        for at, what, i in sorted(events):
            row = rows[i]
            if what == 0:
                begun = ledger.begin(at)
                row["gap_s"], row["wake_j"], row["tail_j"] = begun.gap_s, begun.charge.wake_j, begun.charge.tail_j
            elif what == 1:
                ended = ledger.end(at, 8.0 * row["wire_bytes"])
                row["active_s"], row["transmit_j"] = ended.active_s, ended.charge.transmit_j
            else:
                row["tail_j"] += ledger.reply(at).tail_j


def figures_of(rows: Rows, site: Site) -> Figures:
    """Utilisation of links and accelerators from the log; events are the uploads, of which there are no others."""
    end_s = site.duration_s
    served = rows[~np.isnan(rows["served_s"])]
    share = np.clip(served["served_s"], 0.0, end_s) - np.clip(served["started_s"], 0.0, end_s)
    busy_s = float(np.sum(share / np.maximum(served["batch"], 1)))
    bits = 8.0 * float(np.sum(rows["wire_bytes"]))
    capacity = float(np.sum([cell.link.capacity.mean_rate_bps for cell in site.cells]))
    return Figures(
        uplink_utilisation=bits / (capacity * end_s),
        server_utilisation=busy_s / (site.server.accelerators * end_s),
        events=len(rows),
    )
