module strategies/my_strategy

go 1.24

require backtest v0.0.0

replace backtest => ./sdk
