/* budget: see budget.h. */
#include "budget.h"

#include <math.h>

#include "bounds.h"

/* Ten milliseconds see the first hundred edges of a run closely; a tenth of what comes in pays them back. */
static const int64_t LOAN_NS = 10000000;
static const double REPAYMENT = 0.1;

/* What was not spent is kept up to this. */
static const int64_t MOST_CREDIT_NS = 2000000;

/* Something that was stalled was not expensive: go on soon. */
static const int64_t LONGEST_WAIT_NS = 1000000000;

void pc_budget_start(struct pc_budget *budget, int64_t duty_ppm)
{
    *budget = (struct pc_budget){.duty_ppm = duty_ppm, .credit_ns = LOAN_NS, .owed_ns = LOAN_NS};
}

void pc_budget_begin(struct pc_budget *budget, int64_t time_ns, int64_t spent_ns)
{
    budget->time_ns = time_ns;
    budget->spent_ns = spent_ns;
}

int64_t pc_budget_charge(struct pc_budget *budget, int64_t time_ns, int64_t spent_ns)
{
    if (budget->duty_ppm <= 0)
        return time_ns;
    double duty = (double)budget->duty_ppm / 1e6;
    int64_t income_ns = (int64_t)((double)(time_ns - budget->time_ns) * duty);
    int64_t repaid_ns = pc_least(budget->owed_ns, (int64_t)((double)income_ns * REPAYMENT));
    int64_t most_ns = budget->owed_ns > MOST_CREDIT_NS ? budget->owed_ns : MOST_CREDIT_NS;

    budget->owed_ns -= repaid_ns;
    budget->credit_ns += income_ns - repaid_ns - (spent_ns - budget->spent_ns);
    budget->credit_ns = pc_least(budget->credit_ns, most_ns);
    budget->time_ns = time_ns;
    budget->spent_ns = spent_ns;
    if (budget->credit_ns >= 0)
        return time_ns;
    return time_ns + (int64_t)fmin((double)-budget->credit_ns / duty, (double)LONGEST_WAIT_NS);
}
