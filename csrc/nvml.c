/* nvml: see nvml.h. */
#include "nvml.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The library's numbers, as they stand in its header. */
enum answer {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NO_PERMISSION = 4,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    TIMEOUT = 10,
    LIBRARY_NOT_FOUND = 12,
    FUNCTION_NOT_FOUND = 13,
    GPU_IS_LOST = 15,
    RESET_REQUIRED = 16,
    LIB_RM_VERSION_MISMATCH = 18,
    IN_USE = 19,
    MEMORY = 20,
    NO_DATA = 21,
    DEPRECATED = 26,
    NOT_READY = 27,
    GPU_NOT_FOUND = 28,
};
enum { CLOCK_SM = 1, CLOCK_MEMORY = 2 };
enum { TEMPERATURE_OF_GPU = 0 };
enum { TOTAL_POWER_SAMPLES = 0 };
enum { FIELD_POWER_AVERAGE = 185, FIELD_POWER_INSTANT = 186 };
enum value_type { DOUBLE, UNSIGNED_INT, UNSIGNED_LONG, UNSIGNED_LONG_LONG, LONG_LONG, INT, UNSIGNED_SHORT };

struct field {
    uint32_t id;
    uint32_t scope; /* of a power: 0 is the whole GPU */
    int64_t time_us;
    int64_t latency_us;
    uint32_t type;   /* enum value_type */
    uint32_t answer; /* enum answer, of this field alone */
    union pc_nvml_value value;
};

_Static_assert(sizeof(struct field) == 40, "nvmlFieldValue_t");
_Static_assert(offsetof(struct field, value) == 32, "nvmlFieldValue_t");

struct rates {
    unsigned int processors_percent;
    unsigned int memory_percent;
};

_Static_assert(sizeof(struct rates) == 8, "nvmlUtilization_t");

struct pc_nvml {
    void *library;
    unsigned int (*init)(void);
    unsigned int (*shutdown)(void);
    unsigned int (*handle_by_uuid)(const char *uuid, struct pc_nvml_gpu **gpu);
    unsigned int (*energy)(struct pc_nvml_gpu *gpu, unsigned long long *energy_mj);
    unsigned int (*power)(struct pc_nvml_gpu *gpu, unsigned int *power_mw);
    unsigned int (*fields)(struct pc_nvml_gpu *gpu, int count, struct field *fields);
    unsigned int (*samples)(struct pc_nvml_gpu *gpu, unsigned int kind, unsigned long long since_us,
                            unsigned int *type, unsigned int *count, struct pc_nvml_sample *samples);
    unsigned int (*rates)(struct pc_nvml_gpu *gpu, struct rates *rates);
    unsigned int (*clock)(struct pc_nvml_gpu *gpu, unsigned int kind, unsigned int *clock_mhz);
    unsigned int (*temperature)(struct pc_nvml_gpu *gpu, unsigned int sensor, unsigned int *temperature_c);
    unsigned int (*throttle)(struct pc_nvml_gpu *gpu, unsigned long long *reasons);
    unsigned int (*processes)(struct pc_nvml_gpu *gpu, struct pc_nvml_process *processes, unsigned int *count,
                              unsigned long long since_us);
};

/* Of two names for the same, the first that is there. */
static const struct symbol {
    const char *name;
    size_t offset;
} SYMBOLS[] = {
    {"nvmlInit_v2", offsetof(struct pc_nvml, init)},
    {"nvmlShutdown", offsetof(struct pc_nvml, shutdown)},
    {"nvmlDeviceGetHandleByUUID", offsetof(struct pc_nvml, handle_by_uuid)},
    {"nvmlDeviceGetTotalEnergyConsumption", offsetof(struct pc_nvml, energy)},
    {"nvmlDeviceGetPowerUsage", offsetof(struct pc_nvml, power)},
    {"nvmlDeviceGetFieldValues", offsetof(struct pc_nvml, fields)},
    {"nvmlDeviceGetSamples", offsetof(struct pc_nvml, samples)},
    {"nvmlDeviceGetUtilizationRates", offsetof(struct pc_nvml, rates)},
    {"nvmlDeviceGetClockInfo", offsetof(struct pc_nvml, clock)},
    {"nvmlDeviceGetTemperature", offsetof(struct pc_nvml, temperature)},
    {"nvmlDeviceGetCurrentClocksEventReasons", offsetof(struct pc_nvml, throttle)},
    {"nvmlDeviceGetCurrentClocksThrottleReasons", offsetof(struct pc_nvml, throttle)},
    {"nvmlDeviceGetProcessUtilization", offsetof(struct pc_nvml, processes)},
};

/* POSIX has dlsym give functions as what ISO C keeps apart from them. */
_Static_assert(sizeof(void *) == sizeof(unsigned int (*)(void)), "a function is found as a pointer to an object");

/* The library says how much room it wants: believed up to here. */
static const unsigned int MOST_SAMPLES = 1U << 16;

/* A rack takes less: what lies above is no power. */
static const uint64_t MOST_POWER_MW = 100000000;

