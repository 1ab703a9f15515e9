/*
 * source: a way to read the counters of some domains.
 *
 * A source is made by one of the open functions below, read by one thread (its sampler's) and closed by whoever
 * opened it, after that thread has been joined.
 */
#ifndef PYCARBON_SOURCE_H
#define PYCARBON_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"

struct pc_source {
    /* Reads counter `index` to `*raw`: 0 or -errno.  Never waits longer than the hardware takes. */
    int (*read)(struct pc_source *source, size_t index, uint64_t *raw);
    /*
     * Called about once a second while reading `index` fails or shows nothing new: looks whether what is open is
     * still there, and opens anew what may have come back; the next reading tells.  NULL: there is nothing to do.
     */
    void (*renew)(struct pc_source *source, size_t index);
    void (*close)(struct pc_source *source);
    size_t count; /* how many counters it reads */
};

/*
 * powercap: the `energy_uj` files at `paths`, kept open and read with pread; unit 1 uJ.
 * A read answers -ENODATA for an empty file, -EBADMSG for one that holds no number, -ERANGE for one too large,
 * -ENODEV for one that was removed.  Renewing notices a removed file on a file system that goes on answering for it,
 * and opens one that fails anew, so that a zone may come back.
 * 0, or the error of the first file that cannot be opened.
 */
int pc_source_powercap_open(struct pc_source **out, const char *const *paths, size_t count);

/*
 * perf: system-wide counts of perf events, one CPU each (of an event that belongs to a package, such as those of
 * the `power` PMU, any CPU of it); the unit is the event's.  64 bits, from 0 at the opening.
 * A read answers -ENODEV for an event that no longer counts: its CPU went offline.  (The `power` PMU's move to
 * another CPU of their package, where there is one, and stay good.)  Renewing opens an event that fails anew, so that
 * a CPU may come back: the count then starts from 0 again.
 * 0, or the error of the first event that cannot be opened: -EACCES without CAP_PERFMON where
 * kernel.perf_event_paranoid is above 0, -ENOENT for a type that this kernel does not have, -ENODEV for a CPU that
 * is offline, -EINVAL for one that cannot be.  Copies the array.
 */
struct pc_perf_event {
    uint32_t type;   /* as in /sys/bus/event_source/devices/power/type */
    uint64_t config; /* as in its events/energy-pkg, say */
    int32_t cpu;
};
int pc_source_perf_open(struct pc_source **out, const struct pc_perf_event *events, size_t count);

/*
 * msr: the low 32 bits of model-specific registers, in the unit that the unit register says.  Each is read from the
 * first of its `paths` (the device files /dev/cpu/N/msr of CPUs that share it) that can be read; when that one
 * fails, from another at the same read.  When none can be read the answer is the error of the first (-EIO: no such
 * register, -ENXIO: the CPU is offline, -ENODATA or -EBADMSG: a file that ends before or within the register), until
 * renewing tries them again.
 * 0, or the error of the first register that cannot be read (-EACCES or, without CAP_SYS_RAWIO, -EPERM; -ENOENT
 * where the kernel's module msr is not loaded; -EINVAL without a path).  Copies the arrays and the paths.
 */
struct pc_msr_register {
    const char *const *paths;
    size_t path_count;
    uint32_t number;
};
int pc_source_msr_open(struct pc_source **out, const struct pc_msr_register *registers, size_t count);

/* One reading of all 64 bits of a register, such as the unit register; 0 or the errors above. */
int pc_msr_read(const char *path, uint32_t number, uint64_t *value);

/*
 * proc: CPU time in clock ticks, from the folder `root` ("/proc").  Counter 0 is the machine's busy time (user,
 * nice, system, irq, softirq; neither idle, iowait nor stolen), counter 1 the time of a tree of processes: the
 * followed process, its descendants, those they have waited for, and what was last seen of any that vanished
 * otherwise.  A process's time counts from its own beginning: only differences are of interest.  Costs a few reads
 * for each process of the tree: meant for about ten readings a second.
 */
