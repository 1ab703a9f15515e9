/* phase: see phase.h. */
#include "phase.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

/* Seeking waits so long for a change at most; the CPU's counters change about every millisecond. */
static const int64_t LONGEST_SEEK_NS = 5000000;
static const double SEEK_PERIODS = 1.25;
static const int64_t LONGEST_SEEK_WAIT_NS = 1000000000;

/* A counter that stands still is read from so often to so seldom. */
static const int64_t SHORTEST_SILENCE_NS = 1000000, LONGEST_SILENCE_NS = 100000000;
static const int64_t READINGS_OF_ONE_SILENCE = 64;

/* What changes more seldom is read now and then: to follow it would be to miss that it began to change more often. */
static const double LONGEST_PERIOD_NS = 500000000;
static const int64_t FINEST_SILENCE_NS = 100000;

/* After so many changes in a row that came too soon to be told apart a counter counts as continuous. */
static const int64_t LEAST_PERIOD_NS = 100000;
static const unsigned CONTINUOUS_AFTER = 8;
static const int64_t CONTINUOUS_EVERY_NS = 1000000;

static const double FIRST_NEED_NS = 100000, LEAST_NEED_NS = 5000, FIRST_JITTER_NS = 25000, LEAST_JITTER_NS = 1000;
static const double FIRST_JITTER = 1. / 32; /* of the period, where that is less than FIRST_JITTER_NS */

/* A look opens earlier, and waits longer, by so many standard deviations of what is not known. */
static const double DOUBTS = 2.5;

/* A prediction is of use while its standard deviation is less than this part of the period. */
static const double MOST_DOUBT = 0.125;

/* What a period is expected to wander from one to the next: parts of the jitter for the phase, of itself. */
static const double PHASE_WANDER = 0.1, PERIOD_WANDER = 1e-7;

/* Sleeping is not worth it below; above, a look pauses between readings. */
static const double LONGEST_SPIN_NS = 300000;
static const int64_t READINGS_OF_A_SLOW_LOOK = 8;

static const unsigned UNMET_UNTIL_LOST = 6, STRANGE_UNTIL_LOST = 14, FEW_EDGES = 8;

static void close_look(struct pc_phase *phase, int64_t now_ns)
{
    phase->looking = phase->changed = false;
    phase->closed_ns = now_ns;
    phase->glance_ns = phase->next_ns = INT64_MAX; /* until it is planned */
}

static void stand_still(struct pc_phase *phase, int64_t now_ns)
{
    close_look(phase, now_ns);
    phase->state = PC_PHASE_STILL;
    phase->seen = 0;
    phase->silence_ns = SHORTEST_SILENCE_NS;
    phase->next_ns = now_ns + phase->silence_ns;
}

static void seek(struct pc_phase *phase, int64_t now_ns)
{
    if (SEEK_PERIODS * phase->period_ns > (double)LONGEST_SEEK_NS) {
        stand_still(phase, now_ns); /* which finds slow ones, without spinning */
        return;
    }
    close_look(phase, now_ns);
    phase->state = PC_PHASE_SEEKING;
    phase->next_ns = now_ns;
    phase->seen = phase->moving = 0;
    phase->interval_ns = 0;
}

static void give_up_seeking(struct pc_phase *phase, int64_t now_ns)
{
    phase->seek_wait_ns = pc_least(2 * phase->seek_wait_ns, LONGEST_SEEK_WAIT_NS);
    stand_still(phase, now_ns);
}

/* Begins to predict from an edge; `period_sd_ns` is how well the period is known. */
static void follow(struct pc_phase *phase, int64_t edge_ns, double period_ns, double jitter_ns, double period_sd_ns,
                   int64_t now_ns)
{
    close_look(phase, now_ns);
    phase->state = PC_PHASE_FOLLOWING;
    phase->edge_ns = edge_ns;
    phase->period_ns = period_ns;
    phase->jitter_ns = jitter_ns;
    phase->edge_var = jitter_ns * jitter_ns;
    phase->period_var = period_sd_ns * period_sd_ns;
    phase->covariance = 0;
    pc_needs_forget(&phase->needs);
    phase->unmet = phase->seen = phase->strange = 0;
    phase->stirred = false;
}