/* What is missing here is -EIO. */
static const int CODES[] = {
    [UNINITIALIZED] = -ENOTCONN,
    [INVALID_ARGUMENT] = -EINVAL,
    [NOT_SUPPORTED] = -EOPNOTSUPP,
    [NO_PERMISSION] = -EACCES,
    [NOT_FOUND] = -ENOENT,
    [INSUFFICIENT_SIZE] = -ENOSPC,
    [DRIVER_NOT_LOADED] = -ENXIO,
    [TIMEOUT] = -ETIMEDOUT,
    [LIBRARY_NOT_FOUND] = -ELIBACC,
    [FUNCTION_NOT_FOUND] = -ENOSYS,
    [GPU_IS_LOST] = -ENODEV,
    [RESET_REQUIRED] = -ENODEV,
    [LIB_RM_VERSION_MISMATCH] = -ELIBBAD,
    [IN_USE] = -EBUSY,
    [MEMORY] = -ENOMEM,
    [NO_DATA] = -ENODATA,
    [DEPRECATED] = -EOPNOTSUPP,
    [NOT_READY] = -EAGAIN,
    [GPU_NOT_FOUND] = -ENOENT,
};

static int code_of(unsigned int answer)
{
    if (answer == SUCCESS)
        return 0;
    int code = answer < sizeof CODES / sizeof CODES[0] ? CODES[answer] : 0;
    return code != 0 ? code : -EIO;
}

int pc_nvml_load(struct pc_nvml **out, const char *path)
{
    struct pc_nvml *nvml = calloc(1, sizeof *nvml);
    if (nvml == NULL)
        return -ENOMEM;
    nvml->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (nvml->library == NULL) {
        free(nvml);
        return -ELIBACC;
    }
    for (size_t i = 0; i < sizeof SYMBOLS / sizeof SYMBOLS[0]; i++) {
        char *slot = (char *)nvml + SYMBOLS[i].offset;
        void *found;
        memcpy(&found, slot, sizeof found);
        if (found == NULL)
            found = dlsym(nvml->library, SYMBOLS[i].name);
        memcpy(slot, &found, sizeof found);
    }
    if (nvml->init == NULL || nvml->shutdown == NULL || nvml->handle_by_uuid == NULL) {
        pc_nvml_unload(nvml);
        return -ENOSYS;
    }
    *out = nvml;
    return 0;
}

void pc_nvml_unload(struct pc_nvml *nvml)
{
    dlclose(nvml->library);
    free(nvml);
}

int pc_nvml_init(const struct pc_nvml *nvml)
{
    return code_of(nvml->init());
}

void pc_nvml_shutdown(const struct pc_nvml *nvml)
{
    nvml->shutdown();
}

int pc_nvml_find(const struct pc_nvml *nvml, const char *uuid, struct pc_nvml_gpu **gpu)
{
    return code_of(nvml->handle_by_uuid(uuid, gpu));
}

int pc_nvml_energy_mj(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *energy_mj)
{
    unsigned long long value = 0;
    int error = nvml->energy == NULL ? -ENOSYS : code_of(nvml->energy(gpu, &value));
    if (error == 0)
        *energy_mj = value;
    return error;
}

static int read_clock(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, unsigned int kind, uint64_t *clock_mhz)
{
    unsigned int value = 0;
    int error = nvml->clock == NULL ? -ENOSYS : code_of(nvml->clock(gpu, kind, &value));
    if (error == 0)
        *clock_mhz = value;
    return error;
}

int pc_nvml_clock_sm_mhz(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *clock_mhz)
{
    return read_clock(nvml, gpu, CLOCK_SM, clock_mhz);
}

int pc_nvml_clock_memory_mhz(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *clock_mhz)
{
    return read_clock(nvml, gpu, CLOCK_MEMORY, clock_mhz);
}

int pc_nvml_temperature_c(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *temperature_c)
{
    unsigned int value = 0;
    int error = nvml->temperature == NULL ? -ENOSYS : code_of(nvml->temperature(gpu, TEMPERATURE_OF_GPU, &value));
    if (error == 0)
        *temperature_c = value;
    return error;
}

int pc_nvml_throttle(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *reasons)
{
    unsigned long long value = 0;
    int error = nvml->throttle == NULL ? -ENOSYS : code_of(nvml->throttle(gpu, &value));
    if (error == 0)
        *reasons = value;
    return error;
}

int pc_nvml_busy_percent(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *processors, uint64_t *memory)
{
    struct rates rates = {0};
    int error = nvml->rates == NULL ? -ENOSYS : code_of(nvml->rates(gpu, &rates));
    if (error == 0) {
        *processors = rates.processors_percent;
        *memory = rates.memory_percent;
    }
    return error;
}

/* ---- power */

