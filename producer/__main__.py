"""`python -m producer` is `reelmill`."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being imported ends it, too."""
    try:
        from producer import cli
    except KeyboardInterrupt:
        sys.stderr.write("interrupted before anything was done\n")
        sys.exit(3)
    cli.main()


if __name__ == "__main__":
    main()