/* How early a look opens, beside the doubt. */
static double margin_ns(const struct pc_phase *phase)
{
    double margin = pc_needs_margin_ns(&phase->needs, phase->thorough, fmax(FIRST_NEED_NS, 2 * phase->jitter_ns));
    return fmin(fmax(margin, LEAST_NEED_NS), phase->period_ns / 2);
}

/* The standard deviation of where the edge lies that comes so many periods after the latest one. */
static double doubt_ns(const struct pc_phase *phase, double periods)
{
    return sqrt(phase->edge_var + periods * (2 * phase->covariance + periods * phase->period_var));
}

static bool predictable(const struct pc_phase *phase, double periods)
{
    return doubt_ns(phase, periods) < phase->period_ns * MOST_DOUBT;
}

void pc_phase_start(struct pc_phase *phase, int64_t now_ns, bool thorough)
{
    memset(phase, 0, sizeof *phase);
    phase->thorough = thorough;
    phase->change_ns = now_ns;
    phase->seek_wait_ns = SHORTEST_SILENCE_NS;
    seek(phase, now_ns);
}

/* An edge was met: correct phase and period, by as much as the edge tells more than what was known. */
static void meet(struct pc_phase *phase, int64_t edge_ns)
{
    double residual_ns = (double)(edge_ns - phase->target_ns), periods = phase->periods;
    double wander_ns = PHASE_WANDER * phase->jitter_ns, period_wander_ns = PERIOD_WANDER * phase->period_ns;
    double predicted_var = phase->doubt_ns * phase->doubt_ns + periods * wander_ns * wander_ns;
    double covariance = phase->covariance + periods * phase->period_var;
    double period_var = phase->period_var + periods * period_wander_ns * period_wander_ns;
    double jitter_var = phase->jitter_ns * phase->jitter_ns, all_var = predicted_var + jitter_var;
    double edge_gain = predicted_var / all_var, period_gain = covariance / all_var;

    phase->edge_ns = phase->target_ns + (int64_t)(edge_gain * residual_ns);
    phase->period_ns = fmax(phase->period_ns + period_gain * residual_ns, 1);
    phase->edge_var = (1 - edge_gain) * predicted_var;
    phase->covariance = (1 - edge_gain) * covariance;
    phase->period_var = fmax(period_var - period_gain * covariance, 0);

    phase->seen++;
    double own_var = residual_ns * residual_ns * jitter_var / all_var;
    jitter_var += (fmin(own_var, 16 * jitter_var) - jitter_var) / fmin(phase->seen + 4, 64);
    phase->jitter_ns = fmax(sqrt(jitter_var), LEAST_JITTER_NS);

    pc_needs_remember(&phase->needs, (double)phase->lateness_ns - residual_ns - DOUBTS * phase->doubt_ns);
    phase->unmet = 0;
    phase->strange -= phase->strange > 0;
    phase->stirred = false;
    phase->seek_wait_ns = SHORTEST_SILENCE_NS;
    phase->met++;
}

/* The look is over and met no edge; `strange` when a right period would have made that unlikely. */
static void miss(struct pc_phase *phase, int64_t end_ns, bool strange)
{
    phase->stirred |= phase->changed;
    phase->unmet++;
    phase->strange += strange ? 2 : 0;
    close_look(phase, end_ns);
    bool wrong = phase->strange >= STRANGE_UNTIL_LOST; /* half of the true one, or a multiple */
    bool lost = phase->unmet >= UNMET_UNTIL_LOST;
    if (wrong || (lost && phase->stirred && phase->seen < FEW_EDGES)) /* it moves, but not when it should */
        phase->period_ns = 0;
    if (wrong || (lost && phase->stirred))
        seek(phase, end_ns);
    else if (lost)
        stand_still(phase, end_ns);
}