static int power_of(union pc_nvml_value value, unsigned int type, uint64_t *power_mw)
{
    double power = -1; /* exact for every power that is one */
    switch (type) {
    case DOUBLE:
        power = value.as_double;
        break;
    case UNSIGNED_INT:
        power = value.as_unsigned;
        break;
    case UNSIGNED_LONG:
        power = (double)value.as_unsigned_long;
        break;
    case UNSIGNED_LONG_LONG:
        power = (double)value.as_unsigned_long_long;
        break;
    case LONG_LONG:
        power = (double)value.as_long_long;
        break;
    case INT:
        power = value.as_int;
        break;
    case UNSIGNED_SHORT:
        power = value.as_unsigned_short;
        break;
    default:
        break;
    }
    if (!(power >= 0 && power <= (double)MOST_POWER_MW))
        return -ERANGE;
    *power_mw = (uint64_t)power;
    return 0;
}

static int read_power_field(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint32_t id, uint64_t *power_mw)
{
    struct field field = {.id = id};
    if (nvml->fields == NULL)
        return -ENOSYS;
    int error = code_of(nvml->fields(gpu, 1, &field));
    if (error != 0)
        return error;
    if (field.answer == INVALID_ARGUMENT) /* so says a driver older than the field */
        return -EOPNOTSUPP;
    error = code_of(field.answer);
    return error != 0 ? error : power_of(field.value, field.type, power_mw);
}

int pc_nvml_power_mw(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *power_mw)
{
    return read_power_field(nvml, gpu, FIELD_POWER_INSTANT, power_mw);
}

int pc_nvml_power_average_mw(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t *power_mw)
{
    int error = read_power_field(nvml, gpu, FIELD_POWER_AVERAGE, power_mw);
    if ((error != -ENOSYS && error != -EOPNOTSUPP) || nvml->power == NULL)
        return error;
    union pc_nvml_value value = {0};
    error = code_of(nvml->power(gpu, &value.as_unsigned));
    return error != 0 ? error : power_of(value, UNSIGNED_INT, power_mw);
}

/* ---- lists */

/* Makes room for `wanted` of `bytes` each and a few more: processes come while we ask. */
static int make_room(void **at, unsigned int *room, unsigned int wanted, size_t bytes)
{
    if (wanted > MOST_SAMPLES)
        return -EOVERFLOW;
    unsigned int more = wanted + 16;
    void *grown = realloc(*at, more * bytes);
    if (grown == NULL)
        return -ENOMEM;
    *at = grown;
    *room = more;
    return 0;
}

/* The library says how much there is when it is asked without room, and too late when there is too little. */
static int ask_for_samples(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, struct pc_nvml_samples *samples,
                           unsigned int *type)
{
    unsigned int answer = INSUFFICIENT_SIZE;
    for (int attempt = 0; attempt < 3 && answer == INSUFFICIENT_SIZE; attempt++) {
        if (samples->room == 0 || attempt > 0) {
            unsigned int wanted = 0;
            answer = nvml->samples(gpu, TOTAL_POWER_SAMPLES, 0, type, &wanted, NULL);
            if (answer != SUCCESS && answer != INSUFFICIENT_SIZE)
                break;
            int error = make_room((void **)&samples->at, &samples->room, wanted, sizeof *samples->at);
            if (error != 0)
                return error;
        }
        samples->count = samples->room;
        answer = nvml->samples(gpu, TOTAL_POWER_SAMPLES, 0, type, &samples->count, samples->at);
    }
    if (answer != SUCCESS || samples->count > samples->room)
        samples->count = 0;
    return answer == NOT_FOUND ? 0 : code_of(answer);
}

int pc_nvml_power_samples(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, struct pc_nvml_samples *samples)
{
    unsigned int type = UNSIGNED_INT;
    samples->count = 0;
    int error = nvml->samples == NULL ? -ENOSYS : ask_for_samples(nvml, gpu, samples, &type);
    for (unsigned int i = 0; i < samples->count && error == 0; i++) {
        uint64_t power_mw = 0;
        error = power_of(samples->at[i].value, type, &power_mw);
        samples->at[i].value.as_unsigned_long_long = power_mw;
    }
    return error;
}

void pc_nvml_samples_free(struct pc_nvml_samples *samples)
{
    free(samples->at);
    *samples = (struct pc_nvml_samples){0};
}

int pc_nvml_process_samples(const struct pc_nvml *nvml, struct pc_nvml_gpu *gpu, uint64_t since_us,
                            struct pc_nvml_processes *processes)
{
    unsigned int answer = INSUFFICIENT_SIZE;
    processes->count = 0;
    if (nvml->processes == NULL)
        return -ENOSYS;
    for (int attempt = 0; attempt < 3 && answer == INSUFFICIENT_SIZE; attempt++) {
        unsigned int count = processes->room;
        answer = nvml->processes(gpu, count == 0 ? NULL : processes->at, &count, since_us);
        if (answer == SUCCESS && count <= processes->room)
            processes->count = count;
        if (answer != INSUFFICIENT_SIZE)
            break;
        int error = make_room((void **)&processes->at, &processes->room, count, sizeof *processes->at);
        if (error != 0)
            return error;
    }
    return answer == NOT_FOUND ? 0 : code_of(answer);
}

void pc_nvml_processes_free(struct pc_nvml_processes *processes)
{
    free(processes->at);
    *processes = (struct pc_nvml_processes){0};
}
