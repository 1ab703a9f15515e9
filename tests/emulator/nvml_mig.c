/* nvml_mig: the slices into which an emulated GPU is divided. */
#include "nvml_control.h"

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetMigMode, device));
    if (!(device->gpu->features & HAS_MIG))
        return NVML_ERROR_NOT_SUPPORTED;
    *current = *pending = device->gpu->features & MIG_ENABLED ? 1 : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetMaxMigDeviceCount, device));
    *count = device->gpu->features & MIG_ENABLED ? 7 : 0;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *slice)
{
    ENTER(enter_whole(NUMBER_nvmlDeviceGetMigDeviceHandleByIndex, device));
    if (!(device->gpu->features & MIG_ENABLED))
        return NVML_ERROR_NOT_SUPPORTED;
    if (index >= device->gpu->slice_count)
        return NVML_ERROR_NOT_FOUND;
    *slice = device_handle(device->gpu_index, (int)index);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned *is_slice)
{
    ENTER(enter_device(NUMBER_nvmlDeviceIsMigDeviceHandle, device));
    *is_slice = device->slice ? 1 : 0;
    return NVML_SUCCESS;
}

/* The way in for what is asked of slices alone. */
static nvmlReturn_t enter_slice(enum function function, nvmlDevice_t device)
{
    ENTER(enter_device(function, device));
    return device->slice ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t slice, nvmlDevice_t *device)
{
    ENTER(enter_slice(NUMBER_nvmlDeviceGetDeviceHandleFromMigDeviceHandle, slice));
    *device = device_handle(slice->gpu_index, -1);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t slice, unsigned *id)
{
    ENTER(enter_slice(NUMBER_nvmlDeviceGetGpuInstanceId, slice));
    *id = slice->slice->gpu_instance;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t slice, unsigned *id)
{
    ENTER(enter_slice(NUMBER_nvmlDeviceGetComputeInstanceId, slice));
    *id = slice->slice->compute_instance;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t slice, nvmlDeviceAttributes_t *attributes)
{
    ENTER(enter_slice(NUMBER_nvmlDeviceGetAttributes_v2, slice));
    *attributes = (nvmlDeviceAttributes_t){
        .multiprocessorCount = slice->slice->multiprocessors,
        .gpuInstanceSliceCount = slice->slice->gpu_slices,
        .computeInstanceSliceCount = slice->slice->compute_slices,
        .memorySizeMB = slice->slice->memory_mb,
    };
    return NVML_SUCCESS;
}
