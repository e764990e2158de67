"""What a manifest costs and when it will be done, told before anything is paid."""
