"""The live half of the verdict: probes against running hosts, from the operator's machine."""
