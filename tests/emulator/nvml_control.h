/*
 * nvml_control: the file beside the library that says what it emulates, and the way into every call.
 *
 * A test writes the file (nvml_emulator.py, which lays it out in the same way) and may change it at any time; every
 * process that loaded the library maps it.  The library writes the counts of calls and of failures still due, nothing
 * else.  Numbers are changed one by one: each is whole, two together may be of two moments.
 *
 * Times are CLOCK_MONOTONIC, in ns, but for what callers see, in µs of CLOCK_REALTIME.
 */
#ifndef NVML_CONTROL_H
#define NVML_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "nvml_abi.h"
#include "nvml_functions.h"
#include "nvml_refresh.h"
#include "nvml_waveform.h"

enum { MAX_GPUS = 16, MAX_SLICES = 8, MAX_PROCESSES = 32, TEXT_SIZE = 96 };

enum feature {
    HAS_ENERGY_COUNTER = 1,
    HAS_POWER_AVERAGE = 2,       /* field 185 */
    HAS_POWER_INSTANT = 4,       /* field 186 */
    HAS_SAMPLES = 8,
    HAS_PROCESS_UTILISATION = 16,
    HAS_MIG = 32,
    MIG_ENABLED = 64,
    POWER_USAGE_IS_AVERAGE = 128,
    HEALS_AT_INIT = 256,         /* a loss ends for a process that initialises NVML after it */
};

struct slice {
    char uuid[TEXT_SIZE], name[TEXT_SIZE];
    uint32_t gpu_instance, compute_instance, gpu_slices, compute_slices, multiprocessors, memory_mb;
};

struct process {
    uint32_t pid, sm_percent, memory_percent, memory_mb;
};

struct gpu {
    char name[TEXT_SIZE], uuid[TEXT_SIZE], pci_bus_id[TEXT_SIZE];
    uint64_t features;
    uint64_t energy_start_mj;    /* what the counter shows before the first segment */
    struct refresh energy_refresh, power_refresh, samples_refresh, process_refresh;
    int64_t average_window_ns, sensor_window_ns;
    int64_t lost_from_ns, lost_until_ns;
    uint64_t memory_bytes, memory_used_bytes, throttle_reasons;
    uint32_t architecture, compute_major, compute_minor;
    uint32_t power_limit_mw, power_limit_least_mw, power_limit_most_mw, power_limit_default_mw;
    uint32_t clock_sm_mhz, clock_memory_mhz, temperature_c, utilisation_percent;
    uint32_t memory_utilisation_percent, sample_count, slice_count, process_count;
    struct slice slices[MAX_SLICES];
    struct process processes[MAX_PROCESSES];
    struct waveform waveform;
};

/* `code` is what the next `left` calls return, or all while `left` is negative; 0 is no error. */
struct failure {
    int32_t code, left;
};

struct control {
    uint64_t size;               /* of this structure, as its writer has it */
    char driver_version[TEXT_SIZE], nvml_version[TEXT_SIZE];
    uint32_t cuda_version, gpu_count;
    int64_t realtime_minus_monotonic_ns;
    uint32_t latency_us[FUNCTION_COUNT];
    uint32_t busy[FUNCTION_COUNT];   /* the latency burns the caller's processor */
    uint32_t value_at_percent[FUNCTION_COUNT]; /* of a call's time: the moment that its answer is of */
    /* The last row is of calls that are of no GPU. */
    struct failure failures[MAX_GPUS + 1][FUNCTION_COUNT];
    uint64_t calls[MAX_GPUS + 1][FUNCTION_COUNT];
    struct gpu gpus[MAX_GPUS];
};

/* A GPU, or a MIG slice of it: what a handle points to. */
struct device {
    struct gpu *gpu;
    struct slice *slice;         /* NULL is the whole GPU */
    unsigned gpu_index, slice_index;
};

/* Maps the control file, once; false when there is none of this layout. */
bool control_map(void);
/* NULL before control_map(). */
struct control *control(void);
/* This process's initialisations less its shutdowns; a shutdown without one is refused with false. */
void control_initialised(void);
bool control_shut_down(void);

/* Counts a call, takes the time it takes, and returns the error it is to fail with, or NVML_SUCCESS. */
nvmlReturn_t enter(enum function function);
nvmlReturn_t enter_gpu(enum function function, unsigned gpu_index);
/* The same of a call with a handle.  enter_whole() refuses a slice with NVML_ERROR_NOT_SUPPORTED. */
nvmlReturn_t enter_device(enum function function, nvmlDevice_t device);
nvmlReturn_t enter_whole(enum function function, nvmlDevice_t device);
/* The failure due of a function, without counting a call of it or waiting. */
nvmlReturn_t failure_due(enum function function, unsigned gpu_index);

/* The handle of a GPU (slice_index -1) or of a slice, or NULL where there is none. */
nvmlDevice_t device_handle(unsigned gpu_index, int slice_index);

/* CLOCK_MONOTONIC, in ns. */
int64_t now_ns(void);
/* The moment that the answer of this thread's present call is of. */
int64_t moment_ns(void);
/* A time as callers see it, in µs of CLOCK_REALTIME. */
uint64_t realtime_us(int64_t time_ns);

/* Ends a call before it begins where it is to fail. */
#define ENTER(way_in)                     \
    do {                                  \
        nvmlReturn_t entered_ = (way_in); \
        if (entered_ != NVML_SUCCESS)     \
            return entered_;              \
    } while (0)

#endif
