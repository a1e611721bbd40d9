"""What a message of PostgreSQL says, whichever log it stands in: level words, events, values, statements; to typed records.

Shared by the formats of PostgreSQL's logs; where a message begins and ends is theirs. No I/O.
"""
