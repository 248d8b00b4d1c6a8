"""Runs Autobahn's cases against a server and prints a line for each.

Usage: run_cases.py URL PARALLELISM [CASE...], where a CASE is an id or a glob such as 1.*.
A line holds, between tabs, "case", the id, how the peer behaved and how it closed.
"""

import asyncio
import os
import sys

import kosoku


async def main():
    url, parallelism, *cases = sys.argv[1:]
    try:
        results = await kosoku.run_fuzzingclient(
            url, cases or None, concurrency=int(parallelism)
        )
    except kosoku.FailureError as failure:
        results = failure.results
    for result in results:
        behavior, close = result.behavior.value, result.behavior_close.value
        print("case", result.case_id, behavior, close, sep="\t")


asyncio.run(main())
sys.stdout.flush()
# kosoku's own threads may still run: one that wants Python's lock while the interpreter ends aborts the process, with
# all cases judged.
os._exit(0)
