/*
 * nvml: NVIDIA's management library, opened at run time: what of it the core reads, with 0 or -errno.
 *
 * The declarations are our own, of the few structs of its binary interface that are needed.  Each function is looked
 * for by itself: where a driver lacks one, what needs it answers -ENOSYS, and the rest works.
 *
 * Used by one thread at a time.  A call may take milliseconds.
 *
 * The library's answers: -EOPNOTSUPP the device cannot, -EACCES not allowed, -ENOSYS the driver cannot, -ENODEV the
 * GPU is lost or wants a reset, -ENXIO no driver is loaded, -ELIBBAD library and driver are of different versions,
 * -ENOENT no such device, -ETIMEDOUT, -ENOTCONN somebody shut the library down, -EIO whatever else.
 */
#ifndef PYCARBON_NVML_H
#define PYCARBON_NVML_H

#include <stddef.h>
#include <stdint.h>

struct pc_nvml;
struct pc_nvml_gpu; /* what the library calls a device: a GPU or a MIG slice, good until the library is shut down */

/* 0, -ELIBACC where `path` is no library that can be loaded, -ENOSYS where it is another, -ENOMEM. */
int pc_nvml_load(struct pc_nvml **out, const char *path);
void pc_nvml_unload(struct pc_nvml *nvml);

/* The library counts these: as many shutdowns as inits that were good. */
int pc_nvml_init(const struct pc_nvml *nvml);
void pc_nvml_shutdown(const struct pc_nvml *nvml);

int pc_nvml_find(const struct pc_nvml *nvml, const char *uuid, struct pc_nvml_gpu **gpu);

/* What a device shows now. */
int pc_nvml_energy_mj(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *energy_mj);
int pc_nvml_clock_sm_mhz(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *clock_mhz);
int pc_nvml_clock_memory_mhz(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *clock_mhz);
int pc_nvml_temperature_c(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *temperature_c);
int pc_nvml_throttle(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *reasons);
int pc_nvml_busy_percent(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *processors, uint64_t *memory);

/* -ERANGE for more than any GPU takes.  The average is whatever a driver without that field calls its power. */
int pc_nvml_power_mw(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *power_mw);
int pc_nvml_power_average_mw(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *power_mw);

union pc_nvml_value {
    double as_double;
    unsigned int as_unsigned;
    unsigned long as_unsigned_long;
    unsigned long long as_unsigned_long_long;
    long long as_long_long;
    int as_int;
    unsigned short as_unsigned_short;
};

struct pc_nvml_sample {
    unsigned long long time_us; /* of the driver's clock, the wall clock's: may be set */
    union pc_nvml_value value;
};

_Static_assert(sizeof(struct pc_nvml_sample) == 16, "nvmlSample_t");

/* What a call returned, in memory that is used again by the next: zero at first, freed by pc_nvml_samples_free. */
struct pc_nvml_samples {
    struct pc_nvml_sample *at;
    unsigned int count;
    unsigned int room;
};

/*
 * The power samples that the driver still holds, oldest first, each `value.as_unsigned_long_long` in mW; none is no
 * error.  -ERANGE as above, -ENOMEM.
 */
int pc_nvml_power_samples(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, struct pc_nvml_samples *samples);
void pc_nvml_samples_free(struct pc_nvml_samples *samples);

struct pc_nvml_process {
    unsigned int pid;
    unsigned long long time_us; /* as above */
    unsigned int processors_percent;
    unsigned int memory_percent;
    unsigned int encoder_percent;
    unsigned int decoder_percent;
};

_Static_assert(sizeof(struct pc_nvml_process) == 32, "nvmlProcessUtilizationSample_t");
_Static_assert(offsetof(struct pc_nvml_process, processors_percent) == 16, "nvmlProcessUtilizationSample_t");

/* As pc_nvml_samples. */
struct pc_nvml_processes {
    struct pc_nvml_process *at;
    unsigned int count;
    unsigned int room;
};

/* How busy each process kept the device, sampled later than `since_us`; none is no error. */
int pc_nvml_process_samples(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t since_us,
                            struct pc_nvml_processes *processes);
void pc_nvml_processes_free(struct pc_nvml_processes *processes);

#endif
