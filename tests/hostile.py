"""Text that tries to act on whoever reads it: terminals, tables, spreadsheets, markup (UX-81, GATE-16)."""

import random
import re

ACTS = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\u3164"
                  r"\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e007f]")
PIECES = ["\x1b[2J", "\x1b]52;c;cGF5bG9hZA==\x07", "\x1b]8;;http://x\x1b\\", "\x9b31m", "\x90q\x9c", "\r", "\n", "\t", "\b" * 9,
          "\0", "\x7f", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u2028", "\u180e", "\u3164", "\ud800",
          "\ue000", "\U000e0041", "a" + "\u0301" * 40, "[bold]", "[link=http://x]", ":smile:", "日本語", "Ελλάδα", "🚲", "=1+1",
          "@SUM(A1)", "-2", "+1", "x" * 300, "'", '"', ",", "\\x1b", "%s", "{0}", "${HOME}", "<script>", "\u1100\u1161"]


def payloads(count=1_000):
    chance = random.Random(7)
    return ["".join(chance.choice(PIECES) for _ in range(chance.randint(1, 8))) for _ in range(count)]
