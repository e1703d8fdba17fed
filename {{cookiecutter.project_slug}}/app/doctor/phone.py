"""Check what phone calls would get: the dispatch rules of LiveKit's SIP service."""

from livekit import api

from app.dispatch import names
from app.dispatch.server import ask
from app.doctor.finding import Finding, describe, found, ok
from app.settings import Settings


async def check(settings: Settings, livekit: api.LiveKitAPI) -> list[Finding]:
    """Check each trunk and rule. Without any, there is nothing to say."""
    sip = livekit.sip
    try:
        trunks = (await ask(sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest()))).items
        rules = (await ask(sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest()))).items
    except api.TwirpError:  # a livekit-server without Redis: "sip not connected"
        return []
    name = names.our_name(settings)
    findings = [
        found("phone", "trunk-without-rule", trunk=", ".join(trunk.numbers) or trunk.name)
        for trunk in trunks
        if not any(trunk.sip_trunk_id in (rule.trunk_ids or [trunk.sip_trunk_id]) for rule in rules)
    ]
    ours = [rule for rule in rules if name in agents_of(rule)]
    for rule in rules:
        agents = agents_of(rule)
        # Beside our rules, one that names another agent is another application's.
        if rule not in ours and not (ours and all(agents)):
            values = {"agents": describe(agents), "ours": describe([name])}
            findings.append(found("phone", "rule-asks-for-others", rule=label(rule), **values))
    if ours and not findings:
        findings.append(ok("phone", f"The agent joins calls by {', '.join(map(label, ours))}."))
    return findings


def agents_of(rule: api.SIPDispatchRuleInfo) -> list[str]:
    """Return the names that a rule asks for. A rule without agents asks for one without a name."""
    return sorted({agent.agent_name for agent in rule.room_config.agents} or {""})


def label(rule: api.SIPDispatchRuleInfo) -> str:
    return rule.name or rule.sip_dispatch_rule_id
