# cython: language_level=3, embedsignature=True, freethreading_compatible=True
"""The only module that sees both C and Python: it converts, and decides nothing."""

import os

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.ref cimport Py_INCREF
from libc.stdlib cimport calloc, free
from libc.string cimport memset, strerror


cdef int check(int code, where=None) except -1:
    """Turn the core's `0 or -errno` into a Python exception, here and nowhere else."""
    if code < 0:
        raise OSError(-code, strerror(-code).decode(), where)
    return code


def clock_anchor():
    """One moment on three clocks: (monotonic_ns, realtime_ns, boottime_ns, uncertainty_ns, wall_error_ns)."""
    cdef pc_clock_anchor anchor = pc_clock_anchor_now()
    return anchor.monotonic_ns, anchor.realtime_ns, anchor.boottime_ns, anchor.uncertainty_ns, anchor.wall_error_ns


def read_msr(path, uint32_t number):
    """All 64 bits of a model-specific register, read once from a device file; OSError where it cannot be."""
    cdef uint64_t value = 0
    check(pc_msr_read(os.fsencode(path), number, &value), f"register {number:#x} of {path}")
    return value


cdef class Ring:
    """A ring of edges in the pages of a file; see csrc/ring.h."""

    cdef pc_ring ring
    cdef readonly object path

    def __dealloc__(self):
        pc_ring_close(&self.ring)

    @staticmethod
    def create(path, uint64_t capacity):
        """Make the file `path` (None: pages that die with the process); OSError where it cannot be."""
        cdef Ring self = Ring()
        cdef bytes name = b"" if path is None else os.fsencode(path)
        cdef const char *raw_name = NULL if path is None else <const char *>name
        cdef int code
        with nogil:
            code = pc_ring_create(&self.ring, raw_name, capacity)
        check(code, path)
        self.path = path
        return self

    @staticmethod
    def open(path):
        """Map the file of a dead recording for peeking; OSError where it is not a ring."""
        cdef Ring self = Ring()
        check(pc_ring_open(&self.ring, os.fsencode(path)), path)
        self.path = path
        return self

    def peek(self, size_t most=1 << 62):
        """Copy the oldest edges, up to `most` of them, as bytes of `struct pc_edge`; consumes none."""
        cdef size_t count = min(most, pc_ring_waiting(&self.ring))
        cdef bytes copy = PyBytes_FromStringAndSize(NULL, count * sizeof(pc_edge))
        cdef pc_edge *out = <pc_edge *>PyBytes_AS_STRING(copy)
        with nogil:
            pc_ring_peek(&self.ring, out, count)
        return copy

    def consume(self, uint64_t count):
        """Free the `count` oldest edges."""
        check(pc_ring_consume(&self.ring, count), self.path)

    @property
    def capacity(self):
        return self.ring.capacity

    @property
    def waiting(self):
        return pc_ring_waiting(&self.ring)

    @property
    def dropped(self):
        return pc_ring_dropped(&self.ring)


