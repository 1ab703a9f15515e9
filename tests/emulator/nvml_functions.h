/*
 * nvml_functions: what the test NVML can be asked, each with a number of its own in the control file.
 *
 * nvml_emulator.py reads this list too, in this order.  A field is a function of its own: it can fail alone.
 */
#ifndef NVML_FUNCTIONS_H
#define NVML_FUNCTIONS_H

#define NVML_FUNCTIONS(X)                       \
    X(nvmlInit_v2)                              \
    X(nvmlInitWithFlags)                        \
    X(nvmlShutdown)                             \
    X(nvmlErrorString)                          \
    X(nvmlSystemGetDriverVersion)               \
    X(nvmlSystemGetNVMLVersion)                 \
    X(nvmlSystemGetCudaDriverVersion)           \
    X(nvmlSystemGetCudaDriverVersion_v2)        \
    X(nvmlDeviceGetCount_v2)                    \
    X(nvmlDeviceGetHandleByIndex_v2)            \
    X(nvmlDeviceGetHandleByUUID)                \
    X(nvmlDeviceGetHandleByPciBusId_v2)         \
    X(nvmlDeviceGetIndex)                       \
    X(nvmlDeviceGetMinorNumber)                 \
    X(nvmlDeviceGetName)                        \
    X(nvmlDeviceGetUUID)                        \
    X(nvmlDeviceGetPciInfo_v3)                  \
    X(nvmlDeviceGetArchitecture)                \
    X(nvmlDeviceGetCudaComputeCapability)       \
    X(nvmlDeviceGetMemoryInfo)                  \
    X(nvmlDeviceGetMemoryInfo_v2)               \
    X(nvmlDeviceGetPersistenceMode)             \
    X(nvmlDeviceGetC2cModeInfoV)                \
    X(nvmlDeviceGetPowerManagementLimit)        \
    X(nvmlDeviceGetPowerManagementDefaultLimit) \
    X(nvmlDeviceGetEnforcedPowerLimit)          \
    X(nvmlDeviceGetPowerManagementLimitConstraints) \
    X(nvmlDeviceGetTotalEnergyConsumption)      \
    X(nvmlDeviceGetPowerUsage)                  \
    X(nvmlDeviceGetFieldValues)                 \
    X(field_83)                                 \
    X(field_185)                                \
    X(field_186)                                \
    X(nvmlDeviceGetSamples)                     \
    X(nvmlDeviceGetUtilizationRates)            \
    X(nvmlDeviceGetClockInfo)                   \
    X(nvmlDeviceGetTemperature)                 \
    X(nvmlDeviceGetTemperatureV)                \
    X(nvmlDeviceGetCurrentClocksThrottleReasons) \
    X(nvmlDeviceGetCurrentClocksEventReasons)   \
    X(nvmlDeviceGetProcessUtilization)          \
    X(nvmlDeviceGetComputeRunningProcesses_v3)  \
    X(nvmlDeviceGetMigMode)                     \
    X(nvmlDeviceGetMaxMigDeviceCount)           \
    X(nvmlDeviceGetMigDeviceHandleByIndex)      \
    X(nvmlDeviceIsMigDeviceHandle)              \
    X(nvmlDeviceGetDeviceHandleFromMigDeviceHandle) \
    X(nvmlDeviceGetGpuInstanceId)               \
    X(nvmlDeviceGetComputeInstanceId)           \
    X(nvmlDeviceGetAttributes_v2)

#define NVML_NUMBER(name) NUMBER_##name,
enum function { NVML_FUNCTIONS(NVML_NUMBER) FUNCTION_COUNT };
#undef NVML_NUMBER

#endif
