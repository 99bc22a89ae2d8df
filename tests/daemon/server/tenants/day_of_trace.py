#!/usr/bin/python3
"""Prints the busiest day of a cluster's trace in the form of day.csv, for simulator_test:

    day_of_trace.py openb_pod_list_default.csv >day.csv      (of Alibaba's trace of 2023)
    SLUICE_DAY=$PWD/day.csv simulator_test "daemon and simulator decide a recorded day*"

Each pod that asks for one GPU, or for a part of one, is a request when it was created and a release when it was deleted."""

import collections
import csv
import sys

DAY_S = 86400


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        pods = [pod for pod in csv.DictReader(file) if pod["num_gpu"] == "1"]
    created = [int(float(pod["creation_time"])) for pod in pods]
    busiest = collections.Counter(second // DAY_S for second in created).most_common(1)[0][0]
    events = []
    for number, (pod, second) in enumerate(zip(pods, created), 1):
        if second // DAY_S != busiest:
            continue
        events.append((second, "request", number, pod["gpu_milli"]))
        if pod["deletion_time"] and int(float(pod["deletion_time"])) // DAY_S == busiest:
            events.append((int(float(pod["deletion_time"])), "release", number, "0"))
    print("second,event,tenant,gpu_milli,memory_mib,device")
    for second, event, tenant, gpu_milli in sorted(events):
        print(f"{second % DAY_S},{event},{tenant},{gpu_milli},0,?")


if __name__ == "__main__":
    main()
