#!/usr/bin/env python3
"""Runs the end-to-end tests: every function test_* of the modules test_*.py beside this file, each
in a folder of its own. Arguments are parts of names: only tests that contain one of them run. Those of
soak_*.py are long, and run only when they are named.
Closes with `e2e: N passed, N failed`."""
import glob
import importlib
import os
import shutil
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# A copy of the program, so that a build beside it cannot change what is under test.
COPY = tempfile.mkdtemp(prefix="tocsin-program-", dir="/tmp")
os.environ["TOCSIN"] = shutil.copy(os.environ.get("TOCSIN", os.path.join(HERE, "..", "..", "build", "tocsin")), COPY)
import harness  # noqa: E402


def main():
    wanted = sys.argv[1:]
    passed, failed = 0, []
    kinds = ["test", "soak"] if any(w.startswith("soak") for w in wanted) else ["test"]
    for path in sorted(p for kind in kinds for p in glob.glob(os.path.join(HERE, f"{kind}_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name in [n for n in dir(module) if n.startswith("test_")]:
            full = f"{module.__name__}.{name}"
            if wanted and not any(w in full for w in wanted):
                continue
            folder = harness.Folder(name[5:30])
            start = time.monotonic()
            try:
                getattr(module, name)(folder.path)
                verdict = "ok"
                passed += 1
            except Exception as e:  # noqa: BLE001: whatever went wrong is the result
                verdict = "FAILED"
                failed.append((full, " ".join(str(e).split())))
                if not isinstance(e, harness.Failed):
                    traceback.print_exc()
                else:
                    traceback.print_exception(None, e, e.__traceback__, limit=-3)
            harness.kill_leftovers(folder.path)
            print(f"{verdict:6} {full} {time.monotonic() - start:.1f} s"
                  + (f"  ({folder.keep()})" if verdict != "ok" else ""), flush=True)
            if verdict == "ok":
                folder.remove()
    shutil.rmtree(COPY, ignore_errors=True)
    for name, why in failed:  # once more at the end, where who reads a long log looks first
        print(f"e2e: FAILED {name}: {why[-600:]}")
    print(f"e2e: {passed} passed, {len(failed)} failed")
    return 1 if failed else 0


sys.exit(main())
