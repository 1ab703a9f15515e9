/* nvml_readings: what an emulated GPU measures of itself: energy, power, clocks, heat, and who uses it. */
#define _GNU_SOURCE
#include <string.h>

#include "nvml_control.h"

static uint64_t energy_mj(const struct gpu *gpu)
{
    int64_t made_ns = refreshed_ns(gpu->energy_refresh, moment_ns());
    return gpu->energy_start_mj + waveform_energy_pj(&gpu->waveform, made_ns) / 1000000000;
}

static uint32_t power_mw(const struct gpu *gpu, bool average)
{
    int64_t window_ns = average ? gpu->average_window_ns : gpu->sensor_window_ns;
    return waveform_power_mw(&gpu->waveform, refreshed_ns(gpu->power_refresh, moment_ns()), window_ns);
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetTotalEnergyConsumption, device));
    if (!(device->gpu->features & HAS_ENERGY_COUNTER))
        return NVML_ERROR_NOT_SUPPORTED;
    *energy = energy_mj(device->gpu);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *power)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetPowerUsage, device));
    *power = power_mw(device->gpu, device->gpu->features & POWER_USAGE_IS_AVERAGE);
    return NVML_SUCCESS;
}

static nvmlReturn_t read_field(nvmlDevice_t device, nvmlFieldValue_t *field)
{
    static const struct {
        unsigned id;
        enum feature feature;
        enum function function;
    } fields[] = {
        {NVML_FI_TOTAL_ENERGY, HAS_ENERGY_COUNTER, NUMBER_field_83},
        {NVML_FI_POWER_AVERAGE, HAS_POWER_AVERAGE, NUMBER_field_185},
        {NVML_FI_POWER_INSTANT, HAS_POWER_INSTANT, NUMBER_field_186},
    };
    const struct gpu *gpu = device->gpu;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (field->fieldId != fields[i].id)
            continue;
        if (device->slice || !(gpu->features & fields[i].feature))
            return NVML_ERROR_NOT_SUPPORTED;
        ENTER(failure_due(fields[i].function, device->gpu_index));
        if (field->fieldId == NVML_FI_TOTAL_ENERGY) {
            field->valueType = NVML_VALUE_UNSIGNED_LONG_LONG;
            field->value.ull = energy_mj(gpu);
        } else {
            field->valueType = NVML_VALUE_UNSIGNED_INT;
            field->value.ui = power_mw(gpu, field->fieldId == NVML_FI_POWER_AVERAGE);
        }
        return NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *fields)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetFieldValues, device));
    if (count <= 0 || !fields)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < count; i++) {
        fields[i].nvmlReturn = read_field(device, &fields[i]);
        fields[i].timestamp = (int64_t)realtime_us(moment_ns());
        fields[i].latencyUsec = (now_ns() - moment_ns()) / 1000;
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, unsigned type, unsigned long long last_seen_us,
                                  unsigned *value_type, unsigned *count, nvmlSample_t *samples)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetSamples, device));
    const struct gpu *gpu = device->gpu;
    if (!(gpu->features & HAS_SAMPLES) || type != NVML_TOTAL_POWER_SAMPLES)
        return NVML_ERROR_NOT_SUPPORTED;
    *value_type = NVML_VALUE_UNSIGNED_INT;
    if (!samples) {
        *count = gpu->sample_count;
        return NVML_SUCCESS;
    }
    if (*count == 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    int64_t newest = refresh_latest(gpu->samples_refresh, moment_ns());
    unsigned given = 0;
    for (unsigned age = gpu->sample_count; age-- > 0 && given < *count;) {
        int64_t made_ns = refresh_moment_ns(gpu->samples_refresh, newest - age);
        if (realtime_us(made_ns) <= last_seen_us)
            continue;
        uint32_t mw = waveform_power_mw(&gpu->waveform, made_ns, gpu->sensor_window_ns);
        samples[given++] = (nvmlSample_t){realtime_us(made_ns), {.ull = mw}};
    }
    *count = given;
    return given ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

/* With MIG, how busy the GPU is cannot be said of the whole. */
static bool tells_use(nvmlDevice_t device)
{
    return !(device->gpu->features & MIG_ENABLED);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilisation)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetUtilizationRates, device));
    if (!tells_use(device))
        return NVML_ERROR_NOT_SUPPORTED;
    utilisation->gpu = device->gpu->utilisation_percent;
    utilisation->memory = device->gpu->memory_utilisation_percent;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
                                             unsigned *count, unsigned long long last_seen_us)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetProcessUtilization, device));
    const struct gpu *gpu = device->gpu;
    if (!(gpu->features & HAS_PROCESS_UTILISATION) || !tells_use(device))
        return NVML_ERROR_NOT_SUPPORTED;
    uint64_t made_us = realtime_us(refreshed_ns(gpu->process_refresh, moment_ns()));
    unsigned due = 0, room = samples ? *count : 0;
    for (unsigned i = 0; made_us > last_seen_us && i < gpu->process_count; i++) {
        const struct process *process = &gpu->processes[i];
        if (process->sm_percent == 0 && process->memory_percent == 0)
            continue; /* only who used it is told of */
        if (due < room)
            samples[due] = (nvmlProcessUtilizationSample_t){
                .pid = process->pid,
                .timeStamp = made_us,
                .smUtil = process->sm_percent,
                .memUtil = process->memory_percent,
            };
        due++;
    }
    *count = due;
    if (due == 0)
        return NVML_ERROR_NOT_FOUND;
    return due > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count,
                                                     nvmlProcessInfo_t *infos)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetComputeRunningProcesses_v3, device));
    const struct gpu *gpu = device->gpu;
    unsigned room = *count;
    *count = device->slice ? 0 : gpu->process_count;
    if (*count > room)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < *count; i++)
        infos[i] = (nvmlProcessInfo_t){gpu->processes[i].pid,
                                       (unsigned long long)gpu->processes[i].memory_mb << 20, UINT32_MAX,
                                       UINT32_MAX};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned type, unsigned *mhz)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetClockInfo, device));
    if (type > NVML_CLOCK_VIDEO)
        return NVML_ERROR_INVALID_ARGUMENT;
    *mhz = type == NVML_CLOCK_MEM ? device->gpu->clock_memory_mhz : device->gpu->clock_sm_mhz;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor, unsigned *temperature)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetTemperature, device));
    if (sensor != NVML_TEMPERATURE_GPU)
        return NVML_ERROR_INVALID_ARGUMENT;
    *temperature = device->gpu->temperature_c;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetTemperatureV, device));
    if (temperature->version != (sizeof *temperature | 1u << 24))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    temperature->temperature = (int)device->gpu->temperature_c;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetCurrentClocksThrottleReasons, device));
    *reasons = device->gpu->throttle_reasons;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetCurrentClocksEventReasons, device));
    *reasons = device->gpu->throttle_reasons;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned *limit)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetPowerManagementLimit, device));
    *limit = device->gpu->power_limit_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned *limit)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetPowerManagementDefaultLimit, device));
    *limit = device->gpu->power_limit_default_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *limit)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetEnforcedPowerLimit, device));
    *limit = device->gpu->power_limit_mw;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned *least, unsigned *most)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetPowerManagementLimitConstraints, device));
    *least = device->gpu->power_limit_least_mw;
    *most = device->gpu->power_limit_most_mw;
    return NVML_SUCCESS;
}
