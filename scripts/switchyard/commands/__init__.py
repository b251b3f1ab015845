"""The subcommands, one thin module each: add_arguments(parser) and main(args) -> exit code.

They put together what the other packages do; nothing but cli.py imports them.
"""
