"""`python -m claude_gateway` is `claude-gateway`."""

from claude_gateway.cli import main

if __name__ == "__main__":
    main()
