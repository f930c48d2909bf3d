"""Writes a merchant of any size as Parquet, in the shape of the canonical tables, with DuckDB alone.

    python benchmarks/scale/generate.py FOLDER --parcels 1000000

Ten scans a parcel, 60 weeks, scans in the order in which they were recorded, numbers that follow no order. Every
metric of the package can be measured on it; nothing is planted in it, since only time and memory are measured.
"""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from pathlib import Path

import duckdb

WEEKS = 60
FIRST_DAY = date(2025, 9, 29)
LAST_WEEK = FIRST_DAY + timedelta(weeks=WEEKS - 1)
TIMEZONE = "America/New_York"

NAMES = (
    "CA TX FL NY PA IL OH GA NC MI NJ VA WA AZ TN MA IN MO MD WI CO MN SC AL LA KY OR OK CT UT IA NV AR MS KS NM NE"
    " ID WV HI NH ME MT RI DE SD ND AK VT WY"
)
STATES = NAMES.split()

HELPERS = f"""
CREATE MACRO pick(n, salt, k) AS (hash(n * 64 + salt) % k)::INT;
CREATE MACRO draw(n, salt) AS ((hash(n * 64 + salt) % 1000003) / 1000003.0);
CREATE MACRO skewed(n, salt, k) AS floor(k * draw(n, salt) * draw(n, salt + 1))::INT;
CREATE MACRO of(words, i) AS list_extract(words, i + 1);
CREATE MACRO tracking(n) AS
    '1Z' || lpad((n::HUGEINT * 6364136223846793 % 10000000000000000)::BIGINT::VARCHAR, 16, '0');
CREATE MACRO hours(x) AS to_seconds(3600.0 * x);
CREATE TABLE parcels AS
SELECT *, label_at + hours(4 + 40 * draw(n, 1)) AS handed_at,
       24 * (1.5 + zone / 2.0 + 2 * draw(n, 2)) * CASE WHEN service % 3 = 0 THEN 0.6 ELSE 1 END AS transit_h
FROM (
    SELECT n, n - (n % 20 = 19)::INT AS order_no, skewed(n, 3, 50) AS state, skewed(n, 5, 9) AS service,
           pick(n - (n % 20 = 19)::INT, 7, 4) AS warehouse, 1 + pick(n, 8, 8) AS zone,
           TIMESTAMPTZ '{FIRST_DAY} 14:00:00+00' + hours(24 * 7 * {WEEKS} * n / $n::DOUBLE + 30 * (n % 20 = 19)::INT)
               AS label_at
    FROM range($n) AS r(n)
);
"""

ORDERS = f"""
SELECT 'S' || (100000000 + n) AS order_id, NULL::VARCHAR AS platform_id,
       label_at - hours(2 + 40 * draw(n, 10) ** 2) AS ordered_at,
       label_at - hours(1.9 + 30 * draw(n, 10) ** 2) AS ready_at,
       CASE WHEN pick(n, 11, 60) = 0 THEN label_at - hours(1) END AS cancelled_at,
       of(['web', 'marketplace', 'wholesale portal', 'social', 'phone'], skewed(n, 12, 5)) AS channel,
       of(['none', 'spring', 'newsletter', 'search'], skewed(n, 14, 4)) AS campaign,
       'Standard' AS requested_service, of(['ground', 'two_day', 'economy'], skewed(n, 16, 3)) AS requested_class,
       (label_at + hours(24 * 6))::DATE AS promised_date, label_at + hours(24) AS promised_ship_by,
       'US' AS dest_country, of({STATES!r}, state) AS dest_state,
       lpad((state * 19 + pick(n, 53, 19))::VARCHAR, 3, '0') AS dest_postal_area,
       (10 + 90 * draw(n, 18))::DECIMAL(18,4) AS total, 'USD' AS currency
FROM parcels WHERE order_no = n
"""

LINES = """
SELECT 'S' || (100000000 + n) AS order_id, line::BIGINT AS line_no, 'SKU-' || (100 + sku) AS sku,
       of(['shoes', 'shirts', 'coats', 'hats', 'bags', 'socks'], sku % 6) AS category, 1::BIGINT AS qty,
       (5 + sku / 10.0)::DECIMAL(18,4) AS unit_price
FROM (
    SELECT n, unnest(range(1, 2 + (pick(n, 20, 3) = 0)::INT + 3 * (pick(n, 21, 20) = 0)::INT)) AS line,
           skewed(n + 7 * line, 22, 120) AS sku
    FROM parcels WHERE order_no = n
)
"""