static void read_following(struct pc_phase *phase, int64_t before_ns, int64_t start_ns, int64_t end_ns, bool changed)
{
    bool first = !phase->looking;
    int64_t pause_ns = phase->pause_ns;

    if (first)
        phase->lateness_ns = start_ns - phase->wake_ns;
    phase->looking = true;
    phase->changed |= changed;
    phase->next_ns = pause_ns > 0 ? end_ns + pause_ns : end_ns;

    /* A first reading shows the edges that were skipped; only a reading soon after another stamps an edge. */
    bool expected = first && phase->periods > 1 && (double)before_ns < (double)phase->target_ns - phase->period_ns / 2;
    double width_ns = (double)(end_ns - before_ns);
    if (changed && !expected) {
        if (!first && width_ns < fmax(phase->period_ns / 8, 2 * (double)pause_ns)) {
            bool sharper = pause_ns > 0 && width_ns < margin_ns(phase) / 2;
            meet(phase, before_ns + (end_ns - before_ns) / 2);
            close_look(phase, end_ns);
            if (sharper)
                follow(phase, phase->edge_ns, phase->period_ns,
                       fmax(width_ns / 3, fmin(phase->jitter_ns, FIRST_JITTER_NS)), sqrt(phase->period_var), end_ns);
            return;
        }
        /* It came before we looked, or while we were not running: when exactly is not known. */
        phase->late++;
        pc_needs_remember(&phase->needs, margin_ns(phase) + LEAST_NEED_NS);
        miss(phase, end_ns, phase->periods < 2 && phase->target_ns - start_ns > phase->give_up_ns - phase->target_ns);
        return;
    }
    if (end_ns <= phase->give_up_ns)
        return;
    if (first || phase->lateness_ns > (phase->target_ns - phase->wake_ns) / 2) {
        phase->late++;
        pc_needs_remember(&phase->needs, fmax((double)phase->lateness_ns, margin_ns(phase)) + LEAST_NEED_NS);
    } else {
        phase->empty++;
        if (phase->changed || phase->unmet == 0) /* else it is the counter that stands still */
            pc_needs_remember(&phase->needs, margin_ns(phase) + LEAST_NEED_NS);
    }
    miss(phase, end_ns, !first && !phase->changed);
}

static void read_seeking(struct pc_phase *phase, int64_t before_ns, int64_t start_ns, int64_t end_ns, bool changed)
{
    bool known = phase->period_ns > 0, first = !phase->looking;
    int64_t width_ns = end_ns - before_ns, middle_ns = before_ns + width_ns / 2;
    int64_t since_ns = middle_ns - phase->edge_ns;

    phase->opened_ns = first ? start_ns : phase->opened_ns;
    phase->looking = true;
    phase->next_ns = end_ns;
    if (changed && !first) {
        if (known && (double)width_ns < phase->period_ns / 8) {
            follow(phase, middle_ns, phase->period_ns,
                   fmax(phase->jitter_ns, fmin(FIRST_JITTER_NS, phase->period_ns * FIRST_JITTER)),
                   fmax(sqrt(phase->period_var), phase->period_ns * 1e-4), end_ns);
            return;
        }
        bool apart = since_ns > pc_most(8 * width_ns, LEAST_PERIOD_NS);
        bool alike = 8 * llabs((long long)(since_ns - phase->interval_ns)) < since_ns;
        if (!known && phase->seen > 0 && apart && alike) {
            double jitter_ns = fmin(FIRST_JITTER_NS, (double)since_ns * FIRST_JITTER);
            follow(phase, middle_ns, (double)(since_ns + phase->interval_ns) / 2, jitter_ns, jitter_ns, end_ns);
            return;
        }
        phase->interval_ns = phase->seen > 0 && apart ? since_ns : 0;
        phase->moving += phase->seen > 0 && !apart;
        phase->seen = 1;
        phase->edge_ns = middle_ns;
        if (phase->moving >= CONTINUOUS_AFTER) {
            close_look(phase, end_ns);
            phase->state = PC_PHASE_CONTINUOUS;
            phase->period_ns = 0;
            phase->next_ns = end_ns + CONTINUOUS_EVERY_NS;
            return;
        }
    }
    int64_t patience_ns = known ? (int64_t)(SEEK_PERIODS * phase->period_ns) : (1 + 2 * phase->seen) * LONGEST_SEEK_NS;
    if (end_ns - phase->opened_ns > patience_ns) {
        phase->empty++;
        phase->period_ns = 0; /* it stands still, or the period was wrong */
        give_up_seeking(phase, end_ns);
    }
}

