"""The tables that the invented applications work on. Statements over them are in the shapes modules."""

from typing import NamedTuple


class Thing(NamedTuple):
    """One table: name, key, the table it belongs to; columns for a name, number, time, state and long text."""

    table: str
    key: str
    parent: str
    label: str
    amount: str
    moment: str
    state: str
    note: str


_ROWS = """
orders order_id customers reference total_amount placed_at status remark
customers customer_id regions full_name credit_limit signed_up_at segment comment_text
order_lines line_id orders sku quantity added_at line_state engraving
products product_id suppliers title list_price published_at availability description
price_v2 price_id products currency net_price valid_from price_kind reason
price_v3 price_id products currency net_price valid_from price_kind reason
shipments shipment_id orders tracking_code weight_kg handed_over_at stage driver_note
invoices invoice_id customers invoice_no gross_amount issued_at dunning_level footer
payments payment_id invoices provider_ref paid_amount captured_at outcome message
refunds refund_id payments voucher refunded_amount granted_at decision justification
carts cart_id customers session_key subtotal touched_at cart_state gift_text
cart_items item_id carts variant_code pieces put_in_at item_state wish
suppliers supplier_id regions company minimum_order contracted_at rating terms
warehouses warehouse_id regions site_name capacity opened_at mode rules
stock_moves move_id warehouses batch_no delta_qty moved_at move_kind cause
regions region_id tenants region_name tax_rate effective_at tier legal_text
tenants tenant_id plans slug seats created_at lifecycle welcome
plans plan_id tenants plan_name monthly_fee launched_at visibility blurb
subscriptions subscription_id tenants contract_no renewal_fee renews_at phase cancel_reason
users user_id tenants login failed_logins last_seen_at role_name about_me
user_devices device_id users fingerprint_code push_count paired_at platform agent_text
audit_trail trail_id users verb_name elapsed_ms happened_at severity payload
events_2025_12 event_id users event_key score occurred_at channel context_json
events_2026_01 event_id users event_key score occurred_at channel context_json
campaigns campaign_id tenants headline budget starts_at approval briefing
clicks click_id campaigns source_code bid_amount clicked_at verdict referrer
tickets ticket_id customers subject_line effort_hours raised_at urgency transcript
ticket_replies reply_id tickets author_name word_count replied_at reply_state reply_text
articles article_id users headline_text read_count released_at workflow body_text
reviews review_id products pseudonym stars written_at moderation opinion
coupons coupon_id campaigns coupon_code discount expires_at coupon_state conditions_text
vehicles vehicle_id warehouses plate mileage_km inspected_at condition_code defects
drivers driver_id vehicles badge hourly_wage hired_at shift_name assessment
routes route_id drivers route_code distance_km departs_at route_state hints
readings reading_id sensors unit_name measured_value measured_at quality_flag raw_frame
sensors sensor_id warehouses serial_no offset_value calibrated_at sensor_state location_text
ledger_entries entry_id accounts booking_ref booked_amount booked_at entry_state purpose
accounts account_id customers iban_masked balance verified_at account_state annotation
job_queue job_id tenants job_name attempts run_after job_state last_failure
feature_flags flag_id tenants flag_name rollout_percent toggled_at flag_state explanation
"""

THINGS: tuple[Thing, ...] = tuple(Thing(*line.split()) for line in _ROWS.strip().splitlines())
SHAPES_A_THING = 6  # 40 tables with 6 statements each make the 240 shapes


def shapes_of(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Write every pattern choice out for every table: 240 templates, no two with the same names and verbs.

    Table i takes the patterns i, i + 4, i + 8, … (modulo their number), so neighbours in frequency differ.
    """
    step = len(patterns) // SHAPES_A_THING
    shapes = []
    for turn in range(SHAPES_A_THING):
        for index, thing in enumerate(THINGS):
            pattern = patterns[(index + turn * step) % len(patterns)]
            parent = next((other for other in THINGS if other.table == thing.parent), THINGS[0])
            shapes.append(
                pattern.format(
                    t=thing.table,
                    k=thing.key,
                    p=thing.parent,
                    pk=parent.key,
                    pn=parent.label,
                    n=thing.label,
                    a=thing.amount,
                    d=thing.moment,
                    s=thing.state,
                    x=thing.note,
                ),
            )
    return tuple(shapes)
