module backtest

go 1.24
