"""The built-in formats, one module each; `maskconv.registry` lists them."""
