"""Every exported file's header, in order, and how each column is written: SQL over the frames of `tables`.

Shopify's order export and ShipStation's custom shipment report carry the headers those systems write.
A column without an expression is always empty.
"""

ON_FIRST_ROW = "CASE WHEN line_no = 0 THEN {} END"


def first(expression: str) -> str:
    """Filled on the first row of each order only, as Shopify does."""
    return ON_FIRST_ROW.format(expression)


def money(column: str) -> str:
    """Two decimals."""
    return f"printf('%.2f', {column})"


def offset_stamp(column: str) -> str:
    """Local time with its offset: `2026-03-02 09:14:20 -0500`."""
    return f"strftime({column}, '%Y-%m-%d %H:%M:%S ') || {column}_offset"


def plain_stamp(column: str) -> str:
    """Local time without offset, twelve-hour clock: `3/2/2026 3:38:51 PM`."""
    return f"strftime({column}, '%-m/%-d/%Y %-I:%M:%S %p')"


def plain_date(column: str) -> str:
    """Date alone: `3/2/2026`."""
    return f"strftime({column}, '%-m/%-d/%Y')"


def iso_utc(column: str) -> str:
    """UTC with its mark: `2026-03-02T14:14:20Z`."""
    return f"strftime({column}, '%Y-%m-%dT%H:%M:%SZ')"


def flag(column: str) -> str:
    """True or False."""
    return f"CASE WHEN {column} THEN 'True' ELSE 'False' END"


BILLING = ("Name", "Street", "Address1", "Address2", "Company", "City", "Zip", "Province", "Country", "Phone")

SHOPIFY = {
    "Name": "'#' || number",
    "Email": "'buyer' || number || '@example.com'",
    "Financial Status": first("financial_status"),
    "Paid at": first(offset_stamp("paid")),
    "Fulfillment Status": first("fulfillment_status"),
    "Fulfilled at": first(offset_stamp("fulfilled")),
    "Accepts Marketing": first("'no'"),
    "Currency": first("'USD'"),
    "Subtotal": first(money("subtotal")),
    "Shipping": first(money("shipping")),
    "Taxes": first("'0.00'"),
    "Total": first(money("total")),
    "Discount Code": first("NULLIF(discount_code, '')"),
    "Discount Amount": first(money("discount")),
    "Shipping Method": first("shipping_method"),
    "Created at": offset_stamp("created"),
    "Lineitem quantity": "quantity",
    "Lineitem name": "title",
    "Lineitem price": money("price"),
    "Lineitem compare at price": "",
    "Lineitem sku": "sku",
    "Lineitem requires shipping": "'true'",
    "Lineitem taxable": "'true'",
    "Lineitem fulfillment status": "line_status",
    **{f"Billing {part}": "" for part in BILLING},
    "Shipping Name": first("'Buyer ' || number"),
    "Shipping Street": "",
    "Shipping Address1": first("street || ' Example St'"),
    "Shipping Address2": "",
    "Shipping Company": "",
    "Shipping City": first("city"),
    "Shipping Zip": first("CASE WHEN postal < 10000 THEN '''' ELSE '' END || printf('%05d', postal)"),
    "Shipping Province": first("state"),
    "Shipping Country": first("'US'"),
    "Shipping Phone": "",
    "Notes": "",
    "Note Attributes": first(
        "'promised_delivery: ' || strftime(promised, '%Y-%m-%d') || CASE WHEN hold IS NULL THEN '' "
        "ELSE chr(10) || 'On hold until: ' || " + offset_stamp("hold") + " END"
    ),
    "Cancelled at": first(offset_stamp("cancelled")),
    "Payment Method": first("'Shopify Payments'"),
    "Payment Reference": "",
    "Refunded Amount": first(money("refunded")),
    "Vendor": "'Example'",
    "Outstanding Balance": first(money("outstanding")),
    "Employee": "",
    "Location": "",
    "Device ID": "",
    "Id": first("5000000000000 + number"),
    "Tags": first("NULLIF(campaign, '')"),
    "Risk Level": first("'Low'"),
    "Source": first("channel"),
    "Lineitem discount": "'0.00'",
    **{f"Tax {number} {part}": "" for number in range(1, 6) for part in ("Name", "Value")},
}

SHIPSTATION = {
    "Order - Number": "number",
    "Order - Source": "'Shopify'",
    "Order - Status": "'Shipped'",
    "Market - Store Name": "store",
    "Date - Order Date": plain_stamp("created"),
    "Date - Label Create Date": plain_stamp("label"),
    "Date - Shipped Date": plain_date("label"),
    "Delivery - Date": plain_date("delivered"),
    "Carrier - Name": "carrier",
    "Carrier - Service Selected": "service",
    "Carrier - Fee": money("cost"),
    "Amount - Shipping Cost": money("cost"),
    "Amount - Order Shipping": money("shipping"),
    "Insurance - Cost": "'0.00'",
    "Shipment - Tracking Number": "tracking_code",
    "Shipment - Zone": "zone_no",
    "Shipment - Weight (Oz)": "CAST(weight_oz AS INTEGER)",
    "Shipment - Length": "length",
    "Shipment - Width": "width",
    "Shipment - Height": "height",
    "Shipment - Package Type": "package_type",
    "Shipment - Void Flag": flag("void IS NOT NULL"),
    "Shipment - Void Date": plain_stamp("void"),
    "Return - Return Label Flag": flag("is_return"),
    "Ship To - State": "state",
    "Ship To - Postal Code": "printf('%05d', postal)",
    "Ship To - Country": "'US'",
    "Ship To - Residential Flag": flag("residential"),
    "Operations - Warehouse": "warehouse",
    "Operations - User Name": "user_name",
    "Count - Number of Line Items": "n_lines",
}

TRACKER = {
    "tracking_code": "tracking_code",
    "carrier": "carrier",
    "status": "status",
    "status_detail": "status_detail",
    "message": "message",
    "datetime": iso_utc("occurred"),
    "recorded_at": iso_utc("recorded"),
    "city": "NULLIF(city, '')",
    "state": "NULLIF(state, '')",
    "zip": "NULLIF(zip, '')",
    "country": "CASE WHEN state <> '' THEN 'US' END",
    "facility": "NULLIF(facility, '')",
}

RETURNS = {
    "rma": "rma",
    "order_name": "'#' || number",
    "sku": "sku",
    "quantity": "quantity",
    "reason": "reason",
    "requested_at": offset_stamp("requested"),
    "received_at": offset_stamp("received"),
    "refunded_at": offset_stamp("refunded"),
    "outcome": "outcome",
    "state": "state",
}

PRODUCTS = {
    "sku": "sku",
    "title": "title",
    "category": "category",
    "launch_date": "launch_date",
    "weight_oz": "CAST(weight_oz AS INTEGER)",
}
