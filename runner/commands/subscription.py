"""`gazette subscribe` and `gazette unsubscribe`: who gets a report, over which channel."""

from __future__ import annotations

from typing import Annotated

import typer

from reports import conditions
from reports.errors import InvalidInput
from reports.model import ChannelKind, SendIf
from reports.parameters import from_text
from reports.service import NewSubscription
from runner.commands import console
from runner.commands.workplace import formats, opened_desk, utc_now


def subscribe(
    report: Annotated[str, typer.Argument(help="The report's id, or its name.")],
    email: Annotated[str | None, typer.Option(help="Address a mail goes to.")] = None,
    webhook: Annotated[str | None, typer.Option(help="URL a signed JSON message goes to.")] = None,
    outbox: Annotated[str | None, typer.Option(help="A name: files go to the outbox folder.")] = None,
    name: Annotated[str, typer.Option(help="The subscriber's name.")] = "",
    format_list: Annotated[str, typer.Option("--formats", help="html,pdf,xlsx; default: pdf")] = "",
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="Own value, name=value.")] = None,
    secret: Annotated[str, typer.Option(help="Webhook: whsec_... to sign with; default: a new one.")] = "",
    include_content: Annotated[bool, typer.Option(help="Webhook: files in the message as base64.")] = False,
    send_if: Annotated[
        str, typer.Option(help='always, has_data, changed, or a figure: "spend_usd>100", "requests change>20%".')
    ] = "always",
    as_json: console.JsonFlag = False,
) -> None:
    """Subscribe one address to a report."""
    channel, address = _recipient(email, webhook, outbox)
    with opened_desk() as desk:
        template = desk.template(desk.report(report).template)
        asked = NewSubscription(
            report=report,
            channel=channel,
            address=address,
            subscriber=name,
            formats=formats(format_list),
            parameters=from_text(template.parameters, console.pairs(parameter, field="parameter")),
            secret=secret,
            include_content=include_content,
            send_if=conditions.parse(send_if),
        )
        made = desk.subscribe(asked, utc_now())
    if as_json:
        console.show_json(console.plain(made) | {"send_if": str(made.send_if)})
        return
    console.show(f"{made.address} is subscribed over {made.channel.value}, id {made.id}.")
    if made.send_if.kind is not SendIf.ALWAYS:
        console.show(f"It is sent only if: {made.send_if}.")
    if made.secret:
        console.show(f"Its messages are signed with {made.secret}; give this to the receiver and to nobody else.")


def unsubscribe(subscription: Annotated[str, typer.Argument(help="The subscription's id.")]) -> None:
    """End a subscription; what is not yet on its way is cancelled."""
    with opened_desk() as desk:
        address = desk.subscription(subscription).address
        desk.unsubscribe(subscription)
    console.show(f"{address} is no longer subscribed.")


def _recipient(email: str | None, webhook: str | None, outbox: str | None) -> tuple[ChannelKind, str]:
    given = {ChannelKind.EMAIL: email, ChannelKind.WEBHOOK: webhook, ChannelKind.OUTBOX: outbox}
    named = [(channel, address) for channel, address in given.items() if address is not None]
    if len(named) != 1:
        raise InvalidInput("address", "give one of --email ADDRESS, --webhook URL or --outbox NAME")
    return named[0]
