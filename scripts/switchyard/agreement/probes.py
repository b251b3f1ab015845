"""All that is held against other instruments."""

from ..system.interrupts import Interrupts
from ..system.tools import Tools
from .echo_probe import EchoProbe
from .http_probe import OurClientProbe, WrkProbe
from .launches import Setting
from .plan import Plan
from .rounds import Probe
from .switch_probe import SwitchProbe


def all_probes(plan: Plan, tools: Tools, interrupts: Interrupts) -> list[Probe]:
    setting = Setting(plan.build, tools, plan.cpu, plan.other_cpu, interrupts)
    return [
        *(SwitchProbe(setting, runtime) for runtime in ("thread", "process")),
        OurClientProbe(setting),
        WrkProbe(setting),
        *(EchoProbe(setting, runtime) for runtime in ("fiber", "thread", "process")),
    ]