enum { PC_PROC_MACHINE = 0, PC_PROC_TREE = 1 };
int pc_source_proc_open(struct pc_source **out, const char *root);

/* Any thread.  From the next reading on, counter 1 is the tree below `pid`; 0 (as at first): of nobody. */
void pc_source_proc_follow(struct pc_source *source, pid_t pid);

/*
 * Before the first reading.  From then on orphans of this process's descendants become its own children instead of
 * init's (PR_SET_CHILD_SUBREAPER), and all its children are part of the tree: for a process that does nothing but
 * run the followed one, and waits for whatever it gets.  0 or -errno.
 */
int pc_source_proc_adopt(struct pc_source *source);

/*
 * nvml: GPUs through NVIDIA's management library at `library`, opened at run time.  Each reading is a counter, or a
 * level, of the GPU or MIG slice of that UUID.  What counts up to no total of the driver's is added up here, from 0 at
 * the opening, and from 0 again after a failure or where the driver forgot what it was to be added up from.
 *
 * A read answers the errors of nvml.h; it may take milliseconds.  Of a GPU that is lost, all readings fail until
 * renewing finds it again: it starts the library anew, at most once in ten seconds.  A symbol that the library lacks
 * makes what needs it fail with -ENOSYS, when it is read.
 * 0, -ELIBACC where the library cannot be loaded, -ENXIO where the driver is not, -EINVAL for a metric that is none,
 * or the error of the first UUID that is not found (-ENOENT, or -ENODEV for a lost GPU).  Copies the array and UUIDs.
 */
enum pc_nvml_metric {
    PC_NVML_ENERGY,              /* mJ, the GPU's own counter */
    PC_NVML_ENERGY_FROM_SAMPLES, /* uJ, up to the latest of the driver's own samples of its power */
    PC_NVML_ENERGY_FROM_POWER,   /* uJ, of PC_NVML_POWER as it is read here */
    PC_NVML_ENERGY_FROM_AVERAGE, /* uJ, of PC_NVML_POWER_AVERAGE as it is read here */
    PC_NVML_POWER,               /* mW, now */
    PC_NVML_POWER_AVERAGE,       /* mW, over the driver's window, or as the driver has it */
    PC_NVML_UTILISATION,         /* % of the time in which any kernel ran */
    PC_NVML_MEMORY_UTILISATION,  /* % of the time in which memory was used */
    PC_NVML_CLOCK_SM,            /* MHz */
    PC_NVML_CLOCK_MEMORY,        /* MHz */
    PC_NVML_TEMPERATURE,         /* degrees C */
    PC_NVML_THROTTLE,            /* the library's bits of reasons */
    PC_NVML_BUSY_ALL,            /* us for which processes kept it busy, the sum over all of them */
    PC_NVML_BUSY_TREE,           /* us of that for the followed process and its descendants */
    PC_NVML_METRIC_COUNT,
};
struct pc_nvml_reading {
    const char *uuid;
    enum pc_nvml_metric metric;
};
int pc_source_nvml_open(struct pc_source **out, const char *library, const struct pc_nvml_reading *readings,
                        size_t count);

/* Any thread.  From the next reading on, PC_NVML_BUSY_TREE is of the tree below `pid`; 0 (as at first): of nobody. */
void pc_source_nvml_follow(struct pc_source *source, pid_t pid);

/* Before the first reading.  All children of this process, adopted ones too (pc_source_proc_adopt), are of the tree. */
void pc_source_nvml_adopt(struct pc_source *source);

/*
 * replay: a series recorded or invented before.  At time t of `clock` the counter stands at the raw[i] with the
 * largest time_ns[i] <= t, and fails with error[i] where that is not 0; before time_ns[0] it fails with -ENODATA.
 * Copies the arrays.
 */
int pc_source_replay_open(struct pc_source **out, const struct pc_clock *clock, const int64_t *time_ns,
                          const uint64_t *raw, const int32_t *error, size_t count);

#endif
