"""The 240 statement shapes of the MySQL dialect. Tables are in `things`, typing in `templates`."""

from aurora_logs_simulator.workload.things import shapes_of

# Patterns stand apart by an empty line; a line's end is where the typed statement may break. `<kind>` is a literal.
# Every list of literals is homogeneous, so each pattern has one normal form a table.
_PATTERNS = """
SELECT {t}.{k}, {t}.{n}, {t}.{a}, {t}.{s}
FROM {t}
WHERE {t}.{pk} = <int>
AND {t}.{s} IN (<strs>)
ORDER BY {t}.{d} DESC
LIMIT <small>

SELECT t.{k}, t.{n}, t.{a}, p.{pk}, p.{pn}
FROM {t} AS t
INNER JOIN {p} AS p ON p.{pk} = t.{pk}
WHERE t.{d} >= <ts>
AND t.{d} < <ts>
AND t.{s} = <str>
AND p.{pn} LIKE <str>
ORDER BY t.{d}, t.{k}
LIMIT <small>

INSERT INTO {t} ({pk}, {n}, {a}, {d}, {s})
VALUES
<rows:int,str,dec,ts,str>

UPDATE {t}
SET {s} = <str>, {a} = {a} + <dec>, {d} = <ts>
WHERE {k} IN (<ints>)
AND {s} <> <str>

SELECT COUNT(*) AS row_count, SUM({a}) AS total, MAX({d}) AS newest
FROM {t}
WHERE {pk} IN (<ints>)
AND {d} BETWEEN <ts> AND <ts>
AND {s} NOT IN (<strs>)

DELETE FROM {t}
WHERE {d} < <ts>
AND {s} = <str>
AND {k} NOT IN (<ints>)
LIMIT <small>

SELECT {s}, COUNT(*), AVG({a}), MIN({d}), MAX({d})
FROM {t}
WHERE {d} >= <date>
AND {n} IS NOT NULL
GROUP BY {s}
HAVING COUNT(*) > <small>
ORDER BY COUNT(*) DESC

INSERT INTO {t} ({k}, {n}, {a}, {s}, {x})
VALUES
<rows:int,str,dec,str,text>
ON DUPLICATE KEY UPDATE {a} = VALUES({a}), {s} = VALUES({s}), {d} = NOW()

SELECT t.*
FROM {t} t
LEFT JOIN {p} p USING ({pk})
WHERE p.{pk} IS NULL
AND t.{k} IN (<ints>)
AND t.{n} = <str>

SELECT `{k}`, `{n}`, `{x}`
FROM `{t}`
WHERE `{n}` = <str>
AND `{a}` > <dec>
AND `{d}` > NOW() - INTERVAL <small> DAY
ORDER BY `{d}` DESC
LIMIT <small>, <small>

UPDATE {t} AS t
JOIN {p} AS p ON p.{pk} = t.{pk}
SET t.{s} = <str>, t.{x} = CONCAT(t.{x}, <text>)
WHERE p.{pn} = <str>
AND t.{d} < <ts>
AND t.{a} BETWEEN <dec> AND <dec>

SELECT {k}
FROM {t}
WHERE MATCH ({n}, {x}) AGAINST (<text> IN BOOLEAN MODE)
AND {pk} = <int>
AND {s} IN (<strs>)
LIMIT <small>

SELECT {t}.{pk}, SUM({t}.{a}) AS amount
FROM {t}
WHERE {t}.{k} IN (SELECT inner_t.{k} FROM {t} AS inner_t WHERE inner_t.{s} = <str> AND inner_t.{d} > <ts>)
AND {t}.{pk} IN (<ints>)
GROUP BY {t}.{pk}
WITH ROLLUP

REPLACE INTO {t} ({k}, {pk}, {n}, {a}, {d})
VALUES
<rows:int,int,str,dec,ts>

SELECT /*+ MAX_EXECUTION_TIME(<small>) */ {k}, {n}, {x}
FROM {t} FORCE INDEX (PRIMARY)
WHERE {k} > <int>
AND {s} = <str>
AND {n} IN (<strs>)
ORDER BY {k}
LIMIT <small>

SELECT DISTINCT p.{pn}, t.{s}
FROM {p} p, {t} t
WHERE p.{pk} = t.{pk}
AND t.{a} >= <dec>
AND (t.{n} = <str> OR t.{x} = <text>)
AND t.{k} IN (<ints>)

WITH recent AS (SELECT {pk}, {k}, {a}, ROW_NUMBER() OVER (PARTITION BY {pk} ORDER BY {d} DESC) AS place
FROM {t} WHERE {d} >= <ts>)
SELECT {pk}, {k}, {a}
FROM recent
WHERE place <= <small>
AND {pk} IN (<ints>)

SELECT {k}, {n}, CASE WHEN {a} > <dec> THEN <str> ELSE <str> END AS size_class
FROM {t}
WHERE {pk} = <int>
AND {x} LIKE <str>
AND {k} IN (<ints>)
FOR UPDATE

SELECT {k}, {a}
FROM {t}
WHERE ({pk}, {s}) IN (<rows:int,str>)
AND {d} >= <date>
ORDER BY {a} DESC
LIMIT <small>

SELECT {k}, {n}, {s} FROM {t}
WHERE {s} = <str> AND {pk} = <int>
UNION ALL
SELECT {k}, {n}, {s} FROM {t}
WHERE {n} = <str> AND {k} IN (<ints>)
ORDER BY {k}

SELECT {n}, {a}, {x}->'$.extra.{s}' AS extra
FROM {t}
WHERE JSON_EXTRACT({x}, <str>) = <text>
AND {d} > <ts>
AND {k} IN (<ints>)

UPDATE {t}
SET {x} = <text>, {s} = IF({a} > <dec>, <str>, {s})
WHERE {k} = <int>
AND {pk} = <int>
AND {n} IN (<strs>)

SELECT COUNT(DISTINCT {pk})
FROM {t}
WHERE {s} = <str>
AND {a} <=> <dec>
AND {d} >= <date>
AND {d} < <date>
AND {k} IN (<ints>)

CALL refresh_{t}(<int>, <str>, <ts>, <dec>, <text>, <text>)
"""

SHAPES: tuple[str, ...] = shapes_of(tuple(_PATTERNS.strip().split("\n\n")))
