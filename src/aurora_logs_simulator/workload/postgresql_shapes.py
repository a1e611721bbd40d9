"""The 240 statement shapes of the PostgreSQL dialect. Tables are in `things`, typing in `templates`."""

from aurora_logs_simulator.workload.things import shapes_of

# Patterns stand apart by an empty line; a line's end is where the typed statement may break. `<kind>` is a literal.
# A quoted name keeps its letter case, whatever the way of typing.
_PATTERNS = """
SELECT {k}, {n}, {a}::text, {s}
FROM {t}
WHERE {pk} = <int>
AND {s} IN (<strs>)
ORDER BY {d} DESC
LIMIT <small>

SELECT t.{k}, t.{n}, p.{pn}
FROM public.{t} AS t
JOIN public.{p} AS p ON p.{pk} = t.{pk}
WHERE t.{d} >= <ts>::timestamptz
AND t.{s} = <str>
ORDER BY t.{k}
LIMIT <small> OFFSET <small>

INSERT INTO {t} ({pk}, {n}, {a}, {d})
VALUES <rows:int,str,dec,ts>
RETURNING {k}

UPDATE {t}
SET {s} = <str>, {a} = {a} * <dec>
WHERE {k} IN (<ints>)
AND {d} < <ts>

SELECT count(*) FILTER (WHERE {s} = <str>) AS matching, sum({a})
FROM {t}
WHERE {pk} IN (<ints>)

DELETE FROM {t}
USING {p} AS p
WHERE p.{pk} = {t}.{pk}
AND {t}.{d} < <ts>
AND p.{pn} = <str>

SELECT "{t}"."{k}", "{t}"."{n}"
FROM "{t}"
WHERE "{t}"."{s}" = <str>
AND "{t}"."{pk}" = <int>
LIMIT <small>

INSERT INTO {t} ({k}, {n}, {a})
VALUES <rows:int,str,dec>
ON CONFLICT ({k}) DO UPDATE SET {a} = EXCLUDED.{a}, {n} = EXCLUDED.{n}

SELECT {k}, {x}->>'{s}' AS extra
FROM {t}
WHERE {x} @> <str>::jsonb
AND {d} > now() - interval '1 day'
AND {k} = <int>

SELECT {s}, avg({a}), percentile_cont(<dec>) WITHIN GROUP (ORDER BY {a})
FROM {t}
WHERE {d} >= <date>::date
GROUP BY {s}

WITH gone AS (DELETE FROM {t} WHERE {k} IN (<ints>) RETURNING {k}, {n})
SELECT count(*)
FROM gone
WHERE {n} <> <str>

SELECT o."Label", t.{k}
FROM {t} AS t
JOIN "Option" AS o ON o."Code" = t.{s}
WHERE t.{pk} = <int>
AND o."Active" = TRUE
AND t.{n} ILIKE <str>

SELECT {k}, {n}
FROM {t}
WHERE {pk} = ANY(ARRAY[<ints>]::bigint[])
AND {s} = <str>
FOR UPDATE SKIP LOCKED

SELECT date_trunc(<str>, {d}) AS slot, sum({a})
FROM {t}
WHERE {pk} = <int>
GROUP BY 1
ORDER BY 1

SELECT t.{k}, lateral_p.{pn}
FROM {t} AS t
CROSS JOIN LATERAL (SELECT p.{pn} FROM {p} AS p WHERE p.{pk} = t.{pk} LIMIT <small>) AS lateral_p
WHERE t.{s} = <str>

UPDATE {t} AS t
SET {x} = <text>
FROM {p} AS p
WHERE p.{pk} = t.{pk}
AND t.{k} = <int>
AND p.{pn} = <str>

SELECT {k}, rank() OVER (PARTITION BY {s} ORDER BY {a} DESC) AS place
FROM {t}
WHERE {d} BETWEEN <ts> AND <ts>
AND {pk} IN (<ints>)

SELECT {k}, {n} FROM {t}
WHERE {s} = <str>
UNION
SELECT {k}, {n} FROM {t}
WHERE {a} > <dec>
ORDER BY {k}

SELECT coalesce({n}, <str>), {a}::numeric(12,2)
FROM {t}
WHERE to_tsvector({x}) @@ plainto_tsquery(<text>)
LIMIT <small>

SELECT EXISTS (SELECT FROM {t} WHERE {pk} = <int> AND {s} = <str> AND {k} <> <int>)

SELECT {k}
FROM {t}
WHERE ({pk}, {s}) IN (<rows:int,str>)
AND {a} IS NOT NULL

SELECT refresh_{t}(<int>, <str>, <ts>::timestamp, <dec>)

SELECT max({d}), min({d}), count(DISTINCT {pk})
FROM {t}
WHERE {n} SIMILAR TO <str>
AND {a} >= <dec>

SELECT t.*
FROM ONLY {t} AS t
WHERE NOT EXISTS (SELECT 1 FROM {p} AS p WHERE p.{pk} = t.{pk} AND p.{pn} = <str>)
AND t.{k} > <int>
ORDER BY t.{k}
FETCH FIRST <small> ROWS ONLY
"""

SHAPES: tuple[str, ...] = shapes_of(tuple(_PATTERNS.strip().split("\n\n")))