cdef class Source:
    """A way to read counters; see csrc/source.h.  Made by its static methods."""

    cdef pc_source *source
    cdef bint is_nvml

    def __dealloc__(self):
        if self.source != NULL:
            self.source.close(self.source)

    @staticmethod
    def powercap(paths):
        """The energy_uj files at `paths`, in micro-joules; OSError with the first that cannot be opened."""
        cdef Source self = Source()
        cdef list names = [os.fsencode(path) for path in paths]
        cdef size_t count = len(names), i
        cdef bytearray room = bytearray(count * sizeof(char *))
        cdef const char **raw_names = <const char **>PyByteArray_AS_STRING(room)
        for i in range(count):
            raw_names[i] = names[i]
        check(pc_source_powercap_open(&self.source, raw_names, count), ", ".join(map(str, paths)))
        return self

    @staticmethod
    def perf(events):
        """Perf events (type, config, CPU), each in its own unit; OSError with the first that cannot be opened."""
        cdef Source self = Source()
        cdef size_t count = len(events), i
        cdef bytearray room = bytearray(count * sizeof(pc_perf_event))
        cdef pc_perf_event *raw_events = <pc_perf_event *>PyByteArray_AS_STRING(room)
        for i, (event_type, config, cpu) in enumerate(events):
            raw_events[i].type, raw_events[i].config, raw_events[i].cpu = event_type, config, cpu
        check(pc_source_perf_open(&self.source, raw_events, count),
              ", ".join([f"event {config:#x} of PMU {kind} on CPU {cpu}" for kind, config, cpu in events]))
        return self

    @staticmethod
    def msr(registers):
        """The low halves of registers (paths, number), each of the first path that can be read; OSError if none is."""
        cdef Source self = Source()
        cdef size_t count = len(registers), i, path, path_count = sum([len(paths) for paths, _ in registers])
        cdef list names = [os.fsencode(each) for paths, _ in registers for each in paths]
        cdef bytearray names_room = bytearray(path_count * sizeof(char *))
        cdef bytearray registers_room = bytearray(count * sizeof(pc_msr_register))
        cdef const char **raw_names = <const char **>PyByteArray_AS_STRING(names_room)
        cdef pc_msr_register *raw_registers = <pc_msr_register *>PyByteArray_AS_STRING(registers_room)
        for path in range(path_count):
            raw_names[path] = names[path]
        path = 0
        for i, (paths, number) in enumerate(registers):
            raw_registers[i].paths, raw_registers[i].path_count = raw_names + path, len(paths)
            raw_registers[i].number = number
            path += len(paths)
        check(pc_source_msr_open(&self.source, raw_registers, count),
              ", ".join([f"register {number:#x} of {' or '.join(map(str, paths))}" for paths, number in registers]))
        return self

    @staticmethod
    def proc(root):
        """CPU time in clock ticks from the folder `root`: counter 0 the machine's, 1 a process tree's."""
        cdef Source self = Source()
        check(pc_source_proc_open(&self.source, os.fsencode(root)), root)
        return self

    @staticmethod
    def nvml(library, readings):
        """Readings (UUID, pc_nvml_metric) of GPUs through the driver's library; OSError where one cannot be found."""
        cdef Source self = Source()
        cdef bytes name = os.fsencode(library)
        cdef list uuids = [uuid.encode() for uuid, _ in readings]
        cdef size_t count = len(readings), i
        cdef bytearray room = bytearray(count * sizeof(pc_nvml_reading))
        cdef pc_nvml_reading *raw_readings = <pc_nvml_reading *>PyByteArray_AS_STRING(room)
        cdef const char *raw_name = name
        for i, (_, metric) in enumerate(readings):
            raw_readings[i].uuid, raw_readings[i].metric = uuids[i], <pc_nvml_metric><int>metric
        cdef int code
        with nogil:  # starting the library takes up to a second
            code = pc_source_nvml_open(&self.source, raw_name, raw_readings, count)
        check(code, library)
        self.is_nvml = True
        return self

    @staticmethod
    def replay(const int64_t[::1] time_ns, const uint64_t[::1] raw, const int32_t[::1] error):
        """A series played back on CLOCK_MONOTONIC; the three arrays have one length, `error` holds errnos."""
        cdef Source self = Source()
        if not time_ns.shape[0] == raw.shape[0] == error.shape[0] or raw.shape[0] == 0:
            raise ValueError("a replay needs three arrays of one length, not empty")
        check(pc_source_replay_open(&self.source, pc_clock_monotonic(), &time_ns[0], &raw[0], &error[0], len(raw)))
        return self

    def follow(self, pid_t pid):
        """proc() and nvml() only: from the next reading on, what is of a tree is of that below `pid`."""
        if self.is_nvml:
            pc_source_nvml_follow(self.source, pid)
        else:
            pc_source_proc_follow(self.source, pid)

    def adopt(self):
        """As follow(), before the sampler starts: children and adopted orphans of this process are in the tree."""
        if self.is_nvml:
            pc_source_nvml_adopt(self.source)
        else:
            check(pc_source_proc_adopt(self.source))

    def read(self, size_t index):
        """One reading of counter `index`; OSError where it fails."""
        cdef uint64_t raw = 0
        cdef int code
        if index >= self.source.count:
            raise IndexError(index)
        with nogil:
            code = self.source.read(self.source, index, &raw)
        check(code)
        return raw