SHIPMENTS = """
SELECT tracking(n) AS shipment_id, 'S' || (100000000 + order_no) AS order_id,
       'outbound' AS direction, of(['UPS', 'FedEx', 'USPS'], service % 3) AS carrier,
       of(['Ground', 'Home', 'Priority', 'Saver', 'Express', 'Advantage', 'Post', '2Day', 'Light'], service)
           AS service,
       of(['ground', 'two_day', 'economy'], service % 3) AS service_class,
       of(['NJ', 'NV', 'TX', 'GA'], warehouse) AS warehouse, label_at AS born_at, label_at AS label_created_at,
       NULL::TIMESTAMPTZ AS handed_over_at, NULL::TIMESTAMPTZ AS delivered_at,
       CASE WHEN pick(n, 30, 100) = 0 THEN label_at + hours(3) END AS voided_at, zone::VARCHAR AS zone,
       of(['box', 'envelope', 'tube', 'pak'], skewed(n, 31, 4)) AS package_type, 6000 * draw(n, 33) ** 2 AS weight_g,
       cost, cost AS rate_quoted, CASE WHEN pick(n, 35, 25) = 0 THEN cost + 2 ELSE cost END AS cost_invoiced,
       CASE WHEN pick(n, 36, 9) = 0 THEN 1.5 ELSE 0 END::DECIMAL(18,4) AS cost_surcharge, 'USD' AS currency,
       (2 + service % 4)::BIGINT AS standard_days, NULL::VARCHAR AS replaces_shipment_id
FROM (SELECT *, (4 + zone + 3 * draw(n, 34))::DECIMAL(18,4) AS cost FROM parcels)
"""

EVENTS = """
SELECT tracking(n) AS shipment_id, occurred_at,
       occurred_at + hours(0.1 + 2 * draw(n, step)) AS recorded_at,
       list_extract(scan, 1) AS source_status, list_extract(scan, 2) AS source_code,
       'Hub ' || pick(n, 40 + step, 200) AS facility, NULL::VARCHAR AS state
FROM (
    SELECT n, step, CASE step
               WHEN 0 THEN label_at WHEN 1 THEN handed_at WHEN 9 THEN handed_at + hours(transit_h)
               ELSE handed_at + hours(transit_h * (step - 1 + 0.9 * draw(n, 41 + step)) / 8.0) END AS occurred_at,
           CASE step
               WHEN 0 THEN ['pre_transit', 'label_created'] WHEN 1 THEN ['in_transit', 'received_at_origin_facility']
               WHEN 7 THEN ['in_transit', 'arrived_at_destination']
               WHEN 8 THEN CASE WHEN pick(n, 51, 30) = 0 THEN ['failure', 'delivery_attempted']
                                ELSE ['out_for_delivery', 'out_for_delivery'] END
               WHEN 9 THEN ['delivered', 'arrived_at_destination']
               ELSE CASE WHEN pick(n, 51 + step, 150) = 0
                         THEN of([['in_transit', 'delayed'], ['failure', 'held'], ['in_transit', 'weather_delay'],
                                  ['failure', 'address_correction']], pick(n, 60, 4))
                    ELSE of([['in_transit', 'arrived_at_facility'], ['in_transit', 'departed_facility']],
                            step % 2) END
           END AS scan
    FROM parcels, range(10) AS s(step)
    WHERE label_at >= $since::TIMESTAMPTZ - INTERVAL 10 DAY AND label_at < $until::TIMESTAMPTZ
      AND (step < 9 OR pick(n, 61, 300) > 0)
)
WHERE recorded_at >= $since::TIMESTAMPTZ AND recorded_at < $until::TIMESTAMPTZ
ORDER BY recorded_at
"""

RETURNS = """
SELECT 'R' || n AS return_id, 'S' || (100000000 + n) AS order_id, 'SKU-' || (100 + skewed(n + 7, 22, 120)) AS sku,
       1::BIGINT AS qty, of(['too small', 'damaged', 'did not like', 'arrived late'], pick(n, 45, 4)) AS reason,
       label_at + hours(24 * (3 + 20 * draw(n, 46))) AS requested_at, NULL::TIMESTAMPTZ AS received_at,
       NULL::TIMESTAMPTZ AS refunded_at, NULL::TIMESTAMPTZ AS closed_at
FROM parcels WHERE order_no = n AND pick(n, 47, 12) = 0
"""

TICKETS = """
SELECT 'T' || n AS ticket_id, 'S' || (100000000 + n) AS order_id, 'email' AS channel,
       of(['wismo', 'damaged', 'address_change'], skewed(n, 48, 3)) AS topic,
       label_at + hours(24 * 8 * draw(n, 50)) AS created_at, NULL::TIMESTAMPTZ AS first_reply_at,
       NULL::TIMESTAMPTZ AS solved_at, 0::BIGINT AS reopens
FROM parcels WHERE order_no = n AND pick(n, 52, 25) = 0
"""

WHOLE = {"orders": ORDERS, "order_lines": LINES, "shipments": SHIPMENTS, "returns": RETURNS, "tickets": TICKETS}


def write(folder: Path, parcels: int) -> None:
    """Write one Parquet file a table, and one a week for the scans."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "draft.duckdb"), config={"threads": 2, "memory_limit": "4GB"}) as con:
        con.execute("SET TimeZone = 'UTC'")
        for statement in HELPERS.split(";\n"):
            if statement.strip():
                con.execute(statement, {"n": parcels} if "$n" in statement else {})
        for name, select in WHOLE.items():
            con.execute(f"COPY ({select}) TO '{folder / name}.parquet'")
        for week in range(WEEKS + 2):
            since = FIRST_DAY + timedelta(weeks=week)
            between = {"since": since.isoformat(), "until": (since + timedelta(weeks=1)).isoformat()}
            con.execute(f"COPY ({EVENTS}) TO '{folder}/tracking_events_{week:02d}.parquet'", between)
    (folder / "draft.duckdb").unlink()


def main() -> None:
    """Write the files."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--parcels", type=int, default=1_000_000)
    given = options.parse_args()
    write(given.folder, given.parcels)


if __name__ == "__main__":
    main()
