/*
 * source_nvml: GPUs through NVIDIA's management library; see source.h.
 *
 * Readings of one UUID share a device.  What one call tells for two readings is kept for the other one, if it is read
 * in the same look.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nvml.h"
#include "nvml_power.h"
#include "nvml_processes.h"
#include "source.h"

/* Starting the library takes up to a second, in which no other GPU of this source is read. */
static const int64_t RESTART_AFTER_NS = 10 * INT64_C(1000000000);

/* A look reads one thing after another, each for milliseconds where the driver is slow. */
static const int64_t SAME_LOOK_NS = 20000000;

/* When a call told something, and which metrics have yet to be told. */
struct told {
    int64_t time_ns;
    unsigned int waiting;
};

struct device {
    char *uuid;
    struct pc_nvml_gpu *gpu;
    int error; /* why there is no `gpu` */
    struct told rates, processes;
    uint64_t processors_percent, memory_percent; /* of `rates` */
    struct pc_gpu_use use;
};

struct reading {
    struct device *device;
    enum pc_nvml_metric metric;
    int error; /* of the latest read */
    struct pc_power_held held;
    struct pc_power_sampled sampled;
};

struct nvml {
    struct pc_source source; /* first, so that a pc_source is one of these */
    struct pc_nvml *library;
    bool started;
    int64_t restarted_ns;
    pid_t opener;
    pid_t adopter;        /* set before the first reading */
    _Atomic pid_t follow; /* writer: any thread, through pc_source_nvml_follow */
    struct pc_nvml_samples samples;
    struct pc_nvml_processes processes;
    struct device *devices; /* as much room as there are readings */
    size_t device_count;
    struct reading readings[];
};

static int64_t now_ns(void)
{
    return pc_clock_monotonic()->now_ns(pc_clock_monotonic());
}

static uint64_t wall_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* ---- what is read */

/* Whether what was told is news to `metric`. */
static bool hear(struct told *told, enum pc_nvml_metric metric)
{
    unsigned int me = 1U << metric;
    bool news = (told->waiting & me) != 0 && now_ns() - told->time_ns < SAME_LOOK_NS;
    told->waiting &= ~me;
    return news;
}

static void tell(struct told *told, enum pc_nvml_metric but, enum pc_nvml_metric one, enum pc_nvml_metric other)
{
    told->waiting = (1U << one | 1U << other) & ~(1U << but);
    told->time_ns = now_ns();
}

static int read_rates(struct nvml *nvml, const struct reading *reading, uint64_t *raw)
{
    struct device *device = reading->device;
    if (!hear(&device->rates, reading->metric)) {
        int error = pc_nvml_busy_percent(nvml->library, device->gpu, &device->processors_percent,
                                         &device->memory_percent);
        if (error != 0)
            return error;
        tell(&device->rates, reading->metric, PC_NVML_UTILISATION, PC_NVML_MEMORY_UTILISATION);
    }
    *raw = reading->metric == PC_NVML_UTILISATION ? device->processors_percent : device->memory_percent;
    return 0;
}

static int read_processes(struct nvml *nvml, const struct reading *reading, uint64_t *raw)
{
    struct device *device = reading->device;
    struct pc_gpu_use *use = &device->use;
    if (!hear(&device->processes, reading->metric)) {
        struct pc_family family = {
            .proc = "/proc",
            .follow = atomic_load_explicit(&nvml->follow, memory_order_relaxed), /* a number, orders nothing */
            .adopter = nvml->adopter,
        };
        uint64_t asked_us = wall_us(), since_us = pc_gpu_use_since_us(use, asked_us);
        int error = pc_nvml_process_samples(nvml->library, device->gpu, since_us, &nvml->processes);
        if (error == 0)
            error = pc_gpu_use_add(use, &family, since_us, asked_us, nvml->processes.at, nvml->processes.count);
        if (error != 0)
            return error;
        tell(&device->processes, reading->metric, PC_NVML_BUSY_ALL, PC_NVML_BUSY_TREE);
    }
    *raw = (reading->metric == PC_NVML_BUSY_ALL ? use->all_percent_us : use->tree_percent_us) / 100;
    return 0;
}

