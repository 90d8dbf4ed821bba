-- What a good analyst would write by hand in DuckDB: read, check, reject, keep, aggregate, mask.
-- {source} is the CSV, {out} the folder; each stage is timed by itself.

-- @stage read_and_check
CREATE TEMP TABLE checked AS
SELECT *,
  coalesce(
    regexp_full_match(cds_code, '[0-9]{14}') AND cds_code <> '00000000000000'
    AND regexp_full_match(ssid, '[0-9]{10}')
    AND regexp_full_match(test_year, '20(1[5-9]|2[0-9]|30)')
    AND subject IN ('ELA', 'MATH')
    AND grade IN ('3', '4', '5', '6', '7', '8', '11')
    AND ethnicity IN ('100', '200', '300', '400', '500', '600', '700')
    AND el_status IN ('EO', 'IFEP', 'EL', 'RFEP', 'TBD')
    AND gender IN ('F', 'M', 'X')
    AND sed IN ('Y', 'N')
    AND swd IN ('Y', 'N')
    AND try_cast(scale_score AS INTEGER) BETWEEN 2000 AND 3000
    AND level IN ('1', '2', '3', '4'),
    false
  ) AS sound
FROM read_csv('{source}', header = true, all_varchar = true, nullstr = '\N');

-- @stage rejects
COPY (SELECT * EXCLUDE (sound) FROM checked WHERE NOT sound)
TO '{out}/rejects.csv' (FORMAT csv, HEADER);

-- @stage clean
COPY (
  SELECT cds_code, ssid, test_year::SMALLINT AS test_year, subject, grade::SMALLINT AS grade,
    ethnicity, el_status, gender, sed, swd,
    scale_score::SMALLINT AS scale_score, level::SMALLINT AS level
  FROM checked WHERE sound
) TO '{out}/clean.parquet' (FORMAT parquet, COMPRESSION zstd);
DROP TABLE checked;

-- @stage aggregate
CREATE TEMP TABLE agg AS
WITH results AS (
  SELECT *, substring(cds_code, 1, 7) AS district, (level >= 3)::INTEGER AS met
  FROM read_parquet('{out}/clean.parquet')
)
SELECT test_year, subject,
  CASE
    WHEN grouping(cds_code) = 0 THEN 'school'
    WHEN grouping(district) = 0 THEN 'district'
    ELSE 'all'
  END AS geo,
  CASE grouping(ethnicity, el_status, gender, sed, swd)
    WHEN 31 THEN 'all'
    WHEN 15 THEN 'ethnicity'
    WHEN 23 THEN 'el_status'
    WHEN 27 THEN 'gender'
    WHEN 29 THEN 'sed'
    WHEN 30 THEN 'swd'
    WHEN 7 THEN 'ethnicity+el_status'
    WHEN 11 THEN 'ethnicity+gender'
    WHEN 19 THEN 'el_status+gender'
    WHEN 3 THEN 'ethnicity+el_status+gender'
  END AS "grouping",
  district, cds_code, grade, ethnicity, el_status, gender, sed, swd,
  count(*) AS n, avg(scale_score) AS mean_score, avg(met) AS share_met
FROM results
GROUP BY test_year, subject,
  GROUPING SETS ((), (district), (district, cds_code)),
  GROUPING SETS ((), (grade)),
  GROUPING SETS (
    (), (ethnicity), (el_status), (gender), (sed), (swd),
    (ethnicity, el_status), (ethnicity, gender), (el_status, gender),
    (ethnicity, el_status, gender)
  );

-- @stage mask_and_write
COPY (
  SELECT * EXCLUDE (n, mean_score, share_met), n < 11 AS masked,
    if(n < 11, NULL, n) AS n,
    if(n < 11, NULL, mean_score) AS mean_score,
    if(n < 11, NULL, share_met) AS share_met
  FROM agg
) TO '{out}/agg.parquet' (FORMAT parquet, COMPRESSION zstd);
