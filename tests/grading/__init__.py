"""Tests of the grader: its walls, its verdicts, and a bank of attempts to cheat it."""
