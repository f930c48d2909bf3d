"""A week as a merchant could meet it: two old friends, two new troubles, one change that worked."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

from closeloop import ledger
from closeloop.model import (
    Alarm,
    Cause,
    Change,
    Coincidence,
    Estimate,
    Evidence,
    Findings,
    Kpi,
    Ledger,
    Pattern,
    Point,
    Provenance,
    Quality,
    Quarantine,
    Saving,
    Slice,
    Stage,
    TableCount,
    Verdict,
)

WEEK = date(2026, 11, 16)


def weekly(levels, half_width, total, last_final=True, end=WEEK):
    """Points that wobble around their levels, the way weekly rates do, without any random number."""
    points = []
    for i, level in enumerate(levels):
        week = end - timedelta(weeks=len(levels) - 1 - i)
        wobble = half_width * (0.55 * math.sin(2.1 * i) + 0.25 * math.cos(5.3 * i))
        base = levels[0]
        points.append(
            Point(
                week,
                level + wobble,
                base - half_width,
                base + half_width,
                total + 7 * (i % 5),
                last_final or i < len(levels) - 1,
            )
        )
    return tuple(points)


PORTAL = Slice.of([("channel", "wholesale portal"), ("lines", "4+")])
LANE = Slice.of([("carrier", "FedEx"), ("warehouse", "NV"), ("dest_region", "West South Central")])
USPS = Slice.of([("carrier", "USPS"), ("service_class", "ground")])
TENT = Slice.of([("sku", "TENT-2P-GRN")])

lane = Pattern(
    metric="on_time_delivery",
    slice=LANE,
    kind="step",
    onset=date(2026, 10, 26),
    week=WEEK,
    value=0.688,
    expected=0.906,
    excess=Estimate(41.2, 29.6, 52.9),
    unit="late parcels",
    p=0.00004,
    q=0.0011,
    total=189,
    status="new",
    first_seen=WEEK,
    id="P3F2A",
    folded=(Slice.of([("carrier", "FedEx"), ("warehouse", "NV")]), Slice.of([("dest_state", "TX")])),
    history=weekly([0.906] * 22 + [0.73, 0.71, 0.695, 0.688], 0.04, 180, last_final=False),
    sentence="FedEx parcels from NV to West South Central are late three times as often since 26 October: "
    "68.8 % on time instead of 90.6 %, about 41 more late parcels a week.",
)
cost = Pattern(
    metric="cost_index",
    slice=USPS,
    kind="step",
    onset=date(2026, 10, 5),
    week=WEEK,
    value=110.0,
    expected=100.0,
    excess=Estimate(1012.0, 640.0, 1384.0),
    unit="above the reference price",
    p=0.0009,
    q=0.012,
    total=1249,
    status="worse",
    first_seen=date(2026, 10, 12),
    id="P81C4",
    history=weekly([100.0] * 19 + [106.0, 106.5, 107.0, 108.0, 108.5, 109.0, 110.0], 2.7, 9800),
    sentence="USPS ground parcels cost 10.0 % more than they did, like for like: "
    "about $1,012 a week since 5 October.",
)
returns = Pattern(
    metric="return_rate",
    slice=TENT,
    kind="spike",
    onset=date(2026, 11, 9),
    week=WEEK,
    value=0.21,
    expected=0.06,
    excess=Estimate(6.3, 1.1, 11.4),
    unit="units returned",
    p=0.004,
    q=0.048,
    total=42,
    status="new",
    first_seen=WEEK,
    id="P5D0E",
    history=weekly([0.06] * 24 + [0.19, 0.21], 0.07, 40),
    sentence="The tent TENT-2P-GRN came back three times as often as usual: 21.0 % of units instead of 6.0 %.",
)
idle = Pattern(
    metric="idle_labels",
    slice=Slice.of([("warehouse", "PA")]),
    kind="spike",
    onset=date(2026, 11, 2),
    week=WEEK,
    value=0.05,
    expected=0.028,
    excess=Estimate(24.0, 9.0, 39.0),
    unit="idle labels",
    p=0.002,
    q=0.02,
    total=1090,
    status="continuing",
    first_seen=date(2026, 11, 2),
    id="P7AA1",
    history=weekly([0.028] * 23 + [0.05, 0.049, 0.05], 0.012, 1080),
    sentence="Labels made in PA wait longer for the first scan: 5.0 % instead of 2.8 % after two working days.",
)
portal = Pattern(
    metric="ready_to_label",
    slice=PORTAL,
    kind="step",
    onset=date(2026, 8, 3),
    week=WEEK,
    value=0.062,
    expected=0.06,
    excess=Estimate(0.2, -3.0, 3.4),
    unit="orders waiting over a working day",
    p=0.6,
    q=0.8,
    total=96,
    status="resolved",
    first_seen=date(2026, 8, 10),
    id="P4E11",
    history=weekly([0.06] * 6 + [0.46] * 12 + [0.062] * 8, 0.035, 90),
    sentence="Wholesale portal orders of four or more lines no longer wait for a label: "
    "6.2 % wait over a working day, as before August.",
)

causes = (
    Cause(
        pattern="P3F2A",
        origin="carrier",
        weight=0.71,
        stage="in transit",
        onset=date(2026, 10, 26),
        recent=False,
        sentence="FedEx's linehaul into West South Central is slower: the extra time sits between first scan "
        "and arrival at the destination.",
        evidence=(
            Evidence("The added hours sit in transit; picking, label and first scan did not change.", True),
            Evidence("UPS parcels on the same lane arrive as before.", True),
            Evidence("Weather alerts covered four of the last 20 days in that region.", False),
        ),
        stages=(
            Stage("ready to label", 7.4, 7.6, 7.5, 7.6),
            Stage("label to first scan", 14.2, 14.0, 13.9, 14.1),
            Stage("in transit", 61.0, 103.5, 60.2, 62.0),
            Stage("out for delivery", 8.1, 8.4, 8.0, 8.1),
        ),
        proposal="Give FedEx's share of this lane to UPS for parcels with a promise of three days or less.",
        onset_low=date(2026, 10, 24),
        onset_high=date(2026, 10, 27),
        coincidences=(
            Coincidence("volume", date(2026, 10, 25), 1.4, "Orders a day in NV: 210 before 25 Oct 2026, 294 since."),
        ),
        origins=(("carrier", 0.71), ("external", 0.18), ("undecided", 0.11)),
        earlier="An alert on no new scan for 24 hours would have caught 81 % of the missed promises.",
    ),
    Cause(
        pattern="P3F2A",
        origin="external",
        weight=0.18,
        stage="in transit",
        onset=date(2026, 11, 2),
        recent=False,
        sentence="Storms in early November slowed the region.",
        evidence=(Evidence("The slowdown began a week before the first storm.", False),),
    ),
    Cause(
        pattern="P5D0E",
        origin="workflow",
        weight=0.55,
        stage="listing",
        onset=date(2026, 11, 5),
        recent=True,
        sentence="The tent's listing shows a colour that is no longer shipped.",
        evidence=(
            Evidence("8 of 9 comments name the colour.", True),
            Evidence("The listing photo was replaced on 5 November.", True),
        ),
        proposal="Put the old photo back until the new stock arrives.",
    ),
)

portal_change = Change(
    id="C0007",
    pattern="P4E11",
    root_cause="The automation released portal orders only when every line had a bin.",
    change_shipped="Release portal orders of four or more lines to the dock at once",
    metric="ready_to_label",
    review_date=date(2026, 11, 16),
    scope=PORTAL,
    kind="automation_condition",
    shipped_on=date(2026, 9, 28),
    written_on=date(2026, 9, 24),
    owner="Dana",
    comparison="channel = marketplace & lines = 4+",
    placebo_metric="return_rate",
    expected_effect="Fewer than one in ten wait over a working day",
)
portal_verdict = Verdict(
    change=portal_change,
    decision="improved",
    method="weeks against comparison weeks",
    before=0.462,
    after=0.061,
    effect=Estimate(-0.87, -0.91, -0.80),
    avoided=Estimate(37.0, 29.0, 45.0),
    unit="orders waiting over a working day",
    p=0.0002,
    weeks_after=8,
    sentence="Orders waiting over a working day fell from 46.2 % to 6.1 % while marketplace orders stayed level.",
    next_step="Keep it. Try the same release rule for the retail portal.",
    reasons=("The comparison orders did not change.", "The placebo metric, returns, did not move."),
    history=portal.history[10:],
)
packaging = Verdict(
    change=Change(
        id="C0008",
        pattern="P2B90",
        root_cause="Thin mailers tear on long zones.",
        change_shipped="Padded mailers for zones 7 and 8",
        metric="exception_rate",
        review_date=date(2026, 11, 16),
        scope=Slice.of([("zone", "7+")]),
        kind="packaging_or_labeling",
        shipped_on=date(2026, 10, 19),
        written_on=date(2026, 10, 21),
        owner="Lee",
        flags=("Written down two days after it was shipped.",),
    ),
    decision="not comparable",
    method="none",
    before=0.012,
    after=0.009,
    effect=None,
    avoided=None,
    unit="parcels with an exception",
    p=None,
    weeks_after=4,
    sentence="A second change, the new carrier contract, began in the same parcels on 26 October, "
    "so what the mailers did cannot be told.",
    next_step="Hold other changes in zones 7 and 8 and review again on 14 December.",
    reasons=("Two changes overlap in the same scope.",),
)
allocation = Change(
    id="C0009",
    pattern="P81C4",
    root_cause="Ground surcharges rose on 5 October.",
    change_shipped="Send one-pound parcels in zones 1 to 4 by UPS Ground Saver",
    metric="cost_index",
    review_date=date(2026, 12, 14),
    scope=USPS,
    kind="carrier_allocation",
    shipped_on=date(2026, 11, 17),
    written_on=date(2026, 11, 13),
    owner="Sam",
    expected_effect="$0.50 less for each parcel",
)

quality = Quality(
    counts=(
        TableCount("orders", 48210, 48204, 6),
        TableCount("shipments", 51022, 50990, 32),
        TableCount("tracking_events", 402118, 402118, 0),
        TableCount("returns", 2317, 2317, 0),
    ),
    quarantined=(
        Quarantine(
            "shipments",
            "labels_2026-11.csv",
            4127,
            "label_created_at",
            "2026-13-04 09:12",
            "label_created_at is a date and time",
            "Export the column as ISO 8601 (2026-11-04T09:12).",
            32,
        ),
        Quarantine(
            "orders",
            "orders_2026-11.csv",
            88,
            "order_id",
            "",
            "order_id is not empty",
            "Ask the shop system for the order number of these rows.",
            6,
        ),
    ),
    level="L3",
    can_say=("Which parcels were late and in which step the time was lost.", "Which goods come back, and why."),
    cannot_say=("Whether customers wrote to us about it: no tickets were given.",),
    notes=("USPS invoices run two weeks behind; the last two weeks of cost are label prices.",),
)
provenance = Provenance(
    source="demo shop",
    as_of="2026-11-22T06:00:00+00:00",
    inputs=(("orders_2026-11.csv", "9f31c2d4e5a6b7c8"), ("labels_2026-11.csv", "0a1b2c3d4e5f6071")),
    params=(("week", "2026-W47"), ("min_excess", "5")),
    code="0.1.0",
    packages=(("numpy", "2.4.6"), ("pandas", "3.1.1")),
    tests_made=1840,
)
on_time = Kpi(
    "on_time_delivery",
    "On-time delivery",
    0.929,
    WEEK,
    weekly([0.932] * 26, 0.012, 2900, last_final=False),
    "normal",
    "92.9 % of the parcels that fell due came on time, as usual.",
)
saving = Saving(
    metric="ready_to_label",
    unit="orders waiting over a working day",
    changes=("C1",),
    weekly=Estimate(37.0, 29.0, 45.0),
    so_far=Estimate(262.0, 205.0, 318.0),
    faded=(),
    shared=(),
    history=tuple(
        Point(WEEK - timedelta(weeks=6 - i), 37.0 * i, 29.0 * i, 45.0 * i, 0.0) for i in range(1, 7)
    ),
)  # fmt: skip
together = Ledger(
    WEEK + timedelta(days=6), (saving,), gaps_closed=1, pace=8.7, weeks=9, weeks_in_a_row=4, due=("C2",), sentences=()
)
together = replace(together, sentences=ledger.sentences(together))

SAMPLE = Findings(
    ledger=together,
    merchant="Juniper & Pine Outfitters",
    week=WEEK,
    bottom_line=(
        "FedEx from NV to West South Central is late three times as often as usual: "
        "about 41 more late parcels a week.",
        "The new release rule for portal orders worked: orders waiting over a working day fell from 46.2 % to 6.1 %.",
        "USPS ground costs about $1,012 a week more than in September.",
    ),
    kpis=(
        on_time,
        Kpi(
            "ready_to_label",
            "Waiting in Ready to Ship",
            0.031,
            WEEK,
            weekly([0.062] * 18 + [0.035] * 8, 0.014, 2950),
            "better",
            "3.1 % wait over a working day, better than its normal range.",
        ),
        Kpi(
            "cost_per_parcel",
            "Cost per parcel",
            9.41,
            WEEK,
            weekly([9.02] * 19 + [9.4] * 7, 0.24, 2960),
            "worse",
            "$9.41 a parcel, above its normal range.",
        ),
        Kpi(
            "return_rate",
            "Returns within 21 days",
            0.064,
            WEEK,
            weekly([0.062] * 26, 0.011, 3100),
            "normal",
            "6.4 % of units came back, as usual.",
        ),
        Kpi(
            "late_handover",
            "Missed ship-by deadlines",
            math.nan,
            WEEK,
            (),
            "no data",
            "The orders carry no ship-by deadline.",
        ),
    ),
    patterns=(lane, returns, cost, idle),
    resolved=(portal,),
    causes=causes,
    verdicts=(portal_verdict, packaging),
    upcoming=(allocation,),
    decisions=(
        "Move the FedEx share of the NV to West South Central lane to UPS? (P3F2A)",
        "Put back the old photo of TENT-2P-GRN? (P5D0E)",
    ),
    quality=quality,
    provenance=provenance,
    alarms=(
        Alarm(
            "mix",
            "service",
            USPS,
            WEEK,
            0.21,
            0.34,
            0.002,
            "USPS ground carries 34.0 % of the parcels, 21.0 % before.",
        ),
        Alarm(
            "hotspot", "exceptions", LANE, WEEK, 0.02, 0.05, 0.001, "This lane has twice the exceptions of its like."
        ),
    ),
    glossary=(
        ("Late delivery", "A parcel whose first delivery attempt came after the promised date."),
        ("Normal variation", "The range in which a metric moves from week to week when nothing has changed."),
    ),
)

EVIL = '<script>alert("x")</script>{{7*7}}${7*7}\r\nBcc: evil@example.com " onload="x'


def spoiled(record=SAMPLE):
    """The same findings with a hostile text in every field that data can fill."""
    evil_slice = Slice.of([("channel", EVIL)])
    return replace(
        record,
        merchant="Juniper" + EVIL,
        bottom_line=(EVIL,),
        decisions=(EVIL,),
        ledger=replace(together, sentences=(EVIL,), savings=(replace(saving, metric=EVIL, unit="late" + EVIL),)),
        glossary=((EVIL, EVIL),),
        kpis=tuple(replace(k, label=EVIL, sentence=EVIL) for k in record.kpis),
        patterns=tuple(
            replace(p, slice=evil_slice, unit="late" + EVIL, sentence=EVIL, folded=(evil_slice,), metric=EVIL)
            for p in record.patterns
        ),
        causes=tuple(
            replace(
                c,
                sentence=EVIL,
                stage=EVIL,
                proposal=EVIL,
                evidence=(Evidence(EVIL, True), Evidence(EVIL, False)),
                coincidences=(Coincidence(EVIL, record.week, 2.0, EVIL),),
                earlier=EVIL,
                stages=tuple(replace(s, name=EVIL) for s in c.stages),
            )
            for c in record.causes
        ),
        verdicts=tuple(
            replace(
                v,
                sentence=EVIL,
                next_step=EVIL,
                method=EVIL,
                reasons=(EVIL,),
                unit="late" + EVIL,
                change=replace(
                    v.change,
                    root_cause=EVIL,
                    change_shipped=EVIL,
                    owner=EVIL,
                    notes=EVIL,
                    flags=(EVIL,),
                    scope=evil_slice,
                    metric=EVIL,
                ),
            )
            for v in record.verdicts
        ),
        upcoming=tuple(replace(c, change_shipped=EVIL, owner=EVIL, scope=evil_slice) for c in record.upcoming),
        alarms=tuple(replace(a, what=EVIL, scope=evil_slice, sentence=EVIL) for a in record.alarms),
        quality=replace(
            record.quality,
            level=EVIL,
            can_say=(EVIL,),
            cannot_say=(EVIL,),
            notes=(EVIL,),
            quarantined=(Quarantine(EVIL, EVIL, 1, EVIL, EVIL, EVIL, EVIL, 1),),
        ),
        provenance=replace(record.provenance, source=EVIL, inputs=((EVIL, EVIL),), params=((EVIL, EVIL),)),
    )


HOSTILE = spoiled()
NOTHING = replace(
    SAMPLE,
    bottom_line=(),
    patterns=(),
    resolved=(),
    causes=(),
    verdicts=(),
    ledger=None,
    upcoming=(),
    decisions=(),
    alarms=(),
    kpis=(),
    glossary=(),
    quality=Quality(
        counts=SAMPLE.quality.counts[:1], quarantined=(), level="L1", can_say=(), cannot_say=(), notes=()
    ),
)
