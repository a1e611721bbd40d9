"""The main path: what happens to a log line, and when it counts as delivered. Read this first.

A task says "this file has grown". A worker claims the file, reads from the checkpoint on, and for each batch of records
writes down what it is about to send, sends it, and only then moves the checkpoint. Whoever dies on the way leaves an
intent behind; the next owner waits until that request can't land any more, looks what is stored, and sends the rest.
"""

from aurora_logs.formats import Format
from aurora_logs.intake import Turn
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Progress, Segment
from aurora_logs.settings import Settings
from aurora_logs.stages.batch import batches, with_following
from aurora_logs.stages.claim import claim
from aurora_logs.stages.discover import FamilyFiles, deletion_ms, first_checkpoint
from aurora_logs.stages.download import download
from aurora_logs.stages.parse import parse
from aurora_logs.stages.settle import settle
from aurora_logs.stages.ship import Rescue, Shipper
from aurora_logs.stages.split import Tail, split

RESCUE_WITHIN_MS = 2 * 3_600_000  # before RDS deletes a file, nobody waits for the sink any more


def rescue_of(file: LogFile, ports: Ports) -> Rescue | None:
    """Return where and when batches of a file are parked; None where RESCUE_DIR is not set."""
    def is_near(segment: Segment) -> bool:
        delete_ms = deletion_ms(file.engine, file.log_type, segment.last_written_ms)
        return delete_ms - ports.clock.now_us() // 1000 < RESCUE_WITHIN_MS

    return Rescue(ports.shelter, is_near) if ports.shelter is not None else None


def bring_up_to_date(file: LogFile, log_format: Format, files: FamilyFiles, ports: Ports, settings: Settings,
                     worker: str, turn: Turn | None = None) -> Progress:
    """Deliver all that is new in one log file, or what its turn allows; law 2: one writer. `worker` names the process in the lease.

    Raises: ClaimHeld and EpochMoved (somebody else has it), Transient, Permanent, ConfigError; what was delivered until
    then is delivered.
    """
    initial = first_checkpoint(file, files.segments())
    with claim(ports.state, ports.clock, ports.random, settings, initial, worker) as held:  # 1 one writer: lease + epoch
        start = held.checkpoint
        files.began(start)
        shipper = Shipper(ports.sink, held, file, ports.clock, ports.random, settings, rescue_of(file, ports))
        settle(held, ports.sink)                                                # 2 a dead worker's intent: wait, then search
        tail, records, lost = Tail(), 0, 0
        for portion in download(ports.source, held, files, log_format, turn):   # 3 bytes from the claim's position on
            chunks = split(portion, tail, held, log_format)                     # 4 whole entries
            pieces = parse(chunks, portion, file, held, log_format, settings)   # 5 records, as wire bytes
            for batch, following in with_following(batches(pieces, file, held)):
                held.intend(batch)                                              # 6 write down what is about to be sent
                delivered = shipper.ship(batch)                                 # 7 strict receipt, or on record as lost
                held.advance(delivered, following)                              # 8 only now the checkpoint moves
                records += delivered.count
                lost += batch.gap.size_bytes if batch.gap else 0
        end = held.checkpoint
    complete = files.finish(end)                                                # 9 lease given back: tracking follows
    return Progress(file_bytes=end.byte_offset, records=records, gap_bytes=lost, complete=complete)
