#!/usr/bin/python3
"""Host side of a roll-out: compare, or stage, judge, switch, reload, probe and, if need be, go back."""

from __future__ import annotations

import json
import signal
import traceback

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.gmconf_host.compare import compare
from ansible.module_utils.gmconf_host.host import Refused
from ansible.module_utils.gmconf_host.journal import FULL
from ansible.module_utils.gmconf_host.manifest import Done, Found, Manifest
from ansible.module_utils.gmconf_host.places import Unsafe
from ansible.module_utils.gmconf_host.rollout import apply, confirmed

DOCUMENTATION = """
module: gmconf_tree
short_description: Brings a rendered tree to this host
description: See the role's README. Called by the action plugin of the same name.
options:
  manifest: {type: str, required: true, description: JSON of the host's manifest with all digests}
  phase: {type: str, choices: [compare, apply, confirm], required: true, description: what to do}
  archive: {type: path, description: tar with the files this host lacks, named by digest}
  within:
    type: int
    default: 0
    description: seconds for a confirmation over a new connection, without which the host goes back; 0 asks for none
author: [gmconf]
"""
EXAMPLES = ""
RETURN = ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "manifest": {"type": "str", "required": True, "no_log": False},
            "phase": {"choices": ["compare", "apply", "confirm"], "required": True},
            "archive": {"type": "path"},
            "within": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    manifest: Manifest = json.loads(module.params["manifest"])
    result: Found | Done
    try:
        if module.params["phase"] == "compare":
            result = compare(manifest)
        elif module.params["phase"] == "confirm":
            result = confirmed(manifest)
        else:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a connection that is cut ends nothing half way
            result = apply(manifest, module.params["archive"], check=module.check_mode, confirm=module.params["within"])
    except Refused as error:
        module.fail_json(msg=str(error), **error.details)
    except Unsafe as error:
        module.fail_json(msg=f"nothing was touched: {error}")
    except Exception as error:  # every end is a result, so that the operator sees where it happened
        if isinstance(error, OSError) and error.errno in FULL:  # once a file was switched it would have been Refused
            module.fail_json(
                msg=(
                    f"nothing was touched: no room on this host for the roll-out: {error}; make room, then roll out"
                    " again"
                )
            )
        module.fail_json(msg=f"gmconf_tree: {type(error).__name__}: {error}", exception=traceback.format_exc())
    module.params["manifest"] = ""  # not echoed back: it is large
    module.exit_json(**result)


if __name__ == "__main__":
    main()
