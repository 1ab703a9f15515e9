"""The C core as Cython sees it: csrc/*.h, spelled once."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from posix.types cimport pid_t


cdef extern from "clock.h" nogil:
    struct pc_clock:
        pass
    struct pc_clock_anchor:
        int64_t monotonic_ns
        int64_t realtime_ns
        int64_t boottime_ns
        int64_t uncertainty_ns
        int64_t wall_error_ns
    const pc_clock *pc_clock_monotonic()
    pc_clock_anchor pc_clock_anchor_now()

cdef extern from "edge.h" nogil:
    enum:
        PC_EDGE_FIRST
        PC_EDGE_WRAPPED
        PC_EDGE_RESET
        PC_EDGE_GAP
        PC_EDGE_LOST
        PC_EDGE_FOUND
        PC_EDGE_LAST
        PC_EDGE_ALL
    struct pc_edge:
        int64_t t_before_ns
        int64_t t_seen_ns
        uint64_t raw
        uint16_t channel
        uint16_t flags
        int32_t error

cdef extern from "ring.h" nogil:
    struct pc_ring:
        uint64_t capacity
    int pc_ring_create(pc_ring *ring, const char *path, uint64_t capacity)
    int pc_ring_open(pc_ring *ring, const char *path)
    void pc_ring_close(pc_ring *ring)
    size_t pc_ring_peek(const pc_ring *ring, pc_edge *out, size_t max)
    uint64_t pc_ring_waiting(const pc_ring *ring)
    int pc_ring_consume(pc_ring *ring, uint64_t count)
    uint64_t pc_ring_dropped(const pc_ring *ring)

cdef extern from "counter.h" nogil:
    struct pc_counter:
        uint64_t range
        uint64_t max_per_s
        bint level

cdef extern from "source.h" nogil:
    enum:
        PC_PROC_MACHINE
        PC_PROC_TREE
    struct pc_source:
        int (*read)(pc_source *source, size_t index, uint64_t *raw) noexcept nogil
        void (*close)(pc_source *source) noexcept nogil
        size_t count
    struct pc_perf_event:
        uint32_t type
        uint64_t config
        int32_t cpu
    struct pc_msr_register:
        const char *const *paths
        size_t path_count
        uint32_t number
    int pc_source_powercap_open(pc_source **out, const char *const *paths, size_t count)
    int pc_source_perf_open(pc_source **out, const pc_perf_event *events, size_t count)
    int pc_source_msr_open(pc_source **out, const pc_msr_register *registers, size_t count)
    int pc_msr_read(const char *path, uint32_t number, uint64_t *value)
    int pc_source_proc_open(pc_source **out, const char *root)
    void pc_source_proc_follow(pc_source *source, pid_t pid)
    int pc_source_proc_adopt(pc_source *source)
    enum pc_nvml_metric:
        pass
    struct pc_nvml_reading:
        const char *uuid
        pc_nvml_metric metric
    int pc_source_nvml_open(pc_source **out, const char *library, const pc_nvml_reading *readings, size_t count)
    void pc_source_nvml_follow(pc_source *source, pid_t pid)
    void pc_source_nvml_adopt(pc_source *source)
    int pc_source_replay_open(pc_source **out, const pc_clock *clock, const int64_t *time_ns,
                              const uint64_t *raw, const int32_t *error, size_t count)

cdef extern from "phase.h" nogil:
    struct pc_phase:
        double period_ns
        double jitter_ns
        uint64_t met
        uint64_t late
        uint64_t empty

cdef extern from "channel.h" nogil:
    struct pc_channel:
        pc_source *source
        size_t index
        uint16_t id
        int64_t every_ns
        pc_counter counter
        pc_phase phase

cdef extern from "place.h" nogil:
    enum pc_priority:
        pass
    struct pc_place:
        const int32_t *cpus
        size_t cpu_count
        pc_priority priority
    struct pc_place_grant:
        int32_t cpus
        int32_t priority

cdef extern from "sampler.h" nogil:
    struct pc_sampler_settings:
        const pc_clock *clock
        pc_ring *ring
        pc_channel *channels
        size_t channel_count
        int64_t period_ns
        int64_t gap_ns
        int64_t max_duty_ppm
        pc_place place
    struct pc_sampler:
        pass
    int pc_sampler_create(pc_sampler **out, const pc_sampler_settings *settings)
    int pc_sampler_start(pc_sampler *sampler)
    pc_place_grant pc_sampler_granted(const pc_sampler *sampler)
    int pc_sampler_stop(pc_sampler *sampler)
    int64_t pc_sampler_cpu_ns(pc_sampler *sampler)
    void pc_sampler_free(pc_sampler *sampler)

cdef extern from "marks.h" nogil:
    enum:
        PC_LABEL_MOST_BYTES

cdef extern from "reducer.h" nogil:
    enum:
        PC_REDUCER_MOST_NODES
    struct pc_slice:
        pass
    struct pc_row:
        pass
    struct pc_node:
        pass
    struct pc_kept_mark:
        pass
    struct pc_reducer_tally "pc_reducer_counts":
        uint64_t marks
        uint64_t threads
        uint64_t processes
        uint64_t dropped
        uint64_t not_kept
        uint64_t crossed
        uint64_t unmatched
        uint64_t died_inside
        uint64_t killed_inside
        uint64_t open_at_end
        uint64_t too_deep
        uint64_t too_many_nodes
        uint64_t other_label
        uint64_t unnamed
        uint64_t ringless
        uint64_t late_edges
        uint64_t bad_rings
        int64_t clock_error_ns
    struct pc_reducer_feed:
        const pc_ring *ring
        const uint16_t *channels
        size_t channel_count
    struct pc_reducer_settings:
        const char *home
        const char *proc
        const pc_reducer_feed *feeds
        size_t feed_count
        int64_t lag_ns
        int64_t longest_slice_ns
        uint64_t keep_marks
    struct pc_reducer:
        pass
    int pc_reducer_create(pc_reducer **reducer, const pc_reducer_settings *settings)
    int pc_reducer_start(pc_reducer *reducer)
    void pc_reducer_stop(pc_reducer *reducer, int64_t end_ns)
    int64_t pc_reducer_cpu_ns(const pc_reducer *reducer)
    size_t pc_reducer_take_slices(pc_reducer *reducer, pc_slice *out, size_t max)
    size_t pc_reducer_take_rows(pc_reducer *reducer, pc_row *out, size_t max)
    size_t pc_reducer_take_marks(pc_reducer *reducer, pc_kept_mark *out, size_t max)
    size_t pc_reducer_nodes(pc_reducer *reducer, pc_node *out, size_t start, size_t max)
    size_t pc_reducer_label(pc_reducer *reducer, size_t index, char *out, size_t room)
    size_t pc_reducer_label_count(pc_reducer *reducer)
    pc_reducer_tally pc_reducer_counts_of "pc_reducer_counts" (pc_reducer *reducer)
    void pc_reducer_free(pc_reducer *reducer)
