"""What a learner takes home: a zip of codes and scales, a report, and a script."""

from fp8lab.exports.archive import archive
from fp8lab.exports.report import report

__all__ = ["archive", "report"]
