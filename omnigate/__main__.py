"""``python -m omnigate``: the command line."""

from omnigate.cli import main

if __name__ == "__main__":
    main()
