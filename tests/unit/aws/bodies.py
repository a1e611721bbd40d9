"""The frame that RDS puts around a portion."""

HEAD = (
    b'<?xml version="1.0"?>\n<DownloadDBLogFilePortionResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">\n'
    b"  <DownloadDBLogFilePortionResult>\n"
)
FOOT = (
    b"  </DownloadDBLogFilePortionResult>\n  <ResponseMetadata><RequestId>7a</RequestId></ResponseMetadata>\n"
    b"</DownloadDBLogFilePortionResponse>\n"
)
MARKER = b"<Marker>2026-10-10.7:185849</Marker>"
PENDING = b"<AdditionalDataPending>true</AdditionalDataPending>"


def body(data, *, marker=MARKER, pending=PENDING):
    return HEAD + marker + b"<LogFileData>" + data + b"</LogFileData>" + pending + FOOT