cdef class Sampler:
    """A thread that pushes every change of some counters into a ring; see csrc/sampler.h.

    `channels` are tuples (source, index, id, range, max_per_s, every_ns, level); a `period_ns` of 0 looks at edges.
    The thread runs on those of `cpus` that it may use, and `priority` is a pc_priority.
    """

    cdef pc_sampler *sampler
    cdef pc_channel *channels
    cdef size_t channel_count
    cdef int32_t *cpus
    cdef object sources, pid
    cdef readonly Ring ring

    def __cinit__(self, Ring ring not None, channels, *, int64_t period_ns, int64_t gap_ns, int64_t max_duty_ppm=0,
                  cpus=(), int priority=0):
        cdef pc_sampler_settings settings
        cdef Source source
        cdef size_t i
        memset(&settings, 0, sizeof(settings))
        self.ring, self.sources, self.channel_count = ring, [channel[0] for channel in channels], len(channels)
        self.channels = <pc_channel *>calloc(len(channels) or 1, sizeof(pc_channel))
        self.cpus = <int32_t *>calloc(len(cpus) or 1, sizeof(int32_t))
        if self.channels == NULL or self.cpus == NULL:
            raise MemoryError
        for i, (source, index, identity, counter_range, max_per_s, every_ns, level) in enumerate(channels):
            if index >= source.source.count:
                raise IndexError(index)
            self.channels[i].source = source.source
            self.channels[i].index, self.channels[i].id, self.channels[i].every_ns = index, identity, every_ns
            self.channels[i].counter.range, self.channels[i].counter.max_per_s = counter_range, max_per_s
            self.channels[i].counter.level = level
        for i, cpu in enumerate(cpus):
            self.cpus[i] = cpu
        settings.clock, settings.ring = pc_clock_monotonic(), &ring.ring
        settings.channels, settings.channel_count = self.channels, len(channels)
        settings.period_ns, settings.gap_ns, settings.max_duty_ppm = period_ns, gap_ns, max_duty_ppm
        settings.place = pc_place(self.cpus, len(cpus), <pc_priority>priority)
        check(pc_sampler_create(&self.sampler, &settings))

    def start(self):
        """Start the thread. Returns the errnos of what it was refused, 0 where it was not: its CPUs, its priority."""
        cdef int code
        with nogil:
            code = pc_sampler_start(self.sampler)
        check(code)
        self.pid = os.getpid()
        cdef pc_place_grant grant = pc_sampler_granted(self.sampler)
        return grant.cpus, grant.priority

    def stop(self):
        """Let the thread look once more and join it, not in a forked child; OSError where it hangs, and so stays."""
        cdef int code = 0
        if self.pid == os.getpid():
            self.pid = None
            with nogil:
                code = pc_sampler_stop(self.sampler)
        if code < 0:
            Py_INCREF(self)
        check(code)

    @property
    def cpu_ns(self):
        """CPU time the thread has used so far."""
        return pc_sampler_cpu_ns(self.sampler)

    def looks(self):
        """After stop(): for each channel what was learned and how looks ended, in ns and counts."""
        cdef size_t i
        return [
            {
                "period_ns": self.channels[i].phase.period_ns, "jitter_ns": self.channels[i].phase.jitter_ns,
                "met": self.channels[i].phase.met, "late": self.channels[i].phase.late,
                "empty": self.channels[i].phase.empty,
            }
            for i in range(self.channel_count)
        ]

    def __dealloc__(self):
        cdef int code = 0
        if self.pid is not None:
            if self.pid != os.getpid():
                return  # a forked child: the thread, and so the memory it uses, is the parent's alone
            with nogil:
                code = pc_sampler_stop(self.sampler)
        if code < 0:  # the thread hangs in a read, and has all this for ever
            Py_INCREF((self.ring, self.sources))
            return
        pc_sampler_free(self.sampler)
        free(self.channels)
        free(self.cpus)


