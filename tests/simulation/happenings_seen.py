"""Which transitions of reliability.md §5.1 a run went through, seen in the applied state writes."""

TRANSITIONS = (
    "unseen -> waiting", "waiting -> held", "held -> intended", "intended -> intended", "intended -> held",
    "intended -> doubtful", "doubtful -> held", "held -> waiting", "held -> caught up", "caught up -> waiting",
    "caught up -> closed", "closed -> audited", "closed -> waiting", "waiting -> failed", "failed -> waiting",
    "waiting -> gone",
)


class Transitions:
    """Counts into `run.transitions`."""

    def __init__(self, run):
        self._run = run

    def see(self, write, before, after):
        rule = getattr(self, f"_{write}", None)
        if rule is not None:
            rule(before, after)

    def _count(self, name):
        assert name in TRANSITIONS
        self._run.transitions[name] += 1

    def _see(self, before, after):
        self._count("unseen -> waiting")

    def _take_claim(self, before, after):
        if after.intent is None:
            self._count("waiting -> held")
        else:
            self._count("intended -> doubtful")

    def _intend(self, before, after):
        if after.intent.repair:
            self._count("caught up -> closed")
            self._count("closed -> waiting")
        else:
            self._count("held -> intended")

    def _advance(self, before, after):
        if before.intent is None:
            return
        if after.intent is not None:
            self._count("intended -> intended")
        elif before.intent.epoch != after.epoch:
            self._count("doubtful -> held")
        else:
            self._count("intended -> held")

    def _grow(self, before, after):
        if before.status == "completed":
            self._count("caught up -> waiting")

    def _progress(self, before, after):
        if after.status == "completed":
            self._count("held -> caught up")
        elif after.status == "failed":
            self._count("waiting -> failed")
        elif after.status == "discovered" and before.status == "processing":
            self._count("held -> waiting")
        elif before.status == "failed":
            self._count("failed -> waiting")

    def _audited(self, before, after):
        self._count("caught up -> closed")
        self._count("closed -> audited")

    def _bury(self, before, after):
        if after.is_gap and after.reason in ("purged", "instance_deleted"):
            self._count("waiting -> gone")
