"""Questions to ``signals``: what visitors clicked, saw, waited for, stumbled over, filled in."""
