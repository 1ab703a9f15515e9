/* powercap_msr: energy as model-specific registers (see the header). */
#define _GNU_SOURCE
#include "powercap_msr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_SIZE = 4096, REGISTER_SIZE = 8, THREADS = 2, CPU_PATH_SIZE = 96 };

/* Energy units of 2^-14 and 2^-16 J beside units of power and time that such parts have. */
enum { INTEL_UNIT = 0x606, INTEL_UNIT_VALUE = 0xA0E03, AMD_UNIT_VALUE = 0xA1003 };
static const uint32_t AMD_UNIT = 0xC0010299, AMD_PACKAGE = 0xC001029B, AMD_CORE = 0xC001029A;
static const double UNIT_2_14_UJ = 1e6 / 16384, UNIT_2_16_UJ = 1e6 / 65536;

/* No counter of this kind: 0. */
static uint32_t number_of(enum msr_vendor vendor, enum zone_kind kind)
{
    static const uint32_t intel[KIND_COUNT] = {
        [PACKAGE] = 0x611, [CORE] = 0x639, [UNCORE] = 0x641, [DRAM] = 0x619, [PSYS] = 0x64D};
    if (vendor == MSR_INTEL)
        return intel[kind];
    return kind == PACKAGE ? AMD_PACKAGE : kind == CORE ? AMD_CORE : 0;
}

static void lay_out(struct msr_bank *bank, const struct machine *machine)
{
    const bool amd = bank->vendor == MSR_AMD;
    unsigned packages = 0, cores = 1;
    for (size_t i = 0; i < machine->zone_count; i++) {
        packages += machine->zones[i].kind == PACKAGE;
        if (amd && machine->zones[i].kind == CORE)
            cores = 2;
    }
    bank->unit_number = amd ? AMD_UNIT : INTEL_UNIT;
    bank->unit_value = amd ? AMD_UNIT_VALUE : INTEL_UNIT_VALUE;
    for (unsigned package = 0; package < packages; package++)
        for (unsigned core = 0; core < cores; core++)
            for (int thread = 0; thread < THREADS; thread++)
                bank->cpus[bank->cpu_count++] = (struct msr_cpu){.package = package, .core = core};

    unsigned package = 0; /* a package's zones follow it; psys comes after the last one's */
    for (size_t i = 0; i < machine->zone_count; i++) {
        const struct zone *zone = &machine->zones[i];
        const uint32_t number = number_of(bank->vendor, zone->kind);
        if (zone->kind == PACKAGE && i > 0)
            package++;
        if (zone->kind == PSYS)
            package = 0;
        for (unsigned cpu = 0; number != 0 && cpu < bank->cpu_count; cpu++)
            if (bank->cpus[cpu].package == package && bank->cpus[cpu].core == (amd && zone->kind == CORE))
                bank->counters[bank->counter_count++] = (struct msr_counter){
                    zone, cpu, number, amd || zone->kind == DRAM ? UNIT_2_16_UJ : UNIT_2_14_UJ};
    }
}

/* Only the low halves: the upper ones are 0, and where registers overlap they are another's. */
static void store(unsigned char *page, uint32_t number, uint32_t value)
{
    typedef uint32_t __attribute__((aligned(1), may_alias)) unaligned;
    *(volatile unaligned *)(page + number % PAGE_SIZE) = value;
}

static uint32_t value_of(const struct msr_bank *bank, const struct msr_counter *counter)
{
    return (uint32_t)((uint64_t)(counter->zone->shown_uj / counter->unit_uj) + bank->start);
}

void msr_show(const struct msr_bank *bank)
{
    for (size_t i = 0; i < bank->counter_count; i++) {
        const struct msr_counter *counter = &bank->counters[i];
        if (bank->cpus[counter->cpu].live)
            store(bank->cpus[counter->cpu].page, counter->number, value_of(bank, counter));
    }
}

/* One write to an empty file, which gets its length last: a reader sees no register or the right one. */
static int fill(const struct msr_bank *bank, unsigned cpu)
{
    unsigned char page[PAGE_SIZE] = {0};
    uint32_t last = bank->unit_number;
    store(page, bank->unit_number, bank->unit_value);
    for (size_t i = 0; i < bank->counter_count; i++) {
        const struct msr_counter *counter = &bank->counters[i];
        if (counter->cpu == cpu)
            store(page, counter->number, value_of(bank, counter));
        if (counter->cpu == cpu && counter->number > last)
            last = counter->number;
    }
    const size_t size = last % PAGE_SIZE + REGISTER_SIZE;
    const ssize_t written = pwrite(bank->cpus[cpu].fd, page, size, (off_t)(last / PAGE_SIZE * PAGE_SIZE));
    if (written < 0)
        return -errno;
    return (size_t)written == size ? 0 : -ENOSPC;
}