cdef class Reducer:
    """A thread that folds the marks in a home folder into a ledger; see csrc/reducer.h.

    `feeds` are pairs (ring, channel ids): the edges that cut time into slices."""

    cdef pc_reducer *reducer
    cdef object rings, pid

    def __cinit__(self, home, proc, feeds, *, int64_t lag_ns, int64_t longest_slice_ns, uint64_t keep_marks):
        cdef bytes home_name = os.fsencode(home), proc_name = os.fsencode(proc)
        cdef pc_reducer_settings settings
        cdef Ring ring
        cdef size_t i, first = 0, channel_count = sum([len(channels) for _, channels in feeds])
        cdef bytearray feeds_room = bytearray(len(feeds) * sizeof(pc_reducer_feed))
        cdef bytearray channels_room = bytearray(channel_count * sizeof(uint16_t))
        cdef pc_reducer_feed *raw_feeds = <pc_reducer_feed *>PyByteArray_AS_STRING(feeds_room)
        cdef uint16_t *raw_channels = <uint16_t *>PyByteArray_AS_STRING(channels_room)
        memset(&settings, 0, sizeof(settings))
        self.rings = [ring for ring, _ in feeds]
        for i, (ring, channels) in enumerate(feeds):
            raw_feeds[i].ring = &ring.ring
            raw_feeds[i].channels, raw_feeds[i].channel_count = raw_channels + first, len(channels)
            for channel in channels:
                raw_channels[first] = channel
                first += 1
        settings.home, settings.proc = home_name, proc_name
        settings.feeds, settings.feed_count = raw_feeds, len(feeds)
        settings.lag_ns, settings.longest_slice_ns, settings.keep_marks = lag_ns, longest_slice_ns, keep_marks
        check(pc_reducer_create(&self.reducer, &settings), home)

    def start(self):
        """Start the thread."""
        check(pc_reducer_start(self.reducer))
        self.pid = os.getpid()

    def stop(self, int64_t end_ns):
        """Join the thread and fold what is there up to `end_ns`; nothing in a process forked after start()."""
        if self.pid == os.getpid():
            self.pid = None
            with nogil:
                pc_reducer_stop(self.reducer, end_ns)

    def take(self, size_t most=1 << 16):
        """Give finished slices, rows and marks that were not taken, at most so many of each, as bytes of C structs."""
        cdef bytes slices = PyBytes_FromStringAndSize(NULL, most * sizeof(pc_slice))
        cdef bytes rows = PyBytes_FromStringAndSize(NULL, most * sizeof(pc_row))
        cdef bytes marks = PyBytes_FromStringAndSize(NULL, most * sizeof(pc_kept_mark))
        cdef pc_slice *raw_slices = <pc_slice *>PyBytes_AS_STRING(slices)
        cdef pc_row *raw_rows = <pc_row *>PyBytes_AS_STRING(rows)
        cdef pc_kept_mark *raw_marks = <pc_kept_mark *>PyBytes_AS_STRING(marks)
        cdef size_t slice_count, row_count, mark_count
        with nogil:
            slice_count = pc_reducer_take_slices(self.reducer, raw_slices, most)
            row_count = pc_reducer_take_rows(self.reducer, raw_rows, most)
            mark_count = pc_reducer_take_marks(self.reducer, raw_marks, most)
        return (slices[:slice_count * sizeof(pc_slice)], rows[:row_count * sizeof(pc_row)],
                marks[:mark_count * sizeof(pc_kept_mark)])

    def nodes(self, size_t start):
        """Give the nodes from index `start` on, as bytes of `struct pc_node`."""
        cdef bytes nodes = PyBytes_FromStringAndSize(NULL, PC_REDUCER_MOST_NODES * sizeof(pc_node))
        cdef pc_node *out = <pc_node *>PyBytes_AS_STRING(nodes)
        cdef size_t count
        with nogil:
            count = pc_reducer_nodes(self.reducer, out, start, PC_REDUCER_MOST_NODES)
        return nodes[:sizeof(pc_node) * count]

    def labels(self, size_t start):
        """Give the names of the labels from index `start` on, as bytes."""
        cdef char name[PC_LABEL_MOST_BYTES]
        cdef size_t i, count, length
        names = []
        with nogil:
            count = pc_reducer_label_count(self.reducer)
        for i in range(start, count):
            with nogil:
                length = pc_reducer_label(self.reducer, i, name, PC_LABEL_MOST_BYTES)
            names.append(name[:length])
        return names

    def counts(self):
        """Give what was counted: struct pc_reducer_counts."""
        cdef pc_reducer_tally counts
        with nogil:
            counts = pc_reducer_counts_of(self.reducer)
        return counts

    @property
    def cpu_ns(self):
        """CPU time the thread has used so far."""
        return pc_reducer_cpu_ns(self.reducer)

    def __dealloc__(self):
        if self.pid is not None:
            if self.pid != os.getpid():
                return  # a forked child: the thread, and so the memory it uses, is the parent's alone
            with nogil:
                pc_reducer_stop(self.reducer, 0)
        pc_reducer_free(self.reducer)
