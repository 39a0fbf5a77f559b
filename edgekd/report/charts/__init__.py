"""Charts, drawn by matplotlib as inline SVG."""
