"""What the clock hands over: schedules, inboxes, and the process behind them."""
