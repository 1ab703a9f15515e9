/* Heat that spreads over a plate: a C program whose regions `pycarbon run` records. */
#include <pycarbon.h>

#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 256, STEPS = 200, SWEEPS = 4 };

static void sweep(const double *from, double *to)
{
    for (int y = 1; y < SIZE - 1; y++) {
        for (int x = 1; x < SIZE - 1; x++) {
            const double *here = from + y * SIZE + x;
            to[y * SIZE + x] = (here[-1] + here[1] + here[-SIZE] + here[SIZE]) / 4;
        }
    }
}

static double mean(const double *plate)
{
    double sum = 0;
    for (int i = 0; i < SIZE * SIZE; i++)
        sum += plate[i];
    return sum / (SIZE * SIZE);
}

int main(void)
{
    /* Named once; the label is what the report shows. */
    pycarbon_region step = pycarbon_region_named("step");
    pycarbon_region sweeping = pycarbon_region_named("sweep");
    pycarbon_region looking = pycarbon_region_named("look");

    double *plate = (double *)calloc(SIZE * SIZE, sizeof *plate);
    double *next = (double *)calloc(SIZE * SIZE, sizeof *next);
    if (plate == NULL || next == NULL)
        return 1;
    for (int x = 0; x < SIZE; x++)
        plate[x] = next[x] = 100;

    double warmth = 0;
    for (int i = 0; i < STEPS; i++) {
        pycarbon_region_enter(step);
        for (int j = 0; j < SWEEPS; j++) {
            pycarbon_region_mark(sweeping); /* a tick for each round; the last one ends with the step */
            sweep(plate, next);
            double *swapped = plate;
            plate = next;
            next = swapped;
        }
        pycarbon_region_leave(step);

        pycarbon_region_enter(looking);
        warmth = mean(plate);
        pycarbon_region_leave(looking);
    }
    printf("mean temperature after %d steps: %.6f\n", STEPS, warmth);
    free(plate);
    free(next);
    return 0;
}
