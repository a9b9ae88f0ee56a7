"""What is known about one agent, team or site over many nights."""
