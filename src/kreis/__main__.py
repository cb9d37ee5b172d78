"""`python -m kreis` is the command line."""

from kreis.cli.main import main

if __name__ == "__main__":
    main()
