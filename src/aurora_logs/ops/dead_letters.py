"""Chapter "dead letters": byte ranges given up for now; a replay asks the collector to read exactly them again."""

from collections.abc import Callable, Sequence

import msgspec

from aurora_logs.errors import AuroraLogsError, NotFound, Permanent
from aurora_logs.ops.files import State, file_detail, nearest
from aurora_logs.ops.gaps import GapLine, letter_line
from aurora_logs.ports import Queue
from aurora_logs.records.flow import DeadLetter, Task
from aurora_logs.records.letters import REPLAY, RESCUED, range_letter
from aurora_logs.stages.discover import log_file


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one dead letter: `queued`, or the reason why not."""

    message_id: str
    instance_id: str
    log_file_name: str
    size_bytes: int
    outcome: str


def letter_lines(state: State, *, instance_id: str = "", reason: str = "") -> list[GapLine]:
    """Return the open dead letters, oldest failure first."""
    return [letter_line(one) for one in state.dead_letters()
            if instance_id in ("", one.instance_id) and reason in ("", one.reason)]


def find_letter(state: State, message_id: str) -> DeadLetter:
    """Find a dead letter by its id or a beginning of it that fits one alone. Raises: NotFound."""
    letters = [*state.dead_letters(), *state.dead_letters(gaps=True)]
    found = [one for one in letters if one.message_id == message_id] or \
        [one for one in letters if message_id and one.message_id.startswith(message_id)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"{message_id!r} begins several dead letters: {', '.join(one.message_id for one in found[:5])}",
                       hint="give more of its letters")
    known = nearest(message_id, (one.message_id for one in letters))
    raise NotFound(f"no dead letter {message_id!r} is open: it was delivered, or never there{known}",
                   hint="aurora-logs dlq list")


def chosen(state: State, ids: Sequence[str], *, every: bool) -> list[DeadLetter]:
    """Return the letters to replay, each once. Raises: NotFound, Permanent for a gap."""
    if every:  # what was rescued is read already: the export delivers it
        return [one for one in state.dead_letters() if one.reason != RESCUED]
    found: dict[str, DeadLetter] = {}
    for message_id in ids:
        letter = find_letter(state, message_id)
        if letter.is_gap:
            raise Permanent(f"{letter.message_id} is a gap ({letter.reason}): its bytes can't be read any more",
                            hint="aurora-logs gaps list")
        found[letter.message_id] = letter
    return list(found.values())


def replay(letters: Sequence[DeadLetter], queue: Queue, log: Callable[[DeadLetter, str], None]) -> list[Replayed]:
    """Put each letter's task into the queue; a letter that fails never stops the others. Twice is harmless.

    log: told each letter and its outcome.
    """
    done = []
    for letter in letters:
        try:
            queue.put(_task(letter), deadline_ms=letter.purge_at * 1000)
            outcome = "queued"
        except AuroraLogsError as error:
            outcome = str(error)
        log(letter, outcome)
        done.append(Replayed(message_id=letter.message_id, instance_id=letter.instance_id,
                             log_file_name=letter.log_file_name, size_bytes=letter.to_position - letter.from_position,
                             outcome=outcome))
    return done


def again(state: State, instance_id: str, log_file_name: str, *, begin: int = 0, end: int = 0, now_sec: int) -> DeadLetter:
    """Return the letter that has a delivered range of a file read again. end: 0 for all that is delivered.

    Raises: NotFound (no such file), Permanent (nothing of the range is delivered).
    """
    file_detail(state, instance_id, log_file_name)
    instance = next(one.instance for one in state.instances() if one.instance.instance_id == instance_id)
    row = next(one for one in state.tracked(instance_id) if one.log_file_name == log_file_name)
    upto = min(end or row.delivered_bytes, row.delivered_bytes)
    if not row.segment_id or begin >= upto:
        raise Permanent(f"{instance_id} {log_file_name}: no byte of that range is delivered yet", hint="it will be read as any other file")
    return range_letter(log_file(instance, row.family, row.log_type), row.segment_id, begin, upto, REPLAY,
                        "an operator has it read again", now_sec)


def _task(letter: DeadLetter) -> Task:
    """Return the task that names the letter; the original message may lack it or be edited by hand."""
    try:
        original = msgspec.json.decode(letter.original_message or b"null", type=Task)
    except msgspec.MsgspecError as error:
        raise Permanent(f"the original message of {letter.message_id} can't be read: {error}") from error
    return msgspec.structs.replace(original, dead_letter_id=letter.message_id)
