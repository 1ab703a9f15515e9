"""What is spent when the budget allows it stays within the loan and the share of the time, over any span."""

from core import ffi, lib
from hypothesis import given, settings
from hypothesis import strategies as st

MS, SECOND = 1_000_000, 1_000_000_000
LOAN_NS, CREDIT_NS = 10 * MS, 2 * MS


def spend(duty_ppm: int, looks) -> list[tuple[int, int, int]]:
    """Look as soon as allowed and some idle time later: (began, ended, spent) of each, and the waits are checked."""
    budget = ffi.new("struct pc_budget *")
    lib.pc_budget_start(budget, duty_ppm)
    lib.pc_budget_begin(budget, 0, 0)
    now_ns = spent_ns = allowed_ns = 0
    out = []
    for idle_ns, cost_ns in looks:
        began_ns = allowed_ns + idle_ns
        now_ns, spent_ns = began_ns + cost_ns, spent_ns + cost_ns
        out.append((began_ns, now_ns, cost_ns))
        allowed_ns = lib.pc_budget_charge(budget, now_ns, spent_ns)
        assert now_ns <= allowed_ns <= now_ns + SECOND
    return out


COSTS = st.lists(st.tuples(st.integers(0, 3 * MS) | st.just(0), st.integers(0, 2 * MS)), min_size=1, max_size=200)


@given(st.integers(1_000, 1_000_000), COSTS)
@settings(deadline=None)
def test_spending_over_any_span_stays_within_loan_share_and_one_look(duty_ppm, looks):
    # GIVEN looks that never cost more than a second's share, so that no wait is cut short
    most_ns = duty_ppm * SECOND // 1_000_000
    spent = spend(duty_ppm, [(idle_ns, min(cost_ns, most_ns)) for idle_ns, cost_ns in looks])
    for first in range(len(spent)):
        total_ns = 0
        for _, ended_ns, cost_ns in spent[first:]:
            total_ns += cost_ns
            span_ns = ended_ns - spent[first][0]
            # THEN; 1 ns of rounding for each look
            assert total_ns <= LOAN_NS + duty_ppm * span_ns / 1e6 + cost_ns + len(spent)


@given(st.integers(2_000, 200_000), st.integers(10_000, 200_000))
@settings(deadline=None, max_examples=30)
def test_the_loan_is_paid_back_and_the_mean_is_then_the_share(duty_ppm, cost_ns):
    # GIVEN looks as soon as each is allowed, for as long as it takes to repay a tenth of the income
    needed = int(12 * LOAN_NS / cost_ns) + 1
    spent = spend(duty_ppm, [(0, cost_ns)] * (needed + 200))
    # THEN all that was ever spent is the share of the time, but for one look
    _, ended_ns, _ = spent[-1]
    total_ns = sum(cost_ns for _, _, cost_ns in spent)
    assert total_ns <= duty_ppm * ended_ns / 1e6 + 2 * cost_ns + len(spent)
    assert total_ns >= 0.95 * duty_ppm * ended_ns / 1e6


def test_what_was_not_spent_is_kept_for_a_short_while_only():
    # GIVEN an idle hour after the loan was paid back
    paid = [(0, 100_000)] * 2000
    spent = spend(30_000, [*paid, (3600 * SECOND, 100_000), *[(0, 100_000)] * 100])
    burst = [cost_ns for began_ns, _, cost_ns in spent[2000:] if began_ns <= spent[2000][0] + 10 * MS]
    assert sum(burst) <= CREDIT_NS + 0.03 * 10 * MS + 2 * 100_000


def test_without_a_bound_it_may_be_spent_at_once():
    spent = spend(0, [(0, 50 * MS)] * 20)
    assert spent[-1][1] == 20 * 50 * MS


def test_something_that_was_stalled_for_hours_costs_a_second():
    spent = spend(1, [(0, 3 * 3600 * SECOND), (0, 1)])
    assert spent[1][0] - spent[0][1] == SECOND
