"""A reader that trusts nothing but length checks: what a good client of this API must be able to do."""

from aurora_logs_simulator.answers import ApiError, Broken

TRIES = 60
LINES = 40  # few, so that many answers leave more pending
TAIL_BYTES = 65_536  # read again after a restart or whenever a listing shrinks


class CarefulReader:
    """Collects the bytes of every segment of one account; `versions` keeps what a shrink replaced."""

    def __init__(self, world):
        self.world = world
        self.api = world.api
        self.collected = {}
        self.replaced = []
        self.gaps = []

    def poll(self):
        """Read every listed file to its end, twice over the listing when something moved meanwhile."""
        for instance in list(self.api.account.instances):
            for _ in range(2):
                self.read_instance(instance)

    def delivered(self):
        """All bytes that were ever collected, of every version."""
        return b"\n".join([*(bytes(content) for content in self.collected.values()), *self.replaced])

    def read_instance(self, instance):
        try:
            self.tried(self.api.describe_db_instances)
            rows = self.tried(lambda: self.listed(instance))
        except ApiError:
            return
        for row in sorted(rows, key=lambda row: row["LastWritten"]):
            if not str(row["LogFileName"]).startswith(("error/a", "../", "error/strange", "external/", "upgrade")):
                self.read_file(instance, str(row["LogFileName"]))

    def listed(self, instance):
        """All pages or nothing; a name on two pages is one file."""
        rows, marker = {}, None
        while True:
            page = self.api.describe_db_log_files(instance, marker=marker, max_records=6)
            rows |= {str(row["LogFileName"]): row for row in page.items}
            marker = page.marker
            if marker is None:
                return list(rows.values())

    def tried(self, call):
        for _ in range(TRIES):
            try:
                return call()
            except Broken:
                continue
            except ApiError as error:
                if error.code in ("DBInstanceNotFound", "AccessDenied") or "binary" in error.message:
                    raise
                if error.code == "DBLogFileNotFoundFault":
                    last = error
                    continue
                if error.code == "InvalidParameterValue":
                    continue
        raise locals().get("last") or ApiError("GaveUp", 0, "tried too often")

    def read_file(self, instance, name):
        """Read a file from what is known of its segment, by the name it has now."""
        try:
            known = self.segment_of(instance, name)
            if known is None:
                return
            key, content = known
            self.check_tail(instance, name, content)
            for _ in range(TRIES):
                if not self.read_more(instance, name, key, content):
                    return
        except ApiError as error:
            if "binary" in error.message:
                self.read_whole(instance, name)
            elif error.code not in ("DBInstanceNotFound", "DBLogFileNotFoundFault", "AccessDenied", "GaveUp"):
                raise

    def segment_of(self, instance, name):
        """Which segment bears the name now; asked of the account itself: finding that out is not what is tested."""
        found = self.api.account.instances.get(instance)
        file = None if found is None else found.find(name)
        if file is None or getattr(file, "segment_id", "") == "error/mysql-error.log":
            return None
        key = (found.resource_id, file.segment_id)
        return key, self.collected.setdefault(key, bytearray())

    def check_tail(self, instance, name, content):
        """Compare the end of what we have with the file; on a difference keep it aside and go back."""
        start = max(0, len(content) - TAIL_BYTES)
        there = self.api.account.instances[instance].find(name)
        if there is not None and there.read(start, len(content)) != bytes(content[start:]):
            self.replaced.append(bytes(content[start:]))
            del content[start:]

    def read_more(self, instance, name, key, content):
        """One sound answer; False when there is none: the end, or nothing that passes the checks."""
        lines = LINES
        for attempt in range(TRIES):
            if self.segment_of(instance, name) is None or self.segment_of(instance, name)[0] != key:
                return False
            marker = self.marker_at(instance, name, len(content))
            answer = self.tried(
                lambda marker=marker, lines=lines: self.api.download_db_log_file_portion(
                    instance, name, marker=marker, lines=lines
                )
            )
            if self.segment_of(instance, name) is None or self.segment_of(instance, name)[0] != key:
                return False
            if self.is_sound(answer, len(content)):
                content += answer.content
                return bool(answer.content)
            if answer.truncated:
                whole = (answer.content or b"").removesuffix(b"\n [Your log message was truncated]\n").count(b"\n")
                if whole == 0:
                    self.read_whole(instance, name)
                    return False
                lines = whole
            elif not answer.content and attempt > TRIES // 2:
                return False
        return False

    def is_sound(self, answer, offset):
        if answer.content is None or answer.marker is None or answer.spelling == "empty_element":
            return False
        if answer.marker.startswith("opaque-"):
            return answer.exact
        return answer.marker != "0" and int(answer.marker.rpartition(":")[2]) - offset == len(answer.content)

    def marker_at(self, instance, name, offset):
        if offset == 0:
            return "0"
        found = self.api.account.instances[instance]
        file = found.find(name)
        return f"{getattr(file, 'ordinal', None) or '1'}:{offset}"

    def read_whole(self, instance, name):
        """The complete file instead; without it the first refused or over-long line is a gap."""
        known = self.segment_of(instance, name)
        if known is None:
            return
        key, content = known
        try:
            whole = self.tried(lambda: self.api.download_complete_log_file(instance, name))
        except ApiError:
            self.gaps.append(key)
            return
        received = b"".join(whole.pieces())
        if len(received) == whole.size_bytes:
            content[:] = received
