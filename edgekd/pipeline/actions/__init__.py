"""What stages do: functions that are given a ``StageContext``, and what they share."""