static int read_sampled(struct nvml *nvml, struct reading *reading, uint64_t *raw)
{
    int error = pc_nvml_power_samples(nvml->library, reading->device->gpu, &nvml->samples);
    if (error == 0)
        *raw = pc_power_follow(&reading->sampled, nvml->samples.at, nvml->samples.count);
    return error;
}

static int read_held(struct nvml *nvml, struct reading *reading, uint64_t *raw)
{
    int64_t time_ns = now_ns();
    uint64_t power_mw = 0;
    int error = reading->metric == PC_NVML_ENERGY_FROM_POWER
                    ? pc_nvml_power_mw(nvml->library, reading->device->gpu, &power_mw)
                    : pc_nvml_power_average_mw(nvml->library, reading->device->gpu, &power_mw);
    if (error == 0)
        *raw = pc_power_hold(&reading->held, power_mw, time_ns);
    return error;
}

static int read_metric(struct nvml *nvml, struct reading *reading, uint64_t *raw)
{
    const struct pc_nvml *library = nvml->library;
    struct pc_nvml_gpu *gpu = reading->device->gpu;
    switch (reading->metric) {
    case PC_NVML_ENERGY:
        return pc_nvml_energy_mj(library, gpu, raw);
    case PC_NVML_ENERGY_FROM_SAMPLES:
        return read_sampled(nvml, reading, raw);
    case PC_NVML_ENERGY_FROM_POWER:
    case PC_NVML_ENERGY_FROM_AVERAGE:
        return read_held(nvml, reading, raw);
    case PC_NVML_POWER:
        return pc_nvml_power_mw(library, gpu, raw);
    case PC_NVML_POWER_AVERAGE:
        return pc_nvml_power_average_mw(library, gpu, raw);
    case PC_NVML_UTILISATION:
    case PC_NVML_MEMORY_UTILISATION:
        return read_rates(nvml, reading, raw);
    case PC_NVML_CLOCK_SM:
        return pc_nvml_clock_sm_mhz(library, gpu, raw);
    case PC_NVML_CLOCK_MEMORY:
        return pc_nvml_clock_memory_mhz(library, gpu, raw);
    case PC_NVML_TEMPERATURE:
        return pc_nvml_temperature_c(library, gpu, raw);
    case PC_NVML_THROTTLE:
        return pc_nvml_throttle(library, gpu, raw);
    case PC_NVML_BUSY_ALL:
    case PC_NVML_BUSY_TREE:
        return read_processes(nvml, reading, raw);
    case PC_NVML_METRIC_COUNT:
        break;
    }
    return -EINVAL;
}

/* ---- what fails, and comes back */

/* Until the library is started anew there is no use in asking it for this device. */
static bool is_lost(int error)
{
    return error == -ENODEV || error == -ENXIO || error == -ENOTCONN;
}

static void start_again(struct reading *reading)
{
    reading->held = (struct pc_power_held){0};
    reading->sampled = (struct pc_power_sampled){0};
}

static void lose(struct nvml *nvml, struct device *device, int error)
{
    device->gpu = NULL;
    device->error = error;
    device->rates.waiting = device->processes.waiting = 0;
    for (size_t i = 0; i < nvml->source.count; i++)
        if (nvml->readings[i].device == device)
            start_again(&nvml->readings[i]);
}

static void find(struct nvml *nvml, struct device *device)
{
    struct pc_nvml_gpu *gpu = NULL;
    int error = pc_nvml_find(nvml->library, device->uuid, &gpu);
    if (error != 0) {
        lose(nvml, device, error);
        return;
    }
    if (device->error != 0) /* for how long anybody used it meanwhile is not known */
        pc_gpu_use_start(&device->use, wall_us());
    device->gpu = gpu;
    device->error = 0;
}

static int start_library(struct nvml *nvml)
{
    int error = pc_nvml_init(nvml->library);
    nvml->started = error == 0;
    return error;
}

static void stop_library(struct nvml *nvml)
{
    if (nvml->started)
        pc_nvml_shutdown(nvml->library);
    nvml->started = false;
}

/* The library starts anew only after everybody in this process has let go of it, and other sources hold it, too. */
static void let_go_if_useless(struct nvml *nvml)
{
    for (size_t i = 0; i < nvml->device_count; i++)
        if (nvml->devices[i].error == 0)
            return;
    stop_library(nvml);
}

