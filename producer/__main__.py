"""`python -m producer` is `reelmill`."""

from producer.cli import main

main()
