"""Load with a ledger: signed webhooks at a given rate, and proof of what became of each."""
