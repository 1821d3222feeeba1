"""First-party endpoints and what they need: payload parsing, client address, tracker builds."""
