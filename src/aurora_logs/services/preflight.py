"""At the start: ask everything that a service needs once, side by side, with calls that its rights allow.

What a person must cure ends the start with all of it in one error; what does not answer is told, and waited for: it may
come up after us.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial

from aurora_logs import telemetry
from aurora_logs.errors import AuroraLogsError, ConfigError, Permanent
from aurora_logs.ports import Ports
from aurora_logs.settings import Service

WAIT_SEC = 8.0  # for all of them together
NOBODY = "#readiness"  # a key that no row has
NO_FILE = "a" * 13


def check(ports: Ports, service: Service) -> None:
    """Look at tables, topics and, where records are delivered, the sink. Raises: ConfigError and its leaves."""
    state = ports.state
    looks: dict[str, Callable[[], object]] = {
        "instances": state.instances, "log files": partial(state.tracked, NOBODY),
        "checkpoints": partial(state.checkpoint, NOBODY, NOBODY), "dead letters": partial(state.dead_letter, NOBODY), "queue": ports.queue.look}
    if service != "discovery":
        looks["sink"] = partial(ports.sink.stored, "error", NO_FILE, 0, 1, span_us=(ports.clock.now_us() - 1, ports.clock.now_us()))
    errors = _asked(looks)
    wrong = {str(error): error for error in errors.values() if isinstance(error, (ConfigError, Permanent))}
    for name, error in errors.items():
        if str(error) not in wrong:
            telemetry.dependency_away(name, error)
    if len(wrong) == 1:
        raise next(iter(wrong.values()))
    if wrong:
        hints = dict.fromkeys(error.hint for error in wrong.values() if error.hint)
        raise ConfigError("\n  ".join(["", *wrong]), hint="; ".join(hints))


def _asked(looks: Mapping[str, Callable[[], object]]) -> dict[str, AuroraLogsError]:
    """Return what went wrong, by name; a look without an answer in time goes on by itself."""
    errors: dict[str, AuroraLogsError] = {}
    bugs: list[BaseException] = []

    def ask(name: str, look: Callable[[], object]) -> None:
        try:
            look()
        except AuroraLogsError as error:
            errors[name] = error
        except Exception as exc:  # noqa: BLE001 - raised where somebody sees it
            bugs.append(exc)

    threads = [threading.Thread(target=ask, args=pair, name=f"look at {pair[0]}", daemon=True) for pair in looks.items()]
    for thread in threads:
        thread.start()
    left_sec = WAIT_SEC
    for thread in threads:
        thread.join(max(0.1, left_sec))
        left_sec = left_sec if not thread.is_alive() else 0.0
    if bugs:
        raise bugs[0]
    return dict(errors)
