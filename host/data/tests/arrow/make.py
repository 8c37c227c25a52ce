# Makes the files beside it: two daily bars, as pandas 3.1 with pyarrow 25 and polars write them.
import pandas, polars

bars = pandas.DataFrame(
    {"Open": [1.0, 2.0], "High": [3.0, 4.0], "Low": [0.5, 1.5], "Close": [2.0, 3.0], "Volume": [10, 20]},
    index=pandas.DatetimeIndex(["2024-01-02", "2024-01-03"], name="Date"),
).reset_index()
bars.to_feather("pandas.feather")
table = polars.from_pandas(bars).with_columns(polars.lit("ACME").cast(polars.Categorical).alias("symbol"))
table.write_ipc("polars.arrow", compression="zstd")
table.write_ipc_stream("polars.arrows", compression="lz4")
