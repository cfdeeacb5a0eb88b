"""Which pictures Ultralytics' trainer takes."""

SMALLEST = 10  # pixels of a side
OPENED = frozenset(  # ultralytics.data.utils.IMG_FORMATS
    ".avif .bmp .dng .heic .heif .jp2 .jpeg .jpg .mpo .png .tif .tiff .webp".split()  # noqa: SIM905
)
