/*
 * nvml_emulator: a libnvidia-ml.so.1 without a GPU: the whole library, and what its devices are called.
 *
 * The functions are NVML's, as their manual has them; what they answer is in the control file (nvml_control.h).
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "nvml_control.h"

static nvmlReturn_t begin(enum function function)
{
    ENTER(enter(function));
    control_initialised();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void)
{
    return begin(NUMBER_nvmlInit_v2);
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    return begin(NUMBER_nvmlInitWithFlags);
}

nvmlReturn_t nvmlShutdown(void)
{
    ENTER(enter(NUMBER_nvmlShutdown));
    return control_shut_down() ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}

const char *nvmlErrorString(nvmlReturn_t result)
{
    static const char *const texts[] = {
        "Success",
        "Uninitialized",
        "Invalid Argument",
        "Not Supported",
        "Insufficient Permissions",
        "Already Initialized",
        "Not Found",
        "Insufficient Size",
        "Insufficient External Power",
        "Driver Not Loaded",
        "Timeout",
        "Interrupt Request Issue",
        "NVML Shared Library Not Found",
        "Function Not Found",
        "Corrupted infoROM",
        "GPU is lost",
        "GPU requires reset",
        "The operating system has blocked the request",
        "Driver/library version mismatch",
    };
    bool known = result >= 0 && (size_t)result < sizeof texts / sizeof *texts;
    return known ? texts[result] : "Unknown Error";
}

static nvmlReturn_t give_text(const char *text, char *into, unsigned size)
{
    if (!into)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (strlen(text) >= size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(into, text);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    ENTER(enter(NUMBER_nvmlSystemGetDriverVersion));
    return give_text(control()->driver_version, version, length);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned length)
{
    ENTER(enter(NUMBER_nvmlSystemGetNVMLVersion));
    return give_text(control()->nvml_version, version, length);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    ENTER(enter(NUMBER_nvmlSystemGetCudaDriverVersion));
    *version = (int)control()->cuda_version;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    ENTER(enter(NUMBER_nvmlSystemGetCudaDriverVersion_v2));
    *version = (int)control()->cuda_version;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    ENTER(enter(NUMBER_nvmlDeviceGetCount_v2));
    *count = control()->gpu_count;
    return NVML_SUCCESS;
}

/* The handle of what was looked for, on a GPU that may itself refuse; NULL is not found. */
static nvmlReturn_t give_handle(enum function function, nvmlDevice_t found, nvmlReturn_t otherwise,
                                nvmlDevice_t *device)
{
    if (!found) {
        ENTER(enter(function));
        return otherwise;
    }
    ENTER(enter_device(function, found));
    *device = found;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
    nvmlDevice_t found = control_map() ? device_handle(index, -1) : NULL;
    return give_handle(NUMBER_nvmlDeviceGetHandleByIndex_v2, found, NVML_ERROR_INVALID_ARGUMENT, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    nvmlDevice_t found = NULL;
    for (unsigned i = 0; control_map() && i < control()->gpu_count; i++) {
        struct gpu *gpu = &control()->gpus[i];
        if (strcmp(gpu->uuid, uuid) == 0)
            found = device_handle(i, -1);
        for (unsigned j = 0; j < gpu->slice_count; j++)
            if (strcmp(gpu->slices[j].uuid, uuid) == 0)
                found = device_handle(i, (int)j);
    }
    return give_handle(NUMBER_nvmlDeviceGetHandleByUUID, found, NVML_ERROR_NOT_FOUND, device);
}

static bool parse_bus_id(const char *text, nvmlPciInfo_t *info)
{
    unsigned function;
    return sscanf(text, "%x:%x:%x.%x", &info->domain, &info->bus, &info->device, &function) == 4;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, nvmlDevice_t *device)
{
    nvmlDevice_t found = NULL;
    nvmlPciInfo_t asked, here;
    for (unsigned i = 0; control_map() && parse_bus_id(bus_id, &asked) && i < control()->gpu_count; i++)
        if (parse_bus_id(control()->gpus[i].pci_bus_id, &here) && asked.domain == here.domain &&
            asked.bus == here.bus && asked.device == here.device)
            found = device_handle(i, -1);
    return give_handle(NUMBER_nvmlDeviceGetHandleByPciBusId_v2, found, NVML_ERROR_NOT_FOUND, device);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetIndex, device));
    *index = device->slice ? device->slice_index : device->gpu_index;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *minor)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetMinorNumber, device));
    *minor = device->gpu_index;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetName, device));
    return give_text(device->slice ? device->slice->name : device->gpu->name, name, length);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetUUID, device));
    return give_text(device->slice ? device->slice->uuid : device->gpu->uuid, uuid, length);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *info)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetPciInfo_v3, device));
    memset(info, 0, sizeof *info);
    parse_bus_id(device->gpu->pci_bus_id, info);
    snprintf(info->busId, sizeof info->busId, "%08X:%02X:%02X.0", info->domain, info->bus, info->device);
    snprintf(info->busIdLegacy, sizeof info->busIdLegacy, "%04X:%02X:%02X.0", info->domain & 0xffff,
             info->bus & 0xff, info->device & 0xff);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned *architecture)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetArchitecture, device));
    *architecture = device->gpu->architecture;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetCudaComputeCapability, device));
    *major = (int)device->gpu->compute_major;
    *minor = (int)device->gpu->compute_minor;
    return NVML_SUCCESS;
}

static uint64_t memory_bytes(nvmlDevice_t device)
{
    return device->slice ? (uint64_t)device->slice->memory_mb << 20 : device->gpu->memory_bytes;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetMemoryInfo, device));
    uint64_t used = device->slice ? 0 : device->gpu->memory_used_bytes;
    *memory = (nvmlMemory_t){memory_bytes(device), memory_bytes(device) - used, used};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetMemoryInfo_v2, device));
    if (memory->version != (sizeof *memory | 2u << 24))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    uint64_t used = device->slice ? 0 : device->gpu->memory_used_bytes;
    memory->total = memory_bytes(device);
    memory->reserved = 0;
    memory->free = memory->total - used;
    memory->used = used;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned *mode)
{
    ENTER(enter_device(NUMBER_nvmlDeviceGetPersistenceMode, device));
    *mode = 1;
    return NVML_SUCCESS;
}

/* Whether the processor is joined to the GPU by NVLink: never, here. */
nvmlReturn_t nvmlDeviceGetC2cModeInfoV(nvmlDevice_t device, void *info)
{
    (void)info;
    ENTER(enter_device(NUMBER_nvmlDeviceGetC2cModeInfoV, device));
    return NVML_ERROR_NOT_SUPPORTED;
}
