"""What one person may have sent: a sample of what would arrive, a test to herself, a run once more.

Whoever may subscribe may see what would arrive: she would see it anyway, one click later.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reports.errors import Conflict, Forbidden, NotFound
from reports.model import (
    NOT_REACHED,
    Artifact,
    ChannelKind,
    Delivery,
    DeliveryKind,
    Report,
    Run,
    RunKind,
    RunState,
    Subscription,
)
from reports.parameters import parameters_key
from reports.permissions import Permissions, not_there
from reports.planning import delivery_of, merged_parameters, new_id, repeated
from reports.samples import Sample, make_sample
from reports.service import NewSubscription
from reports.store import RunQuery

SHARED_KINDS = (RunKind.SCHEDULED, RunKind.MANUAL)  # whoever edits tries things out in previews


@dataclass(frozen=True)
class Recipient:
    """A subscription that a run can be sent to, and the delivery there has been."""

    subscription: Subscription
    delivery: Delivery | None

    @property
    def is_stuck(self) -> bool:
        return self.delivery is not None and self.delivery.state in NOT_REACHED


class Posting(Permissions):
    """The part of `Desk` that sends, or shows what would be sent."""

    def artifacts_of(self, run_ids: Sequence[str]) -> dict[str, list[Artifact]]:
        """Files of those of these runs that this person may see."""
        seen = [run.id for run in self.runs(RunQuery(ids=tuple(run_ids), limit=len(run_ids)))] if run_ids else []
        return self._service.store.artifacts_of(seen)

    # Before anybody subscribes

    def draft_subscription(self, wanted: NewSubscription | Subscription, at: datetime) -> Subscription:
        """The checked subscription, not saved. Raises what saving it would raise."""
        if isinstance(wanted, NewSubscription):
            draft = self._service.draft_subscription(wanted, at)
        else:
            before = self._own_subscription(wanted.id)
            draft = self._service.checked_subscription(replace(wanted, report_id=before.report_id))
        if not self.may_change(self._service.report(draft.report_id)):
            self._only_oneself(draft.channel, draft.address)
        return draft

    def sample(self, wanted: NewSubscription | Subscription, at: datetime) -> Sample | None:
        """The very message that this subscription would get of the last run; None while no run has succeeded."""
        draft = self.draft_subscription(wanted, at)
        run = self._sample_run(draft)
        return None if run is None else make_sample(self._service, draft, run, at)

    def send_test(self, wanted: NewSubscription | Subscription, at: datetime) -> Delivery:
        """Queue a real delivery of the last run to oneself: a mail goes to this person's own address."""
        draft = self.draft_subscription(wanted, at)
        if draft.channel is ChannelKind.EMAIL:
            if not self.person.email:
                raise Forbidden("Your account has no e-mail address to send a test to; an admin can add one.")
            draft = replace(draft, address=self.person.email)
        draft = replace(draft, id=new_id())  # of its own: a test is no delivery to the subscription
        with self._changing():
            run = self._sample_run(draft)
            if run is None:
                raise Conflict("No run of this report has succeeded yet, so there is nothing to send.")
            delivery = self._service.store.add_test(delivery_of(run, draft, DeliveryKind.TEST), draft)
            self._log("test", "report", run.report_id, note={"run": run.id, "channel": draft.channel.value})
        return delivery

    def test_delivery(self, id: str) -> Delivery:
        """A test one sent to oneself, or to a report's peer."""
        delivery = self._service.store.delivery(id)
        own = delivery.channel is ChannelKind.EMAIL and delivery.address in self.person.names
        if delivery.kind is not DeliveryKind.TEST or not (own or self._may_change_run(delivery.run_id)):
            not_there("delivery", id)
        return delivery

    def own_subscriptions(self, report_ids: Sequence[str]) -> dict[str, Subscription]:
        """This person's own subscription by e-mail to each of these reports that she has one to."""
        return self._service.store.own_subscriptions(report_ids, self.person.names)

    # Once more

    def run_again(self, run_id: str, at: datetime) -> Run:
        """Queue the run's days, values and filters again, with the template as it is now. See planning.repeated."""
        with self._changing():
            run = self._own_run(run_id)
            again = self._service.store.add_run(repeated(run, at))
            self._log("run", "report", run.report_id, note={"run": again.id, "repeats": run.id})
        return again

    def recipients(self, run_id: str) -> list[Recipient]:
        """To whom the run can be sent: who was sent it, and who is subscribed with just these values."""
        run = self._own_run(run_id)
        try:
            report = self._service.report(run.report_id)
        except NotFound:  # and with it the subscriptions
            return []
        sent = {
            each.subscription_id: each
            for each in self._service.deliveries(run.id)
            if each.kind is DeliveryKind.REPORT and each.subscription_id
        }
        everybody = self._service.subscriptions(report.id)
        return [
            Recipient(each, sent.get(each.id)) for each in everybody if each.id in sent or _wants(each, report, run)
        ]

    def resend(self, run_id: str, subscription_ids: Collection[str], request: str) -> list[Delivery]:
        """Send a run again to these subscribers; the answer is what is now on its way because of it.

        However often the same `request` comes, each of them gets the run once.
        """
        with self._changing():
            run = self._own_run(run_id)
            if run.state is not RunState.SUCCEEDED:
                raise Conflict(f"The run is {run.state.value}; only a run that succeeded can be sent.")
            there = {each.subscription.id: each for each in self.recipients(run.id)}
            for id in subscription_ids:
                if id not in there:
                    not_there("subscription", id)
            wanted = [_delivery(each, run) for id, each in there.items() if id in subscription_ids]
            sent = self._service.store.resend(wanted, request)
            if sent:
                self._log("resend", "run", run.id, note={"to": [each.subscription_id for each in sent]})
        return sent

    def _sample_run(self, draft: Subscription) -> Run | None:
        """The last run that succeeded with the draft's parameters, else the last that succeeded at all."""
        report = self._service.report(draft.report_id)
        kinds = () if self.may_change(report) else SHARED_KINDS
        done = RunQuery(report_id=report.id, states=(RunState.SUCCEEDED,), kinds=kinds, limit=1)
        key = parameters_key(merged_parameters(report, draft))
        found = self._service.runs(replace(done, parameters_key=key)) or self._service.runs(done)
        return found[0] if found else None

    def _may_change_run(self, run_id: str) -> bool:
        try:
            return self.may_change_run(self.run(run_id))
        except NotFound:
            return False


def _wants(subscription: Subscription, report: Report, run: Run) -> bool:
    wanted = parameters_key(merged_parameters(report, subscription))
    return not subscription.paused and wanted == run.parameters_key


def _delivery(recipient: Recipient, run: Run) -> Delivery:
    return recipient.delivery or delivery_of(run, recipient.subscription)
