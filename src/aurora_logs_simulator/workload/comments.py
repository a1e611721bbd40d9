"""Where a statement carries its token: in a comment, as tracing libraries leave them. No statement is made here."""

from random import Random

from aurora_logs_simulator.workload.written import Truth

# Comments that end a MySQL statement as people type them; the apostrophe is FMT-51's.
_ASIDES = ("it's", "see ticket 4711", "don't cache", "nightly run; safe to kill", "a 'quoted' hint")


def token_of(rnd: Random) -> str:
    """One unique token: 64 random bits, so that two writers of one fleet do not meet."""
    return f"tok_{rnd.getrandbits(64):016x}"


def marked(sql: str, token: str, rnd: Random, fields: Truth) -> str:
    """Give `sql` with a comment that holds `token`. A trace in the comment is added to `fields` (trace_id, span_id)."""
    chance = rnd.random()
    if chance < 0.30:
        return f"/* {token} */ {sql}"
    if chance < 0.45:
        trace, span = f"{rnd.getrandbits(128) | 1:032x}", f"{rnd.getrandbits(64) | 1:016x}"
        fields["trace_id"], fields["span_id"] = trace, span
        return f"/*route='{token}',traceparent='00-{trace}-{span}-01'*/ {sql}"
    if chance < 0.70:
        verb_end = sql.find(" ")
        return f"{sql[:verb_end]} /* {token} */{sql[verb_end:]}"
    if chance < 0.97:
        return f"{sql} -- {token}"
    return f"{sql} -- {token} {_ASIDES[int(chance * 1000) % len(_ASIDES)]}"
