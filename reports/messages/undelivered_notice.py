"""What an owner is told of a report that was made but has not reached all its subscribers: whom, and why."""

from __future__ import annotations

from reports.messages.envelope import Envelope
from reports.messages.notice import Notice
from reports.messages.wording import clean, shown_address
from reports.model import Delivery, DeliveryState

LISTED = 20  # subscribers; the run's page has them all
ERROR_LIMIT = 500  # characters of what a peer said

LEAD = "The report was made, but it did not reach these subscribers:"
STEP = (
    "Correct what is wrong, such as an address in a subscription. Then open the run's page and choose “Send again” for "
    "these subscribers; nobody else gets the report twice."
)
UNSURE_STEP = " Where it is not known whether the message arrived, ask the subscriber first."
ARRIVED_STEP = "Nothing; everybody has been reached after all."


def undelivered_notice(envelope: Envelope) -> Notice:
    missing = envelope.undelivered
    unsure = any(each.state is DeliveryState.UNKNOWN for each in missing)
    step = STEP + (UNSURE_STEP if unsure else "") if missing else ARRIVED_STEP
    facts = [(shown_address(each.channel, each.address), _in_words(each)) for each in missing[:LISTED]]
    if len(missing) > LISTED:
        facts.append(("Others", f"{len(missing) - LISTED} more; the run's page lists them all"))
    return Notice("Not delivered", facts, step, lead=LEAD if missing else "")


def _in_words(delivery: Delivery) -> str:
    said = clean(delivery.error, ERROR_LIMIT) or "no reason was recorded"
    if delivery.state is DeliveryState.UNKNOWN:
        return f"It is not known whether the message arrived: {said}"
    return said