static void read_still(struct pc_phase *phase, int64_t before_ns, int64_t end_ns, bool changed)
{
    int64_t since_ns = end_ns - phase->change_ns, width_ns = end_ns - before_ns;
    bool again = phase->seen > 0;

    if (!changed) {
        if (since_ns / READINGS_OF_ONE_SILENCE > phase->silence_ns)
            phase->silence_ns = pc_least(2 * phase->silence_ns, LONGEST_SILENCE_NS);
        phase->next_ns = end_ns + phase->silence_ns;
        return;
    }
    phase->seen = 1;
    phase->silence_ns = SHORTEST_SILENCE_NS;
    if (again && since_ns > LONGEST_SEEK_NS && (double)since_ns < LONGEST_PERIOD_NS) {
        if (width_ns < since_ns / 8) { /* each of the two edges lies anywhere in its width */
            follow(phase, before_ns + width_ns / 2, (double)since_ns, (double)width_ns / 3, (double)width_ns / 2, end_ns);
            return;
        }
        int64_t fine_ns = since_ns / 16 - (int64_t)phase->reading_ns;
        phase->silence_ns = pc_most(pc_least(SHORTEST_SILENCE_NS, fine_ns), FINEST_SILENCE_NS);
    }
    phase->next_ns = end_ns + phase->silence_ns;
    if (again && since_ns <= LONGEST_SEEK_NS && end_ns - phase->closed_ns > phase->seek_wait_ns) {
        if (SEEK_PERIODS * phase->period_ns > (double)LONGEST_SEEK_NS)
            phase->period_ns = 0; /* it became faster */
        seek(phase, end_ns);
    }
}

static void read_continuous(struct pc_phase *phase, int64_t start_ns, int64_t end_ns, bool changed)
{
    bool first = !phase->looking;
    phase->opened_ns = first ? start_ns : phase->opened_ns;
    phase->looking = true;
    phase->next_ns = end_ns;
    if (changed && !first) {
        close_look(phase, end_ns);
        phase->next_ns = end_ns + CONTINUOUS_EVERY_NS;
        phase->met++;
    } else if (end_ns - phase->opened_ns > LEAST_PERIOD_NS) {
        seek(phase, end_ns);
    }
}

void pc_phase_read(struct pc_phase *phase, int64_t before_ns, int64_t start_ns, int64_t end_ns, bool changed)
{
    double most_ns = 2 * phase->reading_ns + LEAST_NEED_NS; /* one that was held up says little */
    phase->reading_ns += (fmin((double)(end_ns - start_ns), most_ns) - phase->reading_ns) / 8;
    switch (phase->state) {
    case PC_PHASE_SEEKING:
        read_seeking(phase, before_ns, start_ns, end_ns, changed);
        break;
    case PC_PHASE_FOLLOWING:
        read_following(phase, before_ns, start_ns, end_ns, changed);
        break;
    case PC_PHASE_STILL:
        read_still(phase, before_ns, end_ns, changed);
        break;
    case PC_PHASE_CONTINUOUS:
        read_continuous(phase, start_ns, end_ns, changed);
        break;
    }
    if (changed)
        phase->change_ns = end_ns;
}

