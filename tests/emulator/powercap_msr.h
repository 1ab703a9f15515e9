/*
 * powercap_msr: the energy of the zones as model-specific registers, in files that are read like /dev/cpu/N/msr.
 *
 * Layout.  Each register is 8 bytes at the offset of its number in the sparse regular file ROOT/dev/cpu/N/msr.
 * CPUs are numbered core by core, each core with two threads that show the same:
 *
 *     package 0: core 0 = CPUs 0 and 1, on AMD with a core zone also core 1 = CPUs 2 and 3; package 1: ...
 *
 *     Intel  606 unit (2^-14 J), 611 package, 639 core, 641 uncore; 619 dram in 2^-16 J whatever 606 says;
 *            64D psys on package 0 alone
 *     AMD    C0010299 unit (2^-16 J), C001029B package, on core 0's CPUs; C001029A core, on core 1's.
 *            No dram, uncore or psys
 *
 * ROOT/sys/devices/system/cpu has `online`, `present` and each CPU's topology.
 *
 * A counter shows (start + floor(E / unit)) modulo 2^32, with the E of powercap_zones.h at the time of the update;
 * the upper 32 bits are 0.
 *
 * Hazards.
 * - AMD's three registers overlap in a regular file.  Where the package is shown only bits 0 to 15 of the unit
 *   register hold (the energy unit is in bits 8 to 12), and C001029A means nothing; where a core is shown nothing
 *   else does.
 * - A store is one unaligned 4-byte store within a cache line, which x86 does not tear.
 * - Touching the mapping of a truncated file is SIGBUS: a failed CPU's file is never stored to.
 *
 * One thread calls all of this.  Functions return 0 or -errno.
 */
#ifndef POWERCAP_MSR_H
#define POWERCAP_MSR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "powercap_zones.h"

enum msr_vendor { MSR_NONE, MSR_INTEL, MSR_AMD };

enum { MAX_CPUS = MAX_PACKAGES * 4, MAX_MSR_COUNTERS = 2 * MAX_ZONES };

/* One zone's counter in one CPU's file. */
struct msr_counter {
    const struct zone *zone;
    unsigned cpu;
    uint32_t number;
    double unit_uj;
};

struct msr_cpu {
    unsigned package, core;
    int fd;
    unsigned char *page;  /* the one that holds all registers */
    bool live;            /* false: failed, the file is left empty */
};

struct msr_bank {
    enum msr_vendor vendor;      /* the caller sets this and the next */
    uint32_t start;              /* what a counter shows of no energy */
    uint32_t unit_number, unit_value;
    unsigned cpu_count;
    size_t counter_count;
    struct msr_cpu cpus[MAX_CPUS];
    struct msr_counter counters[MAX_MSR_COUNTERS];
};

/* Makes the files under ROOT, which has dev and sys; nothing for MSR_NONE. */
int msr_create(struct msr_bank *bank, const struct machine *machine, const char *root);
/* Shows what machine_show() last computed. */
void msr_show(const struct msr_bank *bank);
/* Empties the file of a CPU, so that nothing can be read from it, also through a descriptor; until msr_heal(). */
int msr_fail(struct msr_bank *bank, unsigned cpu);
int msr_heal(struct msr_bank *bank, unsigned cpu);

#endif
