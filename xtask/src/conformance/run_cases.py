"""Runs Autobahn's cases against a server and prints a line for each.

Usage: run_cases.py URL PARALLELISM [CASE...], where a CASE is an id or a glob such as 1.*.
A line holds, between tabs, "case", the id, how the peer behaved and how it closed.
"""

import asyncio
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
