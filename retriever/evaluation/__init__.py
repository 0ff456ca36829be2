"""Questions with known answers -> figures: how well an encoder and an index find them."""