/* Of handles of before nothing is left: every device is looked for. */
static void restart_library(struct nvml *nvml)
{
    int64_t time_ns = now_ns();
    if (nvml->restarted_ns != 0 && time_ns - nvml->restarted_ns < RESTART_AFTER_NS)
        return;
    nvml->restarted_ns = time_ns;
    stop_library(nvml);
    int error = start_library(nvml);
    for (size_t i = 0; i < nvml->device_count; i++) {
        if (error != 0)
            lose(nvml, &nvml->devices[i], error);
        else
            find(nvml, &nvml->devices[i]);
    }
    let_go_if_useless(nvml);
}

static int nvml_read(struct pc_source *source, size_t index, uint64_t *raw)
{
    struct nvml *nvml = (struct nvml *)source;
    struct reading *reading = &nvml->readings[index];
    struct device *device = reading->device;
    reading->error = device->error != 0 ? device->error : read_metric(nvml, reading, raw);
    if (reading->error != 0)
        start_again(reading);
    if (is_lost(reading->error) && device->error == 0) {
        lose(nvml, device, reading->error);
        let_go_if_useless(nvml);
    }
    return reading->error;
}

static void nvml_renew(struct pc_source *source, size_t index)
{
    struct nvml *nvml = (struct nvml *)source;
    struct device *device = nvml->readings[index].device;
    if (device->error != 0)
        restart_library(nvml);
    else if (nvml->readings[index].error != 0)
        find(nvml, device); /* the library is there, as long as any device is */
}

/* ---- opening and closing */

static void nvml_close(struct pc_source *source)
{
    struct nvml *nvml = (struct nvml *)source;
    /* In a forked child the library may be within a call of the sampler's thread, which is not there to end it. */
    if (nvml->library != NULL && nvml->opener == getpid()) {
        stop_library(nvml);
        pc_nvml_unload(nvml->library);
    }
    for (size_t i = 0; i < nvml->device_count; i++) {
        pc_gpu_use_free(&nvml->devices[i].use);
        free(nvml->devices[i].uuid);
    }
    pc_nvml_samples_free(&nvml->samples);
    pc_nvml_processes_free(&nvml->processes);
    free(nvml->devices);
    free(nvml);
}

static struct device *device_of(struct nvml *nvml, const char *uuid)
{
    for (size_t i = 0; i < nvml->device_count; i++)
        if (strcmp(nvml->devices[i].uuid, uuid) == 0)
            return &nvml->devices[i];
    char *copy = strdup(uuid);
    if (copy == NULL)
        return NULL;
    struct device *device = &nvml->devices[nvml->device_count++];
    device->uuid = copy;
    device->error = -ENOENT; /* not looked for yet */
    find(nvml, device);
    return device;
}

static int add_reading(struct nvml *nvml, const struct pc_nvml_reading *given)
{
    if ((unsigned int)given->metric >= PC_NVML_METRIC_COUNT)
        return -EINVAL;
    struct device *device = device_of(nvml, given->uuid);
    if (device == NULL)
        return -ENOMEM;
    nvml->readings[nvml->source.count++] = (struct reading){.device = device, .metric = given->metric};
    return device->error;
}

int pc_source_nvml_open(struct pc_source **out, const char *library, const struct pc_nvml_reading *readings,
                        size_t count)
{
    struct nvml *nvml = calloc(1, sizeof *nvml + count * sizeof nvml->readings[0]);
    if (nvml == NULL)
        return -ENOMEM;
    nvml->source = (struct pc_source){.read = nvml_read, .renew = nvml_renew, .close = nvml_close};
    nvml->opener = getpid();
    nvml->devices = calloc(count + 1, sizeof *nvml->devices);

    int error = nvml->devices == NULL ? -ENOMEM : pc_nvml_load(&nvml->library, library);
    if (error == 0)
        error = start_library(nvml);
    for (size_t i = 0; i < count && error == 0; i++)
        error = add_reading(nvml, &readings[i]);
    if (error != 0) {
        nvml_close(&nvml->source);
        return error;
    }
    *out = &nvml->source;
    return 0;
}

void pc_source_nvml_follow(struct pc_source *source, pid_t pid)
{
    atomic_store_explicit(&((struct nvml *)source)->follow, pid, memory_order_relaxed); /* a number, orders nothing */
}

void pc_source_nvml_adopt(struct pc_source *source)
{
    ((struct nvml *)source)->adopter = getpid();
}
