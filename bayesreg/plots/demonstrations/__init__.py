"""Pictures that teach: ``plot_NAME`` of ``NAME.py`` draws what ``verbs/demonstrate`` computed.

They draw only, as every figure here. The public ``br.plot_NAME`` also computes.
"""
