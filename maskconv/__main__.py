"""``python -m maskconv``."""

from maskconv.cli import main

if __name__ == "__main__":
    main()
