"""The simulated queue: hints in memory, per delivery a visibility time, some faults asked for by name."""


class QueueWorld:
    """Queue without waiting: `take_now` gives what is visible at `now_us`. Lives outside all processes."""

    VISIBILITY_US = 600_000_000

    def __init__(self):
        self.waiting = {}  # key -> [visible_at_us, deadline_ms, order, task]
        self.in_hands = {}  # number -> (visible again at, key, deadline_ms, task)
        self.old = []  # every task ever put, for resets
        self._order = 0

    def put(self, task, deadline_ms, now_us, *, kept_apart=False):
        """Add a hint; one that waits for the same file is refreshed, unless a fault doubles it."""
        self._order += 1
        key = (task.instance_id, task.log_file_name, task.dead_letter_id, self._order if kept_apart else 0)
        known = self.waiting.get(key)
        deadline_ms = deadline_ms or 1 << 62
        if known is None:
            self.waiting[key] = [now_us, deadline_ms, self._order, task]
        else:
            known[1], known[3] = min(known[1], deadline_ms), task
        if len(self.old) < 50:
            self.old.append(task)

    def take_now(self, now_us):
        """Take the most urgent visible task: (number, task), or None."""
        for number, (again_us, key, deadline_ms, task) in list(self.in_hands.items()):
            if again_us <= now_us:
                del self.in_hands[number]
                self._again(key, now_us, deadline_ms, task)
        visible = [(item[1], item[2], key) for key, item in self.waiting.items() if item[0] <= now_us]
        if not visible:
            return None
        deadline_ms, number, key = min(visible)
        task = self.waiting.pop(key)[3]
        self._order += 1
        self.in_hands[self._order] = (now_us + self.VISIBILITY_US, key, deadline_ms, task)
        return self._order, task

    def next_visible_us(self):
        """Return when something may be taken next; None when there is nothing."""
        times = [item[0] for item in self.waiting.values()] + [item[0] for item in self.in_hands.values()]
        return min(times, default=None)

    def ack(self, number):
        self.in_hands.pop(number, None)

    def retry_later(self, number, visible_us):
        item = self.in_hands.pop(number, None)
        if item is not None:
            self._again(item[1], visible_us, item[2], item[3])

    def hand_over(self, now_us):
        """The group's members changed: what a former member holds, or its answer to it, counts no more; True when any did."""
        held = list(self.in_hands.values())
        self.in_hands.clear()
        for _, key, deadline_ms, task in held:
            self._again(key, now_us, deadline_ms, task)
        return bool(held)

    def forget_all(self):
        """The group or the topic was deleted: every hint is gone."""
        self.waiting.clear()
        self.in_hands.clear()

    def start_over(self, now_us):
        """Offsets to earliest: every old hint comes again."""
        for task in self.old:
            self.put(task, 0, now_us, kept_apart=True)

    def _again(self, key, visible_us, deadline_ms, task):
        known = self.waiting.get(key)
        self._order += 1
        if known is None:
            self.waiting[key] = [visible_us, deadline_ms, self._order, task]
        else:
            known[0] = max(known[0], visible_us)
