"""The invariants of reliability.md §2 and §6.6, checked after every state write and at the end of a run.

The truth is the world's own: entries of every file with their bytes, what no call could give, what was acknowledged.
"""

from tests.simulation.happenings_seen import Transitions

from aurora_logs.records.log_record import record_id

MAX_RETRIES = 3  # of the settings by default


class Oracle:
    """Watches one run; `violations` holds the first sign of each broken invariant."""

    def __init__(self, run):
        self._run = run
        self.violations = {}
        self.claims = {}  # job -> (checkpoint key, owner) of its latest claim
        self.lease_ends_us = {}  # checkpoint key -> end of the lease in true time
        self._claimant = {}  # checkpoint key -> job
        self._epochs = {}
        self._transitions = Transitions(run)
        self._poisoned = {}
        self.forgotten = set()

    def violated(self, invariant, sign):
        """Note a broken invariant at the event where it first showed."""
        if invariant not in self.violations:
            self.violations[invariant] = f"event {len(self._run.engine.lines)}: {sign}"

    def is_poisoned(self, one_id):
        """Tell whether the sink never takes this record."""
        if not self._poisoned:
            self._poisoned = {"size": -1}
        entries = sum(len(file.entries) for file in self._run.source.files())
        if self._poisoned["size"] != entries:
            self._poisoned = {"size": entries} | {
                id_of(file, entry): True for file in self._run.source.files() for entry in file.entries if entry.poison}
        return one_id in self._poisoned

    # while it runs

    def watch(self, write, before, after):
        """Hear of an applied state write."""
        run = self._run
        self._transitions.see(write, before, after)
        if write in ("see", "grow"):
            run.source.note_known(after)
        if getattr(after, "segment_id", "") and write != "bury":
            run.source.note_met(after.instance_id, after.segment_id)
        if write == "take_claim":
            self._claimed(before, after)
        elif write in ("renew", "intend", "advance", "release"):
            self._fenced(write, after)
        if write == "advance":
            self._advanced(before, after)
        if write == "bury":
            run.reached("REL-101" if not after.is_gap else "REL-14")

    def _claimed(self, before, after):
        run, key = self._run, (after.instance_id, after.log_file_name)
        if self._epochs.get(key, 0) >= after.epoch and before is not None:
            self.violated("I4", f"epoch {after.epoch} of {key} again")
        self._epochs[key] = after.epoch
        self._claimant[key] = run.writer.name
        self.claims[run.writer.name] = (key, after.lease_owner)
        self._lease(key)
        if before is not None and before.lease_owner:
            run.reached("REL-45")
            run.reached("REL-46")

    def _lease(self, key):
        self.lease_ends_us[key] = self._run.engine.now_us + int(self._run.plan.settings["lease_sec"] * 1e6)

    def _fenced(self, write, after):
        run, key = self._run, (after.instance_id, after.log_file_name)
        if self._claimant.get(key) != run.writer.name or self.claims[run.writer.name] != (key, after.lease_owner or self.claims[run.writer.name][1]):
            self.violated("I4", f"{write} of {run.writer.name} on {key}, which {self._claimant.get(key)} holds")
        self._lease(key)

    def forget_claim(self, key):
        """The row was deleted by hand: whoever held it holds it no more, and what was sent since is not known (RUN-68)."""
        self.forgotten.add(key)
        self._claimant.pop(key, None)
        self._epochs.pop(key, None)
        named = {(row.instance_id, row.segment_id) for row in self._run.state.tracking.values()}
        for file in self._run.source.files():
            if (file.instance_id, file.family) == key:
                file.was_met = (file.instance_id, file.segment_id) in named

    def _advanced(self, before, after):
        """I3: what the checkpoint passed is confirmed, dead-lettered or reported as gap."""
        if before.segment_id != after.segment_id or after.byte_offset <= before.byte_offset:
            return
        file = next((one for one in self._run.source.files() if one.segment_id == after.segment_id
                     and one.instance_id == after.instance_id), None)
        if file is None:
            return
        spans = self._spans(file)
        for entry in file.entries:
            if before.byte_offset <= entry.start and entry.end <= after.byte_offset and not self._confirmed(file, entry, spans):
                self.violated("I3", f"checkpoint {after.byte_offset} of {file.segment_id} passed {entry.token} at {entry.start}")

    def _confirmed(self, file, entry, spans):
        confirmed = self._run.sink.confirmed
        if id_of(file, entry) in confirmed or entry.token in self._run.changed:
            return True
        if any(id_of(file, old) in confirmed and old.start < entry.end and entry.start < old.end for old in file.cut_off):
            return True  # what stood there before a restart; the next read notices
        return any(start < entry.end and entry.start < end for start, end in spans)

    def _spans(self, file):
        """Byte ranges of a file in the dead letters, gaps included. A live file that was never read has no hour yet."""
        names = {file.segment_id, file.name} | (set() if file.was_met else {file.family})
        return [(one.from_position, one.to_position) for one in self._run.state.letters.values()
                if one.segment_id in names and one.resource_id == file.resource_id]

    # when the faults are over

    def open_ends(self):
        """Return what has not reached its end yet."""
        run, found = self._run, []
        for family in run.source.families:
            gone = family.instance.instance_id in run.source.gone
            for file in family.files:
                row = run.state.tracking.get((file.instance_id, file.name))
                if file.purged or gone:
                    if row is not None and row.status != "completed":
                        found.append(f"{file.name} is gone, its row is {row.status}")
                    elif row is not None and row.records and not row.audited_at:
                        found.append(f"{file.name} is gone and not audited")
                    continue
                if row is None:
                    found.append(f"{file.name} has no row")
                elif row.status != "completed" or row.delivered_bytes < len(file.content):
                    if not self._waits_for_an_end(family, file, row):
                        found.append(f"{file.name} {row.status} {row.delivered_bytes} of {len(file.content)}")
                elif not run.source.is_known(row):
                    found.append(f"{file.name} has changed since it was listed")
                elif row.records and file is not family.live and not row.audited_at:
                    found.append(f"{file.name} is not audited")
        for row in run.state.rows.values():
            if row.intent is not None:
                found.append(f"{row.log_file_name} has an open intent")
        return found

    @staticmethod
    def _waits_for_an_end(family, file, row):
        """The live file may end in half an entry; it is held back until the file closes (REL-27)."""
        return file is family.live and bool(family.half) and row.delivered_bytes >= file.entries[-1].start

    # at the end

    def judge(self):
        """Compare the sink with the truth."""
        run = self._run
        by_key = {}
        for file in run.source.files():
            by_key.setdefault((file.log_type, file.file_key), file)
            self._nothing_lost(file)
            self._gaps_are_true(file)
        seen = {}
        for key, rows in run.sink.lines.items():
            self._nothing_twice(by_key.get(key), rows, seen)

    def _nothing_lost(self, file):
        """I1."""
        run = self._run
        family = run.source.family_of(file)
        gone = file.purged or file.instance_id in run.source.gone
        stored = {row.record_id for row in run.sink.lines.get((file.log_type, file.file_key), ())}
        spans = self._spans(file)
        row = run.state.tracking.get((file.instance_id, file.name))
        audited = row is not None and row.audited_at
        for entry in file.entries:
            run.figures["entries"] += 1
            if id_of(file, entry) in stored or entry.token in run.changed:
                continue
            if any(start < entry.end and entry.start < end for start, end in spans):
                run.figures["in gaps or dead letters"] += 1
                continue
            if gone and entry.end > file.listed_bytes:
                continue  # purged before any listing told of it
            if gone and entry.start < file.cut_bytes_at_most:
                continue  # cut, written again and purged before anybody read it: where the new text begins nobody knows
            if gone and family.hourly and file.name not in file.listed_names - {file.family} and (spans or not file.was_met):
                continue  # rotated and purged between two listings: nobody knows how long it was, or that it was
            if not gone and not audited and file is family.live and (
                    id_of(file, entry) in run.sink.lied or (entry is file.entries[-1] and family.half)):
                continue  # only an audit finds a lie, and only closed files are audited
            self.violated("I1", f"{entry.token} at {entry.start} of {file.name} ({file.segment_id}) is nowhere")

    def _gaps_are_true(self, file):
        """I6: every gap names bytes that some call could really not give."""
        run = self._run
        gone = file.purged or file.instance_id in run.source.gone
        for letter in run.state.letters.values():
            if letter.segment_id != file.segment_id or letter.resource_id != file.resource_id:
                continue
            if letter.reason == "rejected":
                if not any((entry.poison or self._is_refused(file, entry)) and entry.start < letter.to_position
                           and letter.from_position < entry.end for entry in [*file.entries, *file.cut_off]):
                    self.violated("I6", f"{letter.reason} {letter.from_position}-{letter.to_position} of {file.name}")
            elif not gone and not any(start < letter.to_position and letter.from_position < end
                                      for start, end, _ in file.troubled) and letter.to_position > letter.from_position:
                self.violated("I6", f"gap {letter.reason} {letter.from_position}-{letter.to_position} of {file.name}")

    def _is_refused(self, file, entry):
        """By chance the sink took nothing of it as often as the product tries: that can't be told from a bad record (OO-04)."""
        return self._run.sink.refused[id_of(file, entry)] >= MAX_RETRIES

    def _nothing_twice(self, file, rows, seen):
        """I2: an entry has one id, and every record is an entry. P1: one line each, but for zombies."""
        run = self._run
        known = {}
        if file is not None:
            known = {id_of(file, entry): entry for entry in [*file.entries, *file.cut_off]}
            for crc, entry in [(crc, one) for one in file.entries for crc in one.other_crcs]:
                known[record_id(file.file_key, entry.start, crc).encode()] = entry
        lines = {}
        for row in rows:
            lines.setdefault(row.record_id, []).append(row)
            if row.record_id not in known and not self._is_excused(file, row):
                self.violated("I2", f"record {row.record_id} of {file.name if file else '?'} is no entry: {row.line[-160:]}")
        for one_id, copies in lines.items():
            run.figures["records"] += 1
            if len(copies) > 1:
                run.figures["doubled"] += 1
                if not any(copy.by_zombie for copy in copies) and (file is None or (
                        file.instance_id, file.family) not in self.forgotten):
                    self.violated("P1", f"{one_id} of {file.name if file else '?'} is stored {len(copies)} times")

    def _is_excused(self, file, row):
        """A record that is no whole entry: next to a gap, of a changed reading, or of a text that was cut away.

        Also an entry that a portion cut and whose sender died before its gap was on record: later it was read whole
        (REL-128: both readings are kept, each with its id).
        """
        if file is None:
            return False
        if any(token.encode()[1:] in row.line for token in self._run.changed):
            return True
        if b'"truncated":true' in row.line and any(entry.start == row.offset for entry in [*file.entries, *file.cut_off]):
            return any(start <= row.offset < end and cause == "truncated" for start, end, cause in file.troubled)
        spans = self._spans(file)
        touched = [(entry.start, entry.end) for entry in file.entries if entry.token in self._run.changed
                   or any(start < entry.end and entry.start < end for start, end in spans)]
        return any(start <= row.offset < end for start, end in [*touched, *spans])


def id_of(file, entry):
    """Return the record id that an entry must have: its place and its bytes (law 5)."""
    return record_id(file.file_key, entry.start, entry.crc).encode()
