/* powercap_options: the emulator's command line; --help is its manual. */
#ifndef POWERCAP_OPTIONS_H
#define POWERCAP_OPTIONS_H

#include <stdbool.h>

#include "powercap_msr.h"
#include "powercap_schedule.h"
#include "powercap_zones.h"

/* What neither the machine nor the schedule holds. */
struct emulator_options {
    const char *root;            /* needs no escape inside a JSON string */
    double for_s;                /* 0: without end */
    bool clean;
};

/* Fills in all four, which must be zero, and lays the machine out. Exits with 2 on wrong usage. */
void options_parse(struct emulator_options *options, struct machine *machine,
                   struct schedule *schedule, struct msr_bank *bank, int argc, char **argv);

#endif