void pc_phase_failed(struct pc_phase *phase, int64_t end_ns)
{
    if (phase->state != PC_PHASE_STILL)
        stand_still(phase, end_ns);
    else
        phase->silence_ns = pc_least(2 * phase->silence_ns, LONGEST_SILENCE_NS);
    phase->next_ns = end_ns + phase->silence_ns;
}

/* Plans a look at the edge that comes so many periods after the latest one. */
static void plan(struct pc_phase *phase, double periods)
{
    double doubt = doubt_ns(phase, periods), margin = fmin(margin_ns(phase) + DOUBTS * doubt, phase->period_ns / 2);
    double patience_ns = DOUBTS * sqrt(doubt * doubt + phase->jitter_ns * phase->jitter_ns) + LEAST_NEED_NS;
    double most_ns = phase->period_ns / 2, reading_ns = phase->reading_ns; /* one ends before, one begins after */

    phase->periods = periods;
    phase->doubt_ns = doubt;
    phase->target_ns = phase->edge_ns + (int64_t)(periods * phase->period_ns);
    phase->wake_ns = phase->target_ns - (int64_t)fmin(margin + reading_ns, most_ns);
    phase->give_up_ns = phase->target_ns + (int64_t)fmin(patience_ns + reading_ns, most_ns);
    phase->pause_ns = margin > LONGEST_SPIN_NS ? (int64_t)margin / READINGS_OF_A_SLOW_LOOK : 0;
    phase->next_ns = phase->wake_ns;
}

/* How many periods after the latest edge one comes at `time_ns` or later; 1 at least. */
static double periods_until(const struct pc_phase *phase, int64_t time_ns)
{
    return fmax(ceil((double)(time_ns - phase->edge_ns) / phase->period_ns), 1);
}

/*
 * A glance halves the time in which nothing is known of the edges left out.  In the middle of a period it is certain
 * which edge was the latest, and when that came is known from the grid.
 */
static void plan_glance(struct pc_phase *phase, int64_t now_ns)
{
    double middle = floor(phase->periods / 2) + 0.5;
    int64_t glance_ns = phase->edge_ns + (int64_t)(middle * phase->period_ns);
    bool useful = phase->periods >= 3 && glance_ns > now_ns && phase->pause_ns == 0;
    bool again = (double)(glance_ns - phase->glanced_ns) < phase->period_ns;
    phase->glance_ns = useful && !again ? glance_ns : INT64_MAX;
}

/* False when not even the next edge can be predicted. */
static bool plan_following(struct pc_phase *phase, int64_t now_ns, int64_t not_before_ns, int64_t edge_ns)
{
    double soonest = periods_until(phase, now_ns);
    double periods = periods_until(phase, pc_most(not_before_ns, edge_ns));
    while (periods > soonest && !predictable(phase, periods)) {
        periods = soonest + floor((periods - soonest) / 2); /* to look too soon costs less than to seek */
        not_before_ns = now_ns;
    }
    if (!predictable(phase, periods))
        return false;
    plan(phase, periods);
    if (phase->wake_ns < not_before_ns)
        plan(phase, periods + 1);
    plan_glance(phase, now_ns);
    return true;
}

void pc_phase_plan(struct pc_phase *phase, int64_t now_ns, int64_t not_before_ns, int64_t edge_ns)
{
    if (phase->looking)
        return;
    if (phase->state == PC_PHASE_FOLLOWING) {
        if (plan_following(phase, now_ns, not_before_ns, edge_ns))
            return;
        if (phase->seen == 0)
            give_up_seeking(phase, now_ns); /* its changes follow no period */
        else
            seek(phase, now_ns);
    }
    if (phase->state != PC_PHASE_STILL)
        not_before_ns = pc_most(not_before_ns, edge_ns);
    phase->next_ns = pc_most(phase->next_ns, not_before_ns);
}
