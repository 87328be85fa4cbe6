"""What all tests share: figures are drawn without a display."""

import os

# Read when matplotlib is first imported, here and in the kernels that notebooks run in; importing
# matplotlib here instead would cost every test run two seconds.
os.environ["MPLBACKEND"] = "Agg"
