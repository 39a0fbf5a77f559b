"""Files that edgekd never made: export one, measure one, render a report again."""
