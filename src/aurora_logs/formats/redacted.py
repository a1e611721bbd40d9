"""Redaction of whole records: modes `strict` and `all`, and keyed marks; plain mode `default` is the formats' own work.

The formats parse with redaction off here, and each record is redacted before anybody else sees it (record-schema.md §14).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from aurora_logs.records.flow import Parsed
from aurora_logs.records.log_record import RECORD_TYPES, LogRecord, encode
from aurora_logs.settings import Settings
from aurora_logs.sql import tokens as lexer
from aurora_logs.sql.fingerprint import hashed, normal_form
from aurora_logs.sql.marks import Mark, keyed, stars
from aurora_logs.sql.parameters import parameter_spans, redact_parameters
from aurora_logs.sql.redaction import mask_raw, redact_message, redact_sql, replaced
from aurora_logs.sql.summary import summary
from aurora_logs.sql.values import data_spans, literal_spans, plan_spans, row_dump_spans

STATEMENTS = ("db_query_text", "pg_statement", "pg_internal_query")
TEXTS = ("body", "pg_detail", "pg_hint", "pg_context", "pg_backtrace", "metrics_extra")
OTHERS = ("pg_parameters", "db_plan", "deadlock_transactions")
"""Fields that may hold text of clients. All other text fields are names, codes and identity (a test knows each)."""

Redacted = tuple[str | None, int]  # what stands in the field, and how many spans were replaced


class Redaction(msgspec.Struct, frozen=True):
    """What is taken out of each record, and what stands in its place. mode: default, strict or all."""

    mode: str
    mark: Mark = stars

    def record(self, record: LogRecord) -> LogRecord:
        """Return the record as it may be seen. Never raises; ids, times and counters stay."""
        if record.parse_status == "raw":
            shown = mask_raw(b"", record.log_record_bytes).decode()
            return msgspec.structs.replace(record, body=shown, redactions=1)
        dialect = lexer.POSTGRESQL if record.db_system_name == "postgresql" else lexer.MYSQL
        changes: dict[str, Any] = self._told(record, dialect) if self.mode != "default" else {}
        count = 0
        for name, way in self._ways(record, dialect).items():
            if (text := getattr(record, name, None)) is not None:
                changes[name], spans = way(text)
                count += spans
        return msgspec.structs.replace(record, **changes, redactions=count or None)

    @staticmethod
    def _told(record: LogRecord, dialect: str) -> dict[str, str]:
        """Return what a statement's shape tells, before its text goes."""
        if record.db_query_text is None:
            return {}
        normal = normal_form(record.db_query_text, dialect, bool(record.truncated))
        return {"db_query_fingerprint": hashed(normal), "db_query_summary": summary(normal)}

    def _ways(self, record: LogRecord, dialect: str) -> dict[str, Callable[[str], Redacted]]:
        def sql(text: str) -> Redacted:
            return self._statement(text, dialect, is_cut=bool(record.truncated))

        def message(text: str) -> Redacted:
            return self._message(text, dialect)

        def plan(text: str) -> Redacted:
            spans = plan_spans(text, dialect, without_statements=self.mode == "all")
            return message(text) if self.mode == "default" else replaced(text, spans, self.mark)

        def parameters(text: str) -> Redacted:
            if self.mode != "default":
                return replaced(text, parameter_spans(text), self.mark)
            sql = (record.db_query_text or "").encode("utf-8", "surrogatepass")
            shown, count = redact_parameters(text.encode("utf-8", "surrogatepass"), sql, dialect, self.mark)
            return shown.decode("utf-8", "replace"), count

        def deadlock(text: str) -> Redacted:
            return self._transactions(text, dialect)

        return {**dict.fromkeys(STATEMENTS, sql), **dict.fromkeys(TEXTS, message), "db_plan": plan,
                "pg_parameters": parameters, "deadlock_transactions": deadlock}

    def _statement(self, sql: str, dialect: str, *, is_cut: bool) -> Redacted:
        if self.mode == "all":
            return None, 1
        if self.mode == "strict":
            return normal_form(sql, dialect, is_cut), sum(1 for _ in literal_spans(sql, dialect))
        return _by_bytes(redact_sql, sql, dialect, self.mark)

    def _message(self, text: str, dialect: str) -> Redacted:
        if self.mode == "default":
            shown, count = _by_bytes(redact_message, text, dialect, self.mark)
            shown, rows = replaced(shown, row_dump_spans(shown), self.mark) if "; hex " in shown else (shown, 0)
            return shown, count + rows
        return replaced(text, data_spans(text, dialect, without_statements=self.mode == "all"), self.mark)

    def _transactions(self, text: str, dialect: str) -> Redacted:
        """Redact the statements in a deadlock's list of objects; a list that is none goes as a whole."""
        try:
            found = msgspec.json.decode(text, type=list[dict[str, Any]])
        except msgspec.DecodeError:
            return self.mark(text), 1
        count = 0
        for transaction in found:
            if isinstance(query := transaction.pop("query_text", None), str):
                shown, spans = self._statement(query, dialect, is_cut=False)
                count += spans
                transaction.update({} if shown is None else {"query_text": shown})
        return msgspec.json.encode(found).decode(), count


def _by_bytes(redact: Callable[[bytes, str, Mark], tuple[bytes, int]], text: str, dialect: str, mark: Mark) -> tuple[str, int]:
    shown, count = redact(text.encode("utf-8", "surrogatepass"), dialect, mark)
    return (shown.decode("utf-8", "replace"), count) if count else (text, 0)


def mark_of(settings: Settings) -> Mark:
    """Return what stands in the place of a text that was taken out."""
    key = settings.redaction_key.reveal()
    return keyed(key) if key else stars


def redaction_of(settings: Settings) -> Redaction | None:
    """Return what has to be done to each record; None when the formats do it themselves (plain `default`, and `off`)."""
    if settings.redaction == "off" or (settings.redaction == "default" and not settings.redaction_key):
        return None
    return Redaction(settings.redaction, mark_of(settings))


@cache
def _decoder(log_type: str) -> msgspec.json.Decoder[LogRecord]:
    return msgspec.json.Decoder(RECORD_TYPES.get(log_type, LogRecord))


def redacted(parsed: Parsed, log_type: str, redaction: Redaction) -> Parsed:
    """Return the wire lines of a format that parsed with redaction off, redacted."""
    decode = _decoder(log_type).decode
    lines = [encode(redaction.record(decode(line))) for line in parsed.lines]
    return msgspec.structs.replace(parsed, lines=lines)
