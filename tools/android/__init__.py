"""Fetches what the checks of the Android app need: ``python -m tools.android``.

Compilers and the runtimes' own class jars and libraries come from package registries, pinned in
``pins.json`` by version and content, into ``$XDG_CACHE_HOME/edgekd/android``; tools that Debian has
are installed by apt. It may be run again, be killed, and run twice at once.
"""
