"""Ways through the circle: what each kind of project does in the disciplines. The machine in `loop/` walks them."""
