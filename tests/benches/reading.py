"""Times `host` reading a million bars in several forms: processor time and peak memory of whole processes, medians of nine.

    python3 tests/benches/reading.py HOST [BEFORE]

BEFORE is another build to compare with in the same rounds; forms that it refuses are left out of its column. The files lie in a
temporary folder. A backtest with few trades follows the reading, so that both builds do the same work.
"""

import gzip
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
RUN = ["backtest", "--plugin", "sma_cross", "--param", "fast=2000", "--param", "slow=5000", "--quiet", "--data"]


def bars():
    chance, price = random.Random(15), 100.0
    for bar in range(BARS):
        price *= 1 + chance.uniform(-0.001, 0.001)
        moment = time.gmtime(1577836800 + 60 * bar)
        yield moment, price, price * 1.001, price * 0.999, price * 1.0004, chance.randrange(10_000)


def write(folder):
    iso = os.path.join(folder, "iso.csv")
    american = os.path.join(folder, "american.csv")
    european = os.path.join(folder, "european.csv")
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
    return [iso, iso + ".gz", american, european]


def run(host, file):
    process = subprocess.Popen([host, *RUN, file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    return None if status else (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main():
    hosts = [os.path.abspath(host) for host in sys.argv[1:]]
    if not 1 <= len(hosts) <= 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        files = write(folder)
        parquet = os.path.join(folder, "iso.parquet")
        subprocess.run([hosts[0], "data", "convert", files[0], "--out", parquet], check=True, stderr=subprocess.DEVNULL)
        print(f"{BARS} bars: CPU s and MB" + (", and the same before" if len(hosts) == 2 else ""))
        for file in [parquet, *files]:
            rounds = [[run(host, file) for host in hosts] for _ in range(ROUNDS)]
            cells = []
            for column in zip(*rounds):
                if None in column:
                    cells.append("refused")
                else:
                    cells.append(f"{statistics.median(cpu for cpu, _ in column):.2f} {statistics.median(mb for _, mb in column):.0f}")
            print(f"{os.path.basename(file):14}", "  ".join(f"{cell:>10}" for cell in cells))


if __name__ == "__main__":
    main()
