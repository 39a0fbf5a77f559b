"""``python -m edgekd``, which is also what ``accelerate launch -m edgekd`` starts."""

from edgekd.cli import main

if __name__ == "__main__":
    main()
