"""Results: JSON for machines, Markdown for people."""
import datetime
import json
import pathlib
import platform
import re
import statistics

from benchlib import processes


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.M)
    release = pathlib.Path("/etc/os-release").read_text()
    return {"cpu": model[1] if model else platform.machine(), "cores": len(re.findall(r"^processor", info, re.M)),
            "kernel": platform.release(), "system": re.search(r'^PRETTY_NAME="(.*)"', release, re.M)[1],
            "date": datetime.date.today().isoformat()}


def median(values):
    return statistics.median(values)


def spread(values):
    """Half of the distance between the smallest and the largest, by the median, in per cent."""
    middle = median(values)
    return 100 * (max(values) - min(values)) / 2 / middle if middle else 0


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" if i == 0 else "---:" for i in range(len(head))) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def save(name, settings, results, text):
    about = machine()
    line = f"{about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, {about['system']}; {about['date']}"
    processes.REPORTS.mkdir(parents=True, exist_ok=True)
    json_path = processes.REPORTS / f"bench-{name}.json"
    json_path.write_text(json.dumps({"bench": name, "machine": about, "settings": settings, "results": results}, indent=1) + "\n")
    markdown = f"{line}\n\n{text}\n"
    (processes.REPORTS / f"bench-{name}.md").write_text(markdown)
    print(f"\n{markdown}\nEverything measured: {json_path.relative_to(processes.ROOT)}")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]
