from maskconv_box_csv import FORMAT

from maskconv.testing import FormatContract


class TestBoxCsv(FormatContract):
    format = FORMAT
