"""Who speaks and sends: profiles, radios, batteries, traffic and policies of mobile devices."""

from devices.battery import build_batteries
from devices.catalogue import catalogue
from devices.ledger import RadioLedger
from devices.local import load_local
from devices.policy import Context, Policy, build_policy
from devices.profile import build_profile, load_profile
from devices.radio import Radio
from devices.radios import build_radio, load_radio, radios
from devices.timeline import Activity, timeline
from devices.traffic import Traffic

__all__ = [
    "Activity",
    "Context",
    "Policy",
    "Radio",
    "RadioLedger",
    "Traffic",
    "build_batteries",
    "build_policy",
    "build_profile",
    "build_radio",
    "catalogue",
    "load_local",
    "load_profile",
    "load_radio",
    "radios",
    "timeline",
]
