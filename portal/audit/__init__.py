"""The record of every change: who changed what, from where, and what it was before."""
