"""What the clock hands over: schedules, and the process behind them."""
