"""In what order pytest-xdist's workers do the suite: side by side what computes, then alone what measures."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

FIRST = ("tests/csrc/test_sanitizers.py",)
"""Takes longest, and so is not to begin when the other workers are nearly done."""
LIVE = ("tests/emulator/", "tests/hardware/", "tests/integration/")
"""What is here measures a machine that is live, and would measure the other workers too."""
ALONE = (*LIVE, "tests/unit/test_services_client.py")


def turn(scope: str) -> int:
    """When a file's turn comes, earliest first."""
    return 2 if scope.startswith(ALONE) else 0 if scope in FIRST else 1


class AloneLast(LoadFileScheduling):
    """Each file goes to a worker that is free; those of ALONE, last, to one that is left when the others have ended.

    Invariant: while a file of ALONE has tests to run, one worker has tests to run.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        scope = min(self.workqueue, key=turn)
        others = [other for other in self.nodes if other is not node]
        if turn(scope) == turn(ALONE[0]):
            if not all(other.shutting_down for other in others):
                node.shutdown()  # one of the others does what is left
                return
            if any(self._pending_of(self.assigned_work[other]) for other in others):
                return  # until the last of them is done: see mark_test_complete()
        self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """One test was done; a worker that waited for its end may go on."""
        super().mark_test_complete(node, item_index, duration)
        for other in self.nodes:
            self._reschedule(other)
