"""The OpenFX effect: a plain-C shim in the host (`shim/`), a Python helper beside it (`helper/`), one parameter table.

The shim never loads Python; it starts the helper, which does everything but copy pixels. `docs/ofx-bridge.md` says how
the two talk and what they promise.
"""
