# SPDX-License-Identifier: MIT
"""What happens on this machine, read from a /proc file system: which processes started and ended, and
samples of CPU, memory, disks and network. It only reads and keeps the last values to compare with.

The root of the file system is a parameter, so that tests can show it one of their own.
"""

import os
from collections import namedtuple

import settings

Process = namedtuple("Process", "pid comm ppid start cmdline")


def _text(path, limit=None):
    with open(path, "rb") as file:
        return file.read(limit).decode("utf-8", "replace")


class Processes:
    """Compares the processes that exist with those that existed at the last look.

    A process is its id and its start time, since ids are used again.
    """

    def __init__(self, root="/proc"):
        self._root = root
        self._known = {}
        self.changes()  # those that run already did not start under our eyes

    def changes(self):
        """(started, ended) since the last call, lists of Process."""
        seen = {}
        for name in os.listdir(self._root):
            if name.isdigit():
                self._look_at(name, seen)
        started = [process for key, process in seen.items() if key not in self._known]
        ended = [process for key, process in self._known.items() if key not in seen]
        self._known = seen
        return started, ended

    def _look_at(self, name, seen):
        folder = os.path.join(self._root, name)
        try:
            stat = _text(os.path.join(folder, "stat"))
            # The command name stands in parentheses and may itself hold spaces and parentheses.
            comm = stat[stat.index("(") + 1 : stat.rindex(")")]
            state, ppid, *rest = stat[stat.rindex(")") + 2 :].split()
            key = (int(name), int(rest[17]))
            if state == "Z" or state == "X":
                return  # it has ended and only waits for its parent to look
            known = self._known.get(key)
            if known is None or known.comm != comm:
                known = Process(key[0], comm, int(ppid), key[1], self._cmdline(folder))
            seen[key] = known
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return  # it ended while we looked
        except (ValueError, IndexError):
            return  # not a line of this kernel's form

    @staticmethod
    def _cmdline(folder):
        raw = _text(os.path.join(folder, "cmdline"), settings.CMDLINE_LIMIT)
        return raw.replace("\0", " ").strip()


class Samples:
    """Samples for the events `sample.*`: each is (kind, key, body)."""

    def __init__(self, root="/proc"):
        self._root = root
        self._cpu = self._disk = self._network = None

    def take(self):
        return self._take_cpu() + self._take_memory() + self._take_disk() + self._take_network()

    def _lines(self, name):
        try:
            return _text(os.path.join(self._root, name)).splitlines()
        except (FileNotFoundError, PermissionError):
            return []  # some containers hide it

    def _take_cpu(self):
        """Share of the time since the last sample that each processor was busy."""
        now = {}
        for line in self._lines("stat"):
            name, *ticks = line.split()
            if name.startswith("cpu") and len(ticks) >= 5:
                numbers = [int(tick) for tick in ticks[:8]]
                now[name] = (sum(numbers), numbers[3] + numbers[4])  # all, idle with waiting for disks
        before, self._cpu = self._cpu, now
        result = []
        for name, (total, idle) in now.items():
            if before is None or name not in before:
                continue
            passed = total - before[name][0]
            waited = idle - before[name][1]
            if passed > 0:
                busy = min(1.0, max(0.0, 1 - waited / passed))
                result.append(("cpu", name, {"cpu": name, "busy": round(busy, 4)}))
        return result

    def _take_memory(self):
        values = {}
        for line in self._lines("meminfo"):
            name, _, rest = line.partition(":")
            if name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree"):
                values[name[0].lower() + name[1:]] = int(rest.split()[0])
        return [("memory", "memory", {"kib": values})] if values else []

    def _take_disk(self):
        """Sectors (of 512 bytes) read and written since the last sample, of disks in use."""
        now = {}
        for line in self._lines("diskstats"):
            fields = line.split()
            if len(fields) >= 10 and (fields[5] != "0" or fields[9] != "0"):
                now[fields[2]] = (int(fields[5]), int(fields[9]))
        before, self._disk = self._disk, now
        return self._differences("disk", "disk", ("readSectors", "writtenSectors"), before, now)

    def _take_network(self):
        """Bytes received and sent since the last sample."""
        now = {}
        for line in self._lines("net/dev"):
            name, colon, rest = line.partition(":")
            fields = rest.split()
            if colon and len(fields) >= 9:
                now[name.strip()] = (int(fields[0]), int(fields[8]))
        before, self._network = self._network, now
        return self._differences("network", "interface", ("receivedBytes", "sentBytes"), before, now)

    @staticmethod
    def _differences(kind, label, names, before, now):
        if before is None:
            return []
        return [
            (kind, device, {label: device, **{n: max(0, b - a) for n, a, b in zip(names, before[device], values)}})
            for device, values in now.items()
            if device in before
        ]
