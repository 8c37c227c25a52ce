"""Times `host` reading a million bars in several forms: processor time and peak memory of whole processes, medians of nine.

    python3 tests/benches/reading.py HOST [BEFORE]

BEFORE is another build to compare with in the same rounds; forms that it refuses are left out of its column. Where this Python
has polars, polars reads the same files in the same rounds, which is all that it does: a sweep of one combination with few trades
follows the reading of `host`. Ratios are medians of the rounds. The files lie in a temporary folder.
"""

import gzip
import importlib.util
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

# Measured is what runs, never what is known.
os.environ["HOST_STORE"] = "off"

BARS = 1_000_000
ROUNDS = 9
RUN = ["sweep", "--plugin", "sma_cross", "--param", "fast=2000", "--param", "slow=5000", "--workers", "1", "--quiet", "--data"]
READERS = {".csv": "read_csv(FILE)", ".parquet": "read_parquet(FILE)"}


def bars():
    chance, price = random.Random(15), 100.0
    for bar in range(BARS):
        price *= 1 + chance.uniform(-0.001, 0.001)
        moment = time.gmtime(1577836800 + 60 * bar)
        yield moment, price, price * 1.001, price * 0.999, price * 1.0004, chance.randrange(10_000)


def write(folder):
    epochs = os.path.join(folder, "epochs.csv")
    iso = os.path.join(folder, "iso.csv")
    american = os.path.join(folder, "american.csv")
    european = os.path.join(folder, "european.csv")
    with open(epochs, "w") as file:
        file.write("time,open,high,low,close,volume\n")
        for bar, (_, *prices, volume) in enumerate(bars()):
            file.write(f"{1577836800 + 60 * bar}000,{','.join(f'{price:.8f}' for price in prices)},{volume}\n")
    with open(iso, "w") as one, open(american, "w") as two, open(european, "w") as three:
        one.write("Date,Open,High,Low,Close,Volume\n")
        two.write("Date,Open,High,Low,Close,Volume\n")
        three.write("Datum;Open;High;Low;Close;Volume\n")
        for moment, *prices, volume in bars():
            prices = [f"{price:.4f}" for price in prices]
            one.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)},{','.join(prices)},{volume}\n")
            two.write(f"{time.strftime('%m/%d/%Y %H:%M', moment)},{','.join(prices)},{volume}\n")
            comma = ";".join(price.replace(".", ",") for price in prices)
            three.write(f"{time.strftime('%d.%m.%Y %H:%M', moment)};{comma};{volume}\n")
    with open(iso, "rb") as plain, gzip.open(iso + ".gz", "wb", 6) as packed:
        packed.write(plain.read())
    return [epochs, iso, iso + ".gz", american, european]


def run(command):
    """Processor time in seconds and peak memory in MB, or nothing where the command fails."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    return None if status else (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def commands(hosts, file):
    """What reads the file: each build, and polars, where it reads the form with no more words."""
    found = {name: [host, *RUN, file] for name, host in hosts.items()}
    reader = READERS.get(os.path.splitext(file)[1])
    if reader and importlib.util.find_spec("polars"):
        reader = reader.replace("FILE", repr(file))
        found["polars"] = [sys.executable, "-c", f"import polars; assert len(polars.{reader}) == {BARS}"]
    return found


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    hosts = dict(zip(["host", "before"], map(os.path.abspath, sys.argv[1:])))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOST_CACHE_DIR"] = os.path.join(folder, "cache")
        files = write(folder)
        parquet = os.path.join(folder, "epochs.parquet")
        convert = [hosts["host"], "data", "convert", files[0], "--out", parquet]
        subprocess.run(convert, check=True, stderr=subprocess.DEVNULL)
        print(f"{BARS} bars: CPU s, MB, and the CPU s of host by those of the other")
        for file in [parquet, *files]:
            ways = commands(hosts, file)
            # The first run compiles the plugin.
            for command in ways.values():
                run(command)
            rounds = [{name: run(command) for name, command in ways.items()} for _ in range(ROUNDS)]
            cells = []
            for name in ways:
                column = [(one["host"], one[name]) for one in rounds]
                if any(None in pair for pair in column):
                    cells.append(f"{name} refused")
                    continue
                cpu = statistics.median(other[0] for _, other in column)
                memory = statistics.median(other[1] for _, other in column)
                ratio = statistics.median(host[0] / other[0] for host, other in column)
                cells.append(f"{name} {cpu:.3f} {memory:.0f}" + ("" if name == "host" else f" {ratio:.2f}"))
            print(f"{os.path.basename(file):16}", "   ".join(f"{cell:22}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