/* ---- files ------------------------------------------------------------------------------ */

static int make_directories(int root_fd, const char *path)
{
    char part[CPU_PATH_SIZE];
    for (const char *end = path; *end != '\0';) {
        end += strcspn(end + 1, "/") + 1;
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdirat(root_fd, part, 0755) != 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

static int write_numbers(int root_fd, const char *path, unsigned first, unsigned last)
{
    char text[24];
    if (first == last)
        snprintf(text, sizeof text, "%u\n", first);
    else
        snprintf(text, sizeof text, "%u-%u\n", first, last);
    const int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0)
        return -errno;
    const ssize_t written = write(fd, text, strlen(text));
    close(fd);
    return written == (ssize_t)strlen(text) ? 0 : -EIO;
}

static int create_topology(const struct msr_bank *bank, int root_fd, unsigned cpu)
{
    const struct msr_cpu *this = &bank->cpus[cpu];
    const unsigned first_thread = cpu / THREADS * THREADS;
    const struct {
        const char *name;
        unsigned first, last;
    } files[] = {
        {"physical_package_id", this->package, this->package},
        {"die_id", 0, 0},
        {"core_id", this->core, this->core},
        {"thread_siblings_list", first_thread, first_thread + THREADS - 1},
    };
    char folder[CPU_PATH_SIZE / 2], path[CPU_PATH_SIZE];
    snprintf(folder, sizeof folder, "sys/devices/system/cpu/cpu%u/topology", cpu);
    int status = make_directories(root_fd, folder);
    for (size_t i = 0; status == 0 && i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        status = write_numbers(root_fd, path, files[i].first, files[i].last);
    }
    return status;
}

static int create_registers(struct msr_bank *bank, int root_fd, unsigned cpu)
{
    struct msr_cpu *this = &bank->cpus[cpu];
    char folder[CPU_PATH_SIZE / 2], path[CPU_PATH_SIZE];
    snprintf(folder, sizeof folder, "dev/cpu/%u", cpu);
    snprintf(path, sizeof path, "%s/msr", folder);
    int status = make_directories(root_fd, folder);
    if (status != 0)
        return status;
    this->fd = openat(root_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (this->fd < 0)
        return -errno;
    status = fill(bank, cpu);
    if (status != 0)
        return status;
    this->page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, this->fd,
                      (off_t)(bank->unit_number / PAGE_SIZE * PAGE_SIZE));
    if (this->page == MAP_FAILED)
        return -errno;
    this->live = true;
    return 0;
}

int msr_create(struct msr_bank *bank, const struct machine *machine, const char *root)
{
    if (bank->vendor == MSR_NONE)
        return 0;
    lay_out(bank, machine);
    const int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return -errno;
    int status = 0;
    for (unsigned cpu = 0; status == 0 && cpu < bank->cpu_count; cpu++) {
        status = create_topology(bank, root_fd, cpu);
        if (status == 0)
            status = create_registers(bank, root_fd, cpu);
    }
    static const char *const lists[] = {"sys/devices/system/cpu/online", "sys/devices/system/cpu/present"};
    for (size_t i = 0; status == 0 && i < sizeof lists / sizeof *lists; i++)
        status = write_numbers(root_fd, lists[i], 0, bank->cpu_count - 1);
    close(root_fd);
    return status;
}

int msr_fail(struct msr_bank *bank, unsigned cpu)
{
    if (cpu >= bank->cpu_count)
        return -ENODEV;
    bank->cpus[cpu].live = false;
    return ftruncate(bank->cpus[cpu].fd, 0) == 0 ? 0 : -errno;
}

int msr_heal(struct msr_bank *bank, unsigned cpu)
{
    if (cpu >= bank->cpu_count)
        return -ENODEV;
    const int status = bank->cpus[cpu].live ? 0 : fill(bank, cpu);
    bank->cpus[cpu].live = status == 0;
    return status;
}
