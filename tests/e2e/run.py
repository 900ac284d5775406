#!/usr/bin/env python3
"""Runs the end-to-end tests: every function test_* of the modules test_*.py beside this file, each
in a folder of its own. Arguments are parts of names: only tests that contain one of them run.
Closes with `e2e: N passed, N failed`."""
import glob
import importlib
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402


def main():
    wanted = sys.argv[1:]
    passed, failed = 0, []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_*.py"))):
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
                failed.append(full)
                if not isinstance(e, harness.Failed):
                    traceback.print_exc()
                else:
                    traceback.print_exception(None, e, e.__traceback__, limit=-3)
            harness.kill_leftovers(folder.path)
            print(f"{verdict:6} {full} {time.monotonic() - start:.1f} s"
                  + (f"  ({folder.keep()})" if verdict != "ok" else ""), flush=True)
            if verdict == "ok":
                folder.remove()
    print(f"e2e: {passed} passed, {len(failed)} failed")
    return 1 if failed else 0


sys.exit(main())
