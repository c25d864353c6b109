"""`drills preflight`: what it calls, and how it shows what is foreseen."""
